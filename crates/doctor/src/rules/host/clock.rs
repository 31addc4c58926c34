//! TIME001: a clock that nobody keeps, or two opinions of the zone.

use muster_host::discover::crontab::Daemon;

use crate::facts::system::{Clock, System};
use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file, link};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "TIME001",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "the clock or its zone cannot be relied on",
    silent: "A clock drifts by seconds a week and says so nowhere, until certificates and tokens are refused. A zone that one \
             program reads and another does not moves jobs by hours, and they still run.",
    cure: "Turn on systemd-timesyncd or chrony. Have one zone (`timedatectl set-timezone`); with Debian's cron write the times \
           in it, for that cron does not know CRON_TZ.",
    fix: Fix::Told,
    unless: "It is a container, whose clock is its host's; or a cron that knows CRON_TZ reads the file.",
    judge,
    bad: Fixture::files(
        "a zone that Debian's cron does not heed",
        &[
            link("/etc/localtime", "/usr/share/zoneinfo/Europe/Berlin"),
            file("/etc/cron.d/report", "CRON_TZ=UTC\n0 2 * * * root muster run report -- /bin/true\n"),
        ],
    ),
    good: [
        Fixture::files(
            "the same under cronie, which heeds it",
            &[
                file("/etc/redhat-release", "Fedora\n"),
                file("/etc/debian_version", "\0absent"),
                link("/etc/localtime", "/usr/share/zoneinfo/Europe/Berlin"),
                file("/etc/cron.d/report", "CRON_TZ=UTC\n0 2 * * * root muster run report -- /bin/true\n"),
            ],
        ),
        Fixture::files(
            "two names of one zone",
            &[
                link("/etc/localtime", "/usr/share/zoneinfo/UTC"),
                file("/etc/timezone", "Etc/UTC\n"),
                file("/etc/cron.d/report", "CRON_TZ=UTC\n0 2 * * * root muster run report -- /bin/true\n"),
            ],
        ),
    ],
};

/// A clock is set within minutes of the start; in seconds.
const SETTLED: u64 = 15 * 60;

fn judge(facts: &Facts) -> Answer {
    Answer::of(&facts.system, |system, answer| {
        match &system.clock {
            Fact::Known(clock) => kept(clock, answer),
            Fact::Unknown { why } => answer.blind(why),
            Fact::Nothing { .. } => {}
        }
        zones(facts, system, answer);
    })
}

fn kept(clock: &Clock, answer: &mut Answer) {
    let observed = match (&clock.keeper, &clock.set) {
        (None, _) => "no program keeps the clock".to_owned(),
        (Some(keeper), Fact::Known(false)) if clock.uptime > SETTLED => {
            format!("{keeper} runs and has not set the clock by anybody since the host was started")
        }
        (Some(_), Fact::Unknown { why }) => return answer.blind(why),
        _ => return,
    };
    answer.find(Finding::new("clock", Place::of("/proc"), observed));
}

fn zones(facts: &Facts, system: &System, answer: &mut Answer) {
    if let (Some(zone), Some(said)) = (&system.zone, &system.zone_file)
        && !is_same(zone, said)
    {
        let observed = format!("it says {said}, and /etc/localtime leads to {zone}");
        answer.find(Finding::new("zone", Place::line("/etc/timezone", 1, said), observed));
    }
    match (&facts.cron, &system.zone) {
        (Fact::Known(cron), Some(zone)) if cron.daemon == Daemon::Debian => {
            for table in cron.tables.iter().filter(|table| !table.lines.is_empty()) {
                for (line, _, value) in table.settings.iter().filter(|(_, name, _)| name == "CRON_TZ") {
                    if !is_same(zone, value) {
                        let place = Place::line(&table.path, *line, format!("CRON_TZ={value}"));
                        let observed = format!("Debian's cron does not know CRON_TZ: the jobs run by {zone}");
                        answer.find(Finding::new(format!("{}: CRON_TZ", table.path), place, observed));
                    }
                }
            }
        }
        (Fact::Unknown { why }, _) => answer.blind(format!("crontabs: {why}")),
        _ => {}
    }
}

/// The same hours, by the names of UTC that are all one.
fn is_same(one: &str, other: &str) -> bool {
    let plain = |zone: &str| {
        let zone = zone.trim().trim_start_matches(':').to_ascii_lowercase();
        match zone.trim_start_matches("posix/").trim_start_matches("etc/") {
            "utc" | "uct" | "universal" | "zulu" | "gmt" | "gmt0" | "greenwich" => "utc".to_owned(),
            other => other.to_owned(),
        }
    };
    plain(one) == plain(other)
}
