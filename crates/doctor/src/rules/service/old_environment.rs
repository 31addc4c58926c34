//! SVC007: a service that still has the settings of yesterday.

use super::{each_unit, shown, sound, tell};
use crate::facts::Fact;
use crate::facts::Facts;
use crate::facts::services::State;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "SVC007",
    severity: Severity::High,
    outlook: Outlook::Failing,
    title: "a service runs with older settings than its file has",
    silent: "A process reads its environment once, when it starts. The new password, address or switch is in the file and nowhere else, \
             until the next restart brings it at a bad time.",
    cure: "Restart the service when it suits, and look whether it comes up.",
    fix: Fix::Told,
    unless: "The program reads its .env again by itself, or a wrapper sets the same variable before it starts the program.",
    judge,
    bad: Fixture::with(
        "a variable that changed",
        &[file(
            "/etc/systemd/system/api.service",
            "[Service]\nExecStart=/opt/api\nEnvironmentFile=/etc/api.env\n",
        )],
        |facts| tell(facts, vec![State { outdated: vec!["DB_HOST".to_owned()], ..sound("api.service") }]),
    ),
    good: [
        Fixture::with(
            "a file that was only touched",
            &[
                file(
                    "/etc/systemd/system/api.service",
                    "[Service]\nExecStart=/opt/api\nEnvironmentFile=/etc/api.env\n",
                ),
                file("/etc/api.env", "DB_HOST=db\n"),
            ],
            |facts| tell(facts, vec![sound("api.service")]),
        ),
        Fixture::with(
            "a service that does not run",
            &[
                file(
                    "/etc/systemd/system/api.service",
                    "[Service]\nExecStart=/opt/api\nWorkingDirectory=/opt\n",
                ),
                file("/opt/.env", "DB_HOST=db\n"),
            ],
            |facts| {
                tell(facts, vec![State { active: "inactive".to_owned(), pid: 0, ..sound("api.service") }])
            },
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    if let Fact::Known(services) = &facts.services
        && let Fact::Nothing { why } = &services.live
    {
        return Answer::nothing(why.clone());
    }
    each_unit(facts, |services, unit, answer| {
        if let Fact::Unknown { why } = &services.live {
            return answer.blind(why.clone());
        }
        let Some(state) = services.state(&unit.name).filter(|state| state.pid > 0) else { return };
        if !state.outdated.is_empty() {
            let observed =
                format!("set otherwise now than when it was started: {}", state.outdated.join(", "));
            return answer.find(Finding::new(&unit.name, shown(&unit.name), observed));
        }
        if state.environment_hidden {
            answer.blind(format!("the environment of {} cannot be read; run as root to see it", unit.name));
        }
        let Some(folder) = unit.last("Service", "WorkingDirectory") else { return };
        let path = format!("{}/.env", folder.trim_start_matches('-').trim_end_matches('/'));
        let named = unit.all("Service", "EnvironmentFile");
        // What systemd reads was compared already, value by value.
        if named.iter().any(|(_, setting)| setting.value.trim_start_matches('-') == path) {
            return;
        }
        let process = facts.processes.known().and_then(|processes| processes.of(state.pid));
        let entry = facts.entry(&path);
        if let Fact::Unknown { why } = &entry {
            answer.blind(format!("{path}: {why}"));
        }
        if let (Some(process), Some(entry)) = (process, entry.known())
            && entry.modified > process.started
        {
            let younger = entry.modified.since(process.started);
            let observed = format!("{path} was written {younger} after the process was started");
            answer.find(Finding::new(&unit.name, Place::of(path), observed));
        }
    })
}
