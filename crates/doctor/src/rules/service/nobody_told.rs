//! SVC011: a service that may die and nobody is told.

use super::each_unit;
use crate::facts::Facts;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "SVC011",
    severity: Severity::Medium,
    outlook: Outlook::Hygiene,
    title: "nobody is told when a service fails",
    silent: "A failure is written into the journal. Without OnFailure= that is all that happens.",
    cure: "Let muster look at what the service does (`kind = \"http\"`, `kind = \"tcp\"`), or set OnFailure= to a unit that tells someone.",
    fix: Fix::Told,
    unless: "A check looks at it from outside: then write `# muster: allow SVC011` beside it.",
    judge,
    bad: Fixture::files(
        "a service on its own",
        &[file("/etc/systemd/system/api.service", "[Service]\nExecStart=/opt/api\nRestart=always\n")],
    ),
    good: [
        Fixture::files(
            "with a unit that tells",
            &[
                file(
                    "/etc/systemd/system/api.service",
                    "[Unit]\nOnFailure=tell@%n.service\n[Service]\nExecStart=/opt/api\n",
                ),
                file(
                    "/etc/systemd/system/tell@.service",
                    "[Service]\nType=oneshot\nExecStart=/opt/tell %i\n",
                ),
            ],
        ),
        Fixture::files(
            "with a ping when it stops",
            &[file(
                "/etc/systemd/system/api.service",
                "[Service]\nExecStart=/opt/api\nExecStopPost=/usr/bin/muster ping api service\n",
            )],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each_unit(facts, |_, unit, answer| {
        let ping =
            unit.all("Service", "ExecStopPost").iter().any(|(_, setting)| setting.value.contains("muster"));
        let muster = unit.last("Service", "ExecStart").is_some_and(|command| {
            let program = command.split_whitespace().next().unwrap_or_default();
            muster_host::discover::command::basename(program) == "muster"
        });
        if unit.is_lasting() && unit.last("Unit", "OnFailure").is_none() && !ping && !muster {
            answer.find(Finding::new(&unit.name, Place::of(unit.path()), "there is no OnFailure="));
        }
    })
}
