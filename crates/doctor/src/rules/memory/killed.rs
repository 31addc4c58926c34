//! MEM002: the kernel killed something for want of memory.

use super::tell;
use crate::facts::Fact;
use crate::facts::Facts;
use crate::facts::processes::Group;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::container;
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};
use muster_core::time::Timestamp;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "MEM002",
    severity: Severity::Critical,
    outlook: Outlook::Failing,
    title: "a process was killed for want of memory",
    silent: "The killed process writes nothing. Its keeper starts it again, and all that is left is a line in the log of the kernel \
             and work that was lost half-way.",
    cure: "Find what grew (`muster doctor` names the group where the kernel does), give it the memory it needs, or a limit of its own so \
           that it no longer takes others with it.",
    fix: Fix::Told,
    unless: "The last one was more than seven days ago.",
    judge,
    bad: Fixture::facts("a kill of this morning", |facts| {
        tell(facts, |processes| {
            processes.oom_kills = Fact::Known(2);
            let line = "Memory cgroup out of memory: Killed process 77 (node)".to_owned();
            processes.oom_log = Fact::Known(vec![(Timestamp::from_seconds(1_795_230_000), line)]);
        });
    }),
    good: [
        Fixture::facts("kills since the boot, but none in the log of a week", |facts| {
            tell(facts, |processes| {
                processes.oom_kills = Fact::Known(2);
                processes.oom_log = Fact::Known(Vec::new());
            });
        }),
        Fixture::facts("a group at its limit in which nothing was killed", |facts| {
            tell(facts, |processes| {
                processes.groups.push(Group {
                    path: "/system.slice/api.service".to_owned(),
                    memory_max: Some(1 << 28),
                    oom_kills: 0,
                    tasks: None,
                });
            });
        }),
    ],
};

/// How far back is looked.
const WEEK: u64 = 7 * 86_400_000;

fn judge(facts: &Facts) -> Answer {
    let mut answer = Answer::of(&facts.processes, |processes, answer| {
        let groups = processes.groups.iter().filter(|group| group.oom_kills > 0);
        let named: Vec<String> = groups
            .map(|group| format!("{} ({})", super::known_as(facts, &group.path), group.oom_kills))
            .collect();
        let within =
            if named.is_empty() { String::new() } else { format!("; by group: {}", named.join(", ")) };
        let place = Place::of("the log of the kernel");
        match (&processes.oom_kills, &processes.oom_log) {
            (Fact::Nothing { .. }, _) if !named.is_empty() => {
                let place = Place::of("memory.events");
                let observed = format!("killed since their groups were made: {}", named.join(", "));
                answer.find(Finding::new("the kernel", place, observed));
            }
            (Fact::Known(0) | Fact::Nothing { .. }, _) => {}
            (_, Fact::Known(log)) => {
                if let Some((at, line)) = log.last() {
                    let observed = format!("{} in seven days, the last at {at}: {line}{within}", log.len());
                    answer.find(Finding::new("the kernel", place, observed));
                }
            }
            (Fact::Known(count), _) if facts.at.since(processes.booted).as_millis() < WEEK => {
                let place = Place::of("/proc/vmstat");
                let observed =
                    format!("{count} since the machine was started at {}{within}", processes.booted);
                answer.find(Finding::new("the kernel", place, observed));
            }
            (Fact::Known(count), other) => {
                let why = other.why_unknown().unwrap_or("the log of the kernel was not read");
                answer.blind(format!(
                    "{count} kills since the machine was started, and when is not known: {why}{within}"
                ));
            }
            (Fact::Unknown { why }, _) => answer.blind(why.clone()),
        }
    });
    let containers = container::each(facts, |container, answer| {
        if container.oom_killed {
            let observed = format!("the container ran out of its memory ({})", super::size(container.memory));
            answer.find(Finding::new(&container.name, container::place(container), observed));
        }
    });
    container::join(&mut answer, containers);
    answer
}
