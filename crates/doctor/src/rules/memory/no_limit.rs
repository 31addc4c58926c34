//! MEM001: one leak takes the whole host.

use super::size;
use crate::facts::Facts;
use crate::facts::containers::Container;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};
use crate::rules::{container, service};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "MEM001",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "a service may take all memory",
    silent: "Without a limit a leak grows until the machine is out of memory. Then the kernel picks a victim, often the database, \
             and not the one that leaked.",
    cure: "Set MemoryMax= (systemd), `mem_limit` (compose), --memory (docker) or max_memory_restart (PM2) to about one and a half \
           times what it needs at its peak.",
    fix: Fix::Told,
    unless: "The unit runs in a slice that has a limit, or MemoryHigh= slows it down before.",
    judge,
    bad: Fixture::files(
        "a service with no limit",
        &[file("/etc/systemd/system/api.service", "[Service]\nExecStart=/opt/api\nRestart=always\n")],
    ),
    good: [
        Fixture::files(
            "a limit in a drop-in",
            &[
                file("/etc/systemd/system/api.service", "[Service]\nExecStart=/opt/api\n"),
                file("/etc/systemd/system/api.service.d/memory.conf", "[Service]\nMemoryMax=512M\n"),
            ],
        ),
        Fixture::with(
            "a oneshot, and a container with a limit",
            &[file("/etc/systemd/system/job.service", "[Service]\nType=oneshot\nExecStart=/opt/job\n")],
            |facts| container::tell(facts, vec![Container::sound("api", "api:1")]),
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    let mut answer = service::each_unit(facts, |services, unit, answer| {
        let limit = ["MemoryMax", "MemoryHigh", "MemoryLimit"].iter().any(|key| {
            unit.last("Service", key).is_some_and(|value| !value.eq_ignore_ascii_case("infinity"))
        });
        let live = services.state(&unit.name);
        let limited = limit
            || unit.last("Service", "Slice").is_some()
            || live.is_some_and(|state| state.memory_max.is_some());
        if !unit.is_lasting() || limited {
            return;
        }
        let process = live.and_then(|state| facts.processes.known()?.of(state.pid));
        let now = process.map(|process| format!("; its first process has {} now", size(process.rss)));
        let observed = format!("there is no MemoryMax={}", now.unwrap_or_default());
        answer.find(Finding::new(&unit.name, Place::of(unit.path()), observed));
    });
    let containers = container::each(facts, |container, answer| {
        let runs = container.status == "running" && !container.passing && !container.orchestrated;
        if runs && container.memory == 0 {
            answer.find(Finding::new(
                &container.name,
                container::place(container),
                "the container has no memory limit",
            ));
        }
    });
    let keepers = Answer::of(&facts.keepers, |keepers, answer| {
        for pm2 in &keepers.pm2 {
            for program in pm2.saved.known().into_iter().flatten().filter(|one| one.memory_max.is_none()) {
                let place = Place::of(format!("{}/dump.pm2", pm2.home));
                answer.find(Finding::new(
                    format!("PM2 {}", program.name),
                    place,
                    "there is no max_memory_restart",
                ));
            }
        }
    });
    container::join(&mut answer, containers);
    container::join(&mut answer, keepers);
    answer
}
