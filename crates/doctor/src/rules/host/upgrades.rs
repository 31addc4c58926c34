//! SYS001: upgrades that do not come, or do not take effect.

use muster_core::time::Timestamp;

use crate::facts::system::{System, Upgrades};
use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file, program};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "SYS001",
    severity: Severity::High,
    outlook: Outlook::Failing,
    title: "security upgrades do not arrive",
    silent: "Upgrades by themselves report into a log of their own. A new kernel or library lies on the disk unused until a restart, \
             and only a file in /run says that one is needed.",
    cure: "Read the log and run `unattended-upgrade --debug --dry-run`; plan the restart, or let Automatic-Reboot do it at night.",
    fix: Fix::Told,
    unless: "Nobody asked for upgrades that come by themselves, or the last run ended well after one that failed.",
    judge,
    bad: Fixture::files(
        "the last run could not install",
        &[
            file("/etc/apt/apt.conf.d/20auto-upgrades", "APT::Periodic::Unattended-Upgrade \"1\";\n"),
            program("/usr/bin/unattended-upgrade", "#!/usr/bin/python3\n"),
            file(
                LOG,
                "2026-11-21 06:10:00,001 INFO Starting unattended upgrades script\n\
                 2026-11-21 06:10:44,001 ERROR Installing the upgrades failed!\n",
            ),
        ],
    ),
    good: [
        Fixture::files(
            "a failure that the next run mended",
            &[
                file("/etc/apt/apt.conf.d/20auto-upgrades", "APT::Periodic::Unattended-Upgrade \"1\";\n"),
                program("/usr/bin/unattended-upgrade", "#!/usr/bin/python3\n"),
                file(
                    LOG,
                    "2026-11-20 06:10:00,001 INFO Starting unattended upgrades script\n\
                     2026-11-20 06:10:44,001 ERROR Installing the upgrades failed!\n\
                     2026-11-21 06:10:00,001 INFO Starting unattended upgrades script\n\
                     2026-11-21 06:10:02,001 INFO No packages found that can be upgraded unattended\n",
                ),
            ],
        ),
        Fixture::with(
            "turned off by a later file, and a restart that is young",
            &[
                file("/etc/apt/apt.conf.d/20auto-upgrades", "APT::Periodic::Unattended-Upgrade \"1\";\n"),
                file("/etc/apt/apt.conf.d/99off", "APT::Periodic::Unattended-Upgrade \"0\";\n"),
            ],
            |facts| {
                let at = Timestamp::from_millis(facts.at.millis() - 3 * DAY);
                if let Fact::Known(system) = &mut facts.system {
                    system.restart = Fact::Known((at, vec!["linux-image-amd64".to_owned()]));
                }
            },
        ),
    ],
};

const LOG: &str = "/var/log/unattended-upgrades/unattended-upgrades.log";
/// In milliseconds.
const DAY: i64 = 86_400_000;
/// Days after which a restart, or a run, is overdue.
const LATE: i64 = 14;

fn judge(facts: &Facts) -> Answer {
    Answer::of(&facts.system, |system, answer| {
        match &system.upgrades {
            Fact::Known(upgrades) => arriving(facts, upgrades, answer),
            Fact::Unknown { why } => answer.blind(why),
            Fact::Nothing { .. } => {}
        }
        restart(facts, system, answer);
    })
}

fn arriving(facts: &Facts, upgrades: &Upgrades, answer: &mut Answer) {
    let (file, line) = &upgrades.asked;
    let asked = Place::line(file, *line, "APT::Periodic::Unattended-Upgrade");
    if !upgrades.is_installed {
        let observed = "upgrades are asked for, and unattended-upgrade is not installed";
        answer.find(Finding::new("unattended-upgrades", asked, observed));
        return;
    }
    if let Some((line, text)) = upgrades.errors.first() {
        let place = Place::line(LOG, *line, text);
        let observed = match upgrades.errors.len() {
            1 => format!("the last run had an error: {text}"),
            count => format!("the last run had {count} errors, the first: {text}"),
        };
        answer.find(Finding::new("unattended-upgrades", place, observed));
    }
    if let Some(days) = upgrades.last.map(|at| (facts.at.millis() - at.millis()) / DAY)
        && days > LATE
        && facts.vantage.live
    {
        let observed = format!("upgrades are asked for, and ran last {days} days ago");
        answer.find(Finding::new("unattended-upgrades", asked, observed));
    }
}

fn restart(facts: &Facts, system: &System, answer: &mut Answer) {
    match &system.restart {
        Fact::Known((since, packages)) => {
            let days = (facts.at.millis() - since.millis()) / DAY;
            if days > LATE {
                let named = packages.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
                let named = if named.is_empty() { String::new() } else { format!(" for {named}") };
                let observed = format!("a restart{named} has been asked for since {days} days");
                answer.find(Finding::new("restart", Place::of("/run/reboot-required"), observed));
            }
        }
        Fact::Unknown { why } => answer.blind(why),
        Fact::Nothing { .. } => {}
    }
}
