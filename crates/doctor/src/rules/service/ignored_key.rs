//! SVC005: a line of a unit that systemd passes over.

use super::{each_unit, keys};
use crate::facts::Facts;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "SVC005",
    severity: Severity::High,
    outlook: Outlook::Failing,
    title: "systemd ignores a line of a unit",
    silent: "A key that is misspelt, or stands in the wrong section, costs one warning in the journal when the unit is read. The service \
             starts as if the line were not there.",
    cure: "Move or rename the key as told, then look at `systemd-analyze verify FILE`.",
    fix: Fix::Told,
    unless: "The key begins with X-, which is left to other programs, or your systemd is newer than version 258.",
    judge,
    bad: Fixture::files(
        "a limit that is none, and a key in the wrong section",
        &[file(
            "/etc/systemd/system/api.service",
            "[Unit]\nRestart=always\n[Service]\nExecStart=/opt/api\nmemory_limit=512M\nStartLimitIntervalSec=60\n",
        )],
    ),
    good: [
        Fixture::files(
            "an older spelling that still counts in this section",
            &[file(
                "/etc/systemd/system/api.service",
                "[Service]\nExecStart=/opt/api\nRestart=always\nStartLimitInterval=60\nStartLimitBurst=3\nX-Note=ours\n",
            )],
        ),
        Fixture::files(
            "a key in a comment and one within a joined line",
            &[file(
                "/etc/systemd/system/api.service",
                "[Service]\n# memory_limit=512M\nExecStart=/opt/api \\\n  memory_limit=512M\n",
            )],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each_unit(facts, |_, unit, answer| {
        for file in &unit.files {
            for setting in &file.settings {
                if let Some(why) = keys::of_unit(&setting.section, &setting.key) {
                    let place =
                        Place::line(&file.path, setting.line, format!("{}={}", setting.key, setting.value));
                    let subject = format!("{} {}={}", unit.name, setting.key, setting.value);
                    answer.find(Finding::new(
                        subject,
                        place,
                        format!("{} has no effect: {why}", setting.key),
                    ));
                }
            }
            for (line, why) in &file.faults {
                let subject = format!("{} line {line}", unit.name);
                answer.find(Finding::new(subject, Place::line(&file.path, *line, ""), why));
            }
        }
    })
}
