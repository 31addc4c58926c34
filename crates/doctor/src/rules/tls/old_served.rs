//! TLS002: the renewed certificate lies on the disk, and the old one is shown.

use super::day;
use crate::facts::nginx::{Master, Served, Shown};
use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file};
use crate::rules::nginx::{LAG, masters, nginx, ran};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "TLS002",
    severity: Severity::Critical,
    outlook: Outlook::Failing,
    title: "a renewed certificate is not the one that is shown",
    silent: "A server reads its certificate when it starts or reloads. The renewal went well and its file is good for months; the server \
             shows the old one until that ends, and only visitors see the day.",
    cure: "Reload nginx now (`nginx -t && nginx -s reload`), and have the renewal do it: `certbot renew --deploy-hook \"systemctl reload nginx\"`.",
    fix: Fix::Disruptive,
    unless: "What is shown is in another file that nginx is told to show, or is for other names. Where only TLS 1.3 is spoken, the date \
             of the file counts, and that of a certificate in it which is new.",
    judge,
    bad: Fixture::with("an older one for the same name is shown", CONF, |facts| {
        tell(facts, Fact::Known(served(-60, false)), 3_600);
    }),
    good: [
        Fixture::with("the same is shown, though the file was copied anew", CONF, |facts| {
            tell(facts, Fact::Known(served(0, true)), 60);
        }),
        Fixture::with("nobody can ask, and the file is older than the last reload", CONF, |facts| {
            tell(facts, Fact::unknown("127.0.0.1:443: it speaks only TLS 1.3"), 172_800);
        }),
    ],
};

const CONF: &[crate::rules::fixture::Planted] = &[file("/etc/nginx/nginx.conf", "http {}\n")];

/// Days in milliseconds.
const DAY: i64 = 86_400_000;
const NOON: muster_core::time::Timestamp = muster_core::time::Timestamp::from_seconds(1_795_262_400);

/// One that is good from so many days after that of the file.
fn served(days: i64, on_disk: bool) -> Served {
    Served {
        from: NOON.shifted(days * DAY),
        until: NOON.shifted((days + 90) * DAY),
        on_disk,
        same_name: true,
    }
}

/// A certificate in a file that was written so many seconds ago; nginx read it a day ago.
fn tell(facts: &mut Facts, served: Fact<Served>, ago: i64) {
    let shown = Shown {
        named: ("/etc/nginx/sites-enabled/shop".to_owned(), 3),
        path: "/etc/letsencrypt/live/shop.test/fullchain.pem".to_owned(),
        written: facts.at.shifted(-ago * 1000),
        from: NOON,
        at: "127.0.0.1:443 for shop.test".to_owned(),
        served,
    };
    ran(facts, 86_400, |read_at| Master {
        pid: 100,
        conf: "/etc/nginx/nginx.conf".to_owned(),
        read_at,
        files: Vec::new(),
        shown: vec![shown],
    });
}

fn judge(facts: &Facts) -> Answer {
    nginx(facts, |nginx, answer| {
        for master in masters(nginx, answer) {
            let mut told: Vec<&str> = Vec::new();
            for shown in &master.shown {
                let Some(observed) = wrong(master, shown) else { continue };
                if !told.contains(&shown.path.as_str()) {
                    told.push(&shown.path);
                    let place = Place::line(&shown.named.0, shown.named.1, &shown.path);
                    let finding = Finding::new(&shown.path, place, observed);
                    answer.find(match &shown.served {
                        Fact::Known(served) => {
                            finding.forecast(format!("what is shown ends on {}", day(served.until)))
                        }
                        _ => finding,
                    });
                }
            }
        }
    })
}

fn wrong(master: &Master, shown: &Shown) -> Option<String> {
    match &shown.served {
        Fact::Known(served) => (!served.on_disk && served.same_name && served.from < shown.from).then(|| {
            format!(
                "the file holds a certificate from {}, and {} shows one from {} that no file holds",
                day(shown.from),
                shown.at,
                day(served.from)
            )
        }),
        // Nobody could ask; but what was written later was not read. An old one that was only touched is the same still.
        Fact::Unknown { .. } | Fact::Nothing { .. } => {
            let is_new = shown.from > master.read_at.shifted(-2 * DAY);
            (is_new && shown.written > master.read_at.shifted(LAG)).then(|| {
                format!(
                    "the file was written {} after nginx (process {}) last read it",
                    shown.written.since(master.read_at),
                    master.pid
                )
            })
        }
    }
}
