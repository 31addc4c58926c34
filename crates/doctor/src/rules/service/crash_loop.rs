//! SVC004: a service that dies and comes back, over and over.

use super::{each_state, each_unit, shown, sound, tell};
use crate::facts::Facts;
use crate::facts::services::State;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "SVC004",
    severity: Severity::Medium,
    outlook: Outlook::Failing,
    title: "a service crashes over and over and looks active",
    silent: "Between two crashes it is active. Whoever looks sees a running service most of the time, and with the limit of starts \
             switched off systemd never gives up.",
    cure: "Read `journalctl -u NAME` for the cause. Set RestartSec=5s so that it does not burn a core meanwhile, and keep the limit.",
    fix: Fix::Told,
    unless: "It crashed before and has now run for an hour.",
    judge,
    bad: Fixture::facts("a service between two crashes", |facts| {
        let (active, sub) = ("activating".to_owned(), "auto-restart".to_owned());
        tell(facts, vec![State { active, sub, restarts: 412, pid: 0, ..sound("api.service") }]);
    }),
    good: [
        Fixture::facts("two crashes on the way up", |facts| {
            tell(facts, vec![State { restarts: 2, ..sound("api.service") }]);
        }),
        Fixture::files(
            "no pause, but with its limit",
            &[file(
                "/etc/systemd/system/api.service",
                "[Service]\nExecStart=/opt/api\nRestart=always\nRestartSec=0\n",
            )],
        ),
    ],
};

/// New starts from which on it is a habit.
const HABIT: u64 = 3;

fn judge(facts: &Facts) -> Answer {
    let mut answer = each_state(facts, |_, state, answer| {
        if state.restarts < HABIT {
            return;
        }
        let process = facts.processes.known().and_then(|processes| processes.of(state.pid));
        let age = process.map(|process| facts.at.since(process.started));
        let fresh = age.is_some_and(|age| age.as_millis() < 3_600_000);
        if state.sub == "auto-restart" || fresh {
            let now = match age {
                Some(age) => format!("this process has lived for {age}"),
                None => "it is down at this moment".to_owned(),
            };
            let observed = format!("systemd started it again {} times; {now}", state.restarts);
            answer.find(Finding::new(&state.name, shown(&state.name), observed));
        }
    });
    let files = each_unit(facts, |_, unit, answer| {
        let zero = |section: &str, key: &str| {
            unit.last(section, key).is_some_and(|value| ["0", "0s", "0ms", "infinity"].contains(&value))
        };
        let unlimited = zero("Unit", "StartLimitIntervalSec")
            || zero("Unit", "StartLimitInterval")
            || zero("Service", "StartLimitInterval");
        if unlimited && zero("Service", "RestartSec") {
            let observed = "RestartSec=0 without a limit of starts: a crash at start burns a core for ever";
            answer.find(Finding::new(&unit.name, Place::of(unit.path()), observed));
        }
    });
    // What only a running systemd knows is not missed where files say enough.
    answer.findings.extend(files.findings);
    if !answer.findings.is_empty() {
        answer.nothing = None;
    }
    answer
}
