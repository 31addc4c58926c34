//! SVC010: a line of supervisor's that has no effect.

use crate::facts::Facts;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "SVC010",
    severity: Severity::High,
    outlook: Outlook::Failing,
    title: "supervisor takes a key that has no effect",
    silent: "Supervisor reads the keys that it knows and passes over all others without a word. The memory limit that guides recommend \
             (`memory_limit`) is one of those: there never was such a key.",
    cure: "Take the line out. To limit memory, run the program as a unit of systemd with MemoryMax=, or supervisor itself.",
    fix: Fix::Told,
    unless: "The section is none of program, eventlistener and fcgi-program: plugins have keys of their own.",
    judge,
    bad: Fixture::files(
        "the limit of the guides",
        &[file("/etc/supervisor/conf.d/api.conf", "[program:api]\ncommand=/opt/api\nmemory_limit=512MB\n")],
    ),
    good: [
        Fixture::files(
            "keys that count, one in capitals",
            &[file(
                "/etc/supervisor/conf.d/api.conf",
                "[program:api]\nCommand=/opt/api\nstopasgroup: true\nstartretries=5\n",
            )],
        ),
        Fixture::files(
            "a variable of that name",
            &[file(
                "/etc/supervisor/conf.d/api.conf",
                "[program:api]\ncommand=/opt/api\nenvironment=A=\"1\",\n  memory_limit=\"512MB\"\n",
            )],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    Answer::of(&facts.keepers, |keepers, answer| {
        for (what, why) in keepers.unseen.iter().filter(|(what, _)| !what.contains("/.pm2")) {
            answer.blind(format!("{what}: {why}"));
        }
        for file in &keepers.supervisor {
            for setting in &file.settings {
                if let Some(why) = super::keys::of_supervisor(&setting.section, &setting.key) {
                    let place =
                        Place::line(&file.path, setting.line, format!("{}={}", setting.key, setting.value));
                    let subject = format!("[{}] {}", setting.section, setting.key);
                    answer.find(Finding::new(subject, place, format!("{}: {why}", setting.key)));
                }
            }
        }
    })
}
