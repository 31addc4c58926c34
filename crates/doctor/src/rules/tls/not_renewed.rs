//! TLS003: certificates that nobody renews.

use super::{day, tls};
use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file, link};
use crate::rules::tls::example::LONG;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "TLS003",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "certificates of certbot are not renewed",
    silent: "The certificate goes on working until its last day. A renewal that fails is a line in certbot's own log. Debian's \
             crontab for certbot does nothing where systemd runs and leaves it to a timer, which may be off.",
    cure: "Turn the timer on (`systemctl enable --now certbot.timer`) and try `certbot renew --dry-run`.",
    fix: Fix::Told,
    unless: "Another timer or cron line renews; or certbot runs in a container of its own: then allow it with that reason.",
    judge,
    bad: Fixture::files(
        "the timer is off, and the crontab leaves it to the timer",
        &[
            file("/lib/systemd/systemd", ""),
            file("/etc/letsencrypt/renewal/shop.test.conf", "[renewalparams]\n"),
            file("/etc/letsencrypt/live/shop.test/fullchain.pem", LONG),
            file(
                "/etc/cron.d/certbot",
                "0 */12 * * * root test -x /usr/bin/certbot -a \\! -d /run/systemd/system && certbot -q renew\n",
            ),
        ],
    ),
    good: [
        Fixture::files(
            "the timer is on",
            &[
                file("/lib/systemd/systemd", ""),
                file("/etc/letsencrypt/renewal/shop.test.conf", "[renewalparams]\n"),
                file("/etc/letsencrypt/live/shop.test/fullchain.pem", LONG),
                file(
                    "/etc/cron.d/certbot",
                    "0 */12 * * * root test -x /usr/bin/certbot -a \\! -d /run/systemd/system && certbot -q renew\n",
                ),
                link(
                    "/etc/systemd/system/timers.target.wants/certbot.timer",
                    "/lib/systemd/system/certbot.timer",
                ),
            ],
        ),
        Fixture::files(
            "a failure that the next run mended, started by a line of one's own",
            &[
                file("/etc/letsencrypt/renewal/shop.test.conf", "[renewalparams]\n"),
                file("/etc/letsencrypt/live/shop.test/fullchain.pem", LONG),
                file("/etc/cron.d/renew", "7 3 * * * root muster run renew -- certbot renew -q\n"),
                file(
                    "/var/log/letsencrypt/letsencrypt.log",
                    "2026-11-20 03:07:01,001:DEBUG:certbot._internal.main:certbot version: 2.1.0\n\
                     2026-11-20 03:07:09,001:ERROR:certbot._internal.renewal:Failed to renew certificate shop.test with error: timed out\n\
                     2026-11-21 03:07:01,001:DEBUG:certbot._internal.main:certbot version: 2.1.0\n",
                ),
            ],
        ),
    ],
};

/// Certbot runs twice a day; after this many days without a run nothing starts it, in milliseconds.
const STALE: i64 = 7 * 86_400_000;

fn judge(facts: &Facts) -> Answer {
    tls(facts, |tls, answer| {
        let Some(certbot) = &tls.certbot else {
            answer.nothing.get_or_insert_with(|| "certbot has nothing to renew".to_owned());
            return;
        };
        let renewal = Place::of("/etc/letsencrypt/renewal");
        if certbot.started_by.is_empty() {
            let aside = if certbot.stands_aside && certbot.systemd {
                "; /etc/cron.d/certbot leaves it to the timer, which is off"
            } else {
                ""
            };
            let observed = format!("nothing starts certbot for {}{aside}", certbot.lineages.join(", "));
            let ends = tls.certificates.iter().filter(|file| file.lineage.is_some());
            let first = ends.filter_map(|file| Some(file.first.known()?.until)).min();
            let mut finding = Finding::new("certbot", renewal.clone(), observed);
            if let Some(until) = first {
                finding = finding.forecast(format!("the first certificate ends on {}", day(until)));
            }
            answer.find(finding);
        }
        match &certbot.last {
            Fact::Known((at, failed)) => {
                let log = Place::of("/var/log/letsencrypt/letsencrypt.log");
                for name in failed.iter().filter(|name| certbot.lineages.contains(name)) {
                    let observed = format!("the last run could not renew {name}");
                    answer.find(Finding::new(format!("certbot: {name}"), log.clone(), observed));
                }
                let stale = at.filter(|at| facts.at.millis() - at.millis() > STALE);
                if let Some(at) = stale.filter(|_| facts.vantage.live && !certbot.started_by.is_empty()) {
                    let by = certbot.started_by.join(", ");
                    let observed = format!("certbot ran last on {}, though {by} should start it", day(at));
                    answer.find(Finding::new("certbot", log, observed));
                }
            }
            Fact::Unknown { why } => answer.blind(why),
            Fact::Nothing { .. } => {}
        }
    })
}
