//! CRON018: crontabs that nobody reads.

use muster_host::discover::crontab::Daemon;

use crate::facts::cron::Cron;
use crate::facts::{Fact, Facts};
use crate::mend::Mend;
use crate::mend::order::Order;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

const SHOP: &str = "0 2 * * * root muster run n -- /bin/true\n";

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CRON018",
    severity: Severity::Critical,
    outlook: Outlook::Failing,
    title: "crontabs are there and cron is not running",
    silent: "Nothing runs, so nothing fails.",
    cure: "Start it, and have it started with the host: `systemctl enable --now cron`.",
    fix: Fix::Disruptive,
    unless: "All crontabs belong to packages, or systemd-cron makes timers of them.",
    judge,
    bad: Fixture::with("a job and no daemon", &[file("/etc/cron.d/shop", SHOP)], |facts| {
        set(facts, Some(false), None)
    }),
    good: [
        Fixture::with("the daemon runs and is enabled", &[file("/etc/cron.d/shop", SHOP)], |facts| {
            set(facts, Some(true), Some(true))
        }),
        Fixture::with(
            "no daemon, and packages' own crontabs only",
            &[
                file("/etc/cron.d/e2scrub_all", SHOP),
                file(
                    "/var/lib/dpkg/status",
                    "Package: e2fsprogs\nConffiles:\n /etc/cron.d/e2scrub_all 4d7e\n",
                ),
            ],
            |facts| set(facts, Some(false), None),
        ),
    ],
};

fn set(facts: &mut Facts, running: Option<bool>, enabled: Option<bool>) {
    if let Fact::Known(cron) = &mut facts.cron {
        let known = |fact: Option<bool>| fact.map_or(Fact::nothing("nobody can tell"), Fact::Known);
        (cron.running, cron.enabled) = (known(running), known(enabled));
    }
}

fn judge(facts: &Facts) -> Answer {
    Answer::of(&facts.cron, |cron, answer| {
        let jobs = jobs(cron);
        if jobs == 0 || cron.daemon == Daemon::Systemd {
            answer.nothing = Some("cron has nothing to run of the operator's".to_owned());
            return;
        }
        let lines = if jobs == 1 { "1 job waits".to_owned() } else { format!("{jobs} jobs wait") };
        let finding =
            |observed: String| Finding::new("cron", Place::of("/proc"), observed).mended(mend(cron.daemon));
        match (&cron.running, &cron.enabled) {
            (Fact::Known(false), _) => {
                answer.find(finding(format!("no cron daemon runs, and {lines} for it")))
            }
            (Fact::Unknown { why }, _) | (_, Fact::Unknown { why }) => answer.blind(why.clone()),
            (_, Fact::Known(false)) => {
                answer.find(finding(format!(
                    "cron is not started with the host: {lines} for it after the next reboot"
                )));
            }
            (Fact::Nothing { why }, _) => answer.nothing = Some(why.clone()),
            (Fact::Known(true), _) => {}
        }
    })
}

/// The unit by the name that the distributions give it.
fn mend(daemon: Daemon) -> Option<Mend> {
    let unit = match daemon {
        Daemon::Debian => "cron.service",
        Daemon::Cronie => "crond.service",
        Daemon::Busybox | Daemon::Systemd => return None,
    };
    Some(Mend::Order(Order::Enable { unit: unit.to_owned(), now: true }))
}

/// Jobs that no package brought.
fn jobs(cron: &Cron) -> usize {
    let lines = cron
        .tables
        .iter()
        .filter(|table| table.package.is_none() && table.path != "/etc/crontab")
        .map(|table| table.lines.len());
    let scripts =
        cron.scripts.iter().filter(|script| script.package.is_none() && script.mode & 0o111 != 0).count();
    lines.sum::<usize>() + scripts
}
