//! CRON025: a rare timer that does not make up for a run that the host slept through.

use super::calendar::{self, Calendar};
use super::each_timer;
use crate::facts::Facts;
use crate::facts::services::is_yes;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CRON025",
    severity: Severity::Medium,
    outlook: Outlook::Hygiene,
    title: "a timer of a day or more forgets a run that fell into a restart",
    silent: "A host that is down at the one moment of the day, week or month starts the job at the next one, and nothing says that one \
             was left out.",
    cure: "Write `Persistent=true` under [Timer]: systemd then starts what was missed after the boot.",
    fix: Fix::Told,
    unless: "It comes more often than once a day or once only, has several calendars, or also fires after the boot (OnBootSec=, OnStartupSec=). \
             Where the moment matters more than the run, allow it with a reason.",
    judge,
    bad: Fixture::files(
        "a weekly backup",
        &[file("/etc/systemd/system/backup.timer", "[Timer]\nOnCalendar=Sun 03:00\n")],
    ),
    good: [
        Fixture::files(
            "the same, made up for",
            &[file("/etc/systemd/system/backup.timer", "[Timer]\nOnCalendar=Sun 03:00\nPersistent=yes\n")],
        ),
        Fixture::files(
            "each hour",
            &[file("/etc/systemd/system/sync.timer", "[Timer]\nOnCalendar=*-*-* *:05:00\n")],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each_timer(facts, |_, unit, answer| {
        let again = ["OnBootSec", "OnStartupSec", "OnActiveSec", "OnUnitActiveSec", "OnUnitInactiveSec"];
        let persistent = unit.last("Timer", "Persistent").is_some_and(is_yes);
        let fires_again = again.iter().any(|key| unit.last("Timer", key).is_some());
        if let [(file, setting)] = unit.all("Timer", "OnCalendar")[..]
            && !persistent
            && !fires_again
            && calendar::read(&setting.value) == Calendar::Rare
        {
            let place = Place::line(&file.path, setting.line, format!("OnCalendar={}", setting.value));
            let observed = format!("it comes at {} only, without Persistent=true", setting.value);
            answer.find(Finding::new(&unit.name, place, observed));
        }
    })
}
