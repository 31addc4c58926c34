//! CTR007: a container from which the host can be taken.

use super::{each, place, tell};
use crate::facts::Facts;
use crate::facts::containers::Container;
use crate::facts::containers::Mount;
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CTR007",
    severity: Severity::Medium,
    outlook: Outlook::Hygiene,
    title: "a container may do what root on the host may",
    silent: "It works, and better than without. Whoever breaks into the program in it has the whole host.",
    cure: "Take --privileged away and add the one capability or device that is needed; put a filtering proxy between it and docker.sock.",
    fix: Fix::Told,
    unless: "Managing containers is what it is for, and it is not reachable from outside.",
    judge,
    bad: Fixture::facts("the engine's socket inside", |facts| {
        let mounts = vec![Mount {
            kind: "bind".to_owned(),
            source: "/var/run/docker.sock".to_owned(),
            target: "/var/run/docker.sock".to_owned(),
        }];
        tell(facts, vec![Container { mounts, ..Container::sound("panel", "panel:2") }]);
    }),
    good: [
        Fixture::facts("another socket inside", |facts| {
            let mounts = vec![Mount {
                kind: "bind".to_owned(),
                source: "/run/postgresql".to_owned(),
                target: "/run/postgresql".to_owned(),
            }];
            tell(facts, vec![Container { mounts, ..Container::sound("api", "api:1") }]);
        }),
        Fixture::facts("one that has ended", |facts| {
            let status = "exited".to_owned();
            tell(facts, vec![Container { privileged: true, status, ..Container::sound("setup", "setup:1") }]);
        }),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each(facts, |container, answer| {
        if container.status != "running" || container.orchestrated {
            return;
        }
        let mut found =
            |observed: String| answer.find(Finding::new(&container.name, place(container), observed));
        if container.privileged {
            found("it is privileged".to_owned());
        }
        let is_engine = |mount: &&Mount| {
            ["docker.sock", "containerd.sock", "podman.sock"].iter().any(|name| mount.source.ends_with(name))
        };
        if let Some(mount) = container.mounts.iter().find(is_engine) {
            found(format!("{} is mounted in it", mount.source));
        }
        if let Some(mount) = container.mounts.iter().find(|mount| mount.kind == "bind" && mount.source == "/")
        {
            found(format!("the whole host is mounted at {}", mount.target));
        }
    })
}
