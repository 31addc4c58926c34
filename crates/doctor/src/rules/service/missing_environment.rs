//! SVC008: a file of settings that is not there, and a dash that hides it.

use super::each_unit;
use crate::facts::Fact;
use crate::facts::Facts;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "SVC008",
    severity: Severity::High,
    outlook: Outlook::Failing,
    title: "a service's file of settings is missing",
    silent: "The dash in EnvironmentFile=-PATH means: never mind if it is not there. The service starts with its defaults, perhaps with \
             another database.",
    cure: "Put the file there, or take the line out. Without the dash the service would refuse to start, and you would know.",
    fix: Fix::Told,
    unless: "The file is meant to be absent, or another one of the same unit is there: then the missing one is an addition.",
    judge,
    bad: Fixture::files(
        "a file with a typing error in its name",
        &[file(
            "/etc/systemd/system/api.service",
            "[Service]\nExecStart=/opt/api\nRestart=always\nEnvironmentFile=-/opt/api/.evn\n",
        )],
    ),
    good: [
        Fixture::files(
            "the file in its place",
            &[
                file(
                    "/etc/systemd/system/api.service",
                    "[Service]\nExecStart=/opt/api\nEnvironmentFile=-/opt/api/.env\n",
                ),
                file("/opt/api/.env", "A=1\n"),
            ],
        ),
        Fixture::files(
            "an optional one beside one that is there",
            &[
                file(
                    "/etc/systemd/system/api.service",
                    "[Service]\nExecStart=/opt/api\nEnvironmentFile=/opt/api/.env\nEnvironmentFile=-/opt/api/.env.local\n",
                ),
                file("/opt/api/.env", "A=1\n"),
            ],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each_unit(facts, |_, unit, answer| {
        let all = unit.all("Service", "EnvironmentFile");
        let path = |value: &str| value.trim_start_matches('-').to_owned();
        if all.iter().any(|(_, setting)| facts.entry(&path(&setting.value)).known().is_some()) {
            return;
        }
        for (file, setting) in all.iter().filter(|(_, setting)| setting.value.starts_with('-')) {
            let wanted = path(&setting.value);
            // Packages ship units with an optional file of defaults, and operators copy them.
            let default = wanted.starts_with("/etc/default/") || wanted.starts_with("/etc/sysconfig/");
            if default || wanted.contains(['%', '*', '?', '[']) {
                continue;
            }
            let place = Place::line(&file.path, setting.line, format!("EnvironmentFile={}", setting.value));
            match facts.entry(&wanted) {
                Fact::Nothing { .. } => {
                    answer.find(Finding::new(&unit.name, place, format!("{wanted} does not exist")));
                }
                Fact::Unknown { why } => answer.blind(format!("{wanted}: {why}")),
                Fact::Known(_) => {}
            }
        }
    })
}
