//! SVC002: systemd gave a service up.

use super::{each_state, shown, sound, tell};
use crate::facts::Facts;
use crate::facts::services::State;
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "SVC002",
    severity: Severity::Critical,
    outlook: Outlook::Failing,
    title: "a service has failed and stays down",
    silent: "After a few quick crashes (five in ten seconds, unless it was told otherwise) systemd starts a service no more, \
             whatever Restart= says. It says so once, in the journal.",
    cure: "Read `journalctl -u NAME`, mend the cause, then `systemctl reset-failed NAME` and `systemctl start NAME`.",
    fix: Fix::Told,
    unless: "A person stopped it.",
    judge,
    bad: Fixture::facts("a service that was given up", |facts| {
        let (active, sub) = ("failed".to_owned(), "failed".to_owned());
        let result = "start-limit-hit".to_owned();
        tell(facts, vec![State { active, sub, result, restarts: 5, ..sound("api.service") }]);
    }),
    good: [
        Fixture::facts("a service that somebody stopped", |facts| {
            let (active, sub) = ("inactive".to_owned(), "dead".to_owned());
            tell(facts, vec![State { active, sub, ..sound("api.service") }]);
        }),
        Fixture::facts("a service that crashed once and runs", |facts| {
            tell(facts, vec![State { restarts: 1, ..sound("api.service") }]);
        }),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each_state(facts, |_, state, answer| {
        if state.active != "failed" {
            return;
        }
        let why = match state.result.as_str() {
            "start-limit-hit" => "it crashed too often in too short a time, and systemd gave up",
            "oom-kill" => "the kernel killed it for want of memory",
            "timeout" => "it did not start or stop in time",
            "watchdog" => "it no longer answered its watchdog",
            "signal" | "core-dump" => "a signal ended it",
            "exit-code" => "it ended with an error",
            other => other,
        };
        let again = match state.restarts {
            0 => String::new(),
            count => format!(", after {count} new starts"),
        };
        answer.find(Finding::new(&state.name, shown(&state.name), format!("failed: {why}{again}")));
    })
}
