//! CTR001: a container that a reboot or a crash ends for good.

use super::{each, is_service, place, tell};
use crate::facts::Facts;
use crate::facts::containers::Container;
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CTR001",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "a container does not come back after a reboot",
    silent: "Without a restart policy a container that ends stays ended, and after a reboot or an update of Docker it is not started. \
             Nothing is wrong then, so nothing is said.",
    cure: "Run `docker update --restart unless-stopped NAME`, and set `restart: unless-stopped` in the compose file.",
    fix: Fix::Told,
    unless: "It goes when it ends (--rm), an orchestrator keeps it, or a unit of systemd starts it by its name.",
    judge,
    bad: Fixture::facts("started by hand", |facts| {
        tell(facts, vec![Container { restart: "no".to_owned(), ..Container::sound("api", "api:1") }]);
    }),
    good: [
        Fixture::facts("one that goes when it ends, and one that Swarm keeps", |facts| {
            let no = || Container { restart: "no".to_owned(), ..Container::sound("job", "job:1") };
            tell(facts, vec![Container { passing: true, ..no() }, Container { orchestrated: true, ..no() }]);
        }),
        Fixture::with(
            "one that a unit keeps",
            &[crate::rules::fixture::file(
                "/etc/systemd/system/api.service",
                "[Service]\nExecStart=/usr/bin/docker start --attach api\nRestart=always\n",
            )],
            |facts| {
                tell(facts, vec![Container { restart: "no".to_owned(), ..Container::sound("api", "api:1") }]);
            },
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each(facts, |container, answer| {
        if !is_service(container) || kept_by_a_unit(facts, &container.name) {
            return;
        }
        let why = match container.restart.as_str() {
            "no" => "it has no restart policy",
            "on-failure" => {
                "its policy is on-failure: a program that ends well when the daemon stops it is not started with it again"
            }
            _ => return,
        };
        let finding = Finding::new(&container.name, place(container), why);
        answer.find(finding.forecast("it is gone after the next reboot or restart of Docker"));
    })
}

fn kept_by_a_unit(facts: &Facts, name: &str) -> bool {
    facts.services.known().is_some_and(|services| {
        services.units.iter().any(|unit| {
            unit.all("Service", "ExecStart").iter().any(|(_, setting)| {
                let names = |word: &str| word.rsplit('=').next() == Some(name);
                setting.value.contains("docker") && setting.value.split_whitespace().any(names)
            })
        })
    })
}
