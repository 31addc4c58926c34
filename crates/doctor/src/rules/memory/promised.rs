//! MEM003: limits that promise more than there is, and hosts without a reserve.

use super::{process, size, tell};
use crate::facts::Facts;
use crate::facts::processes::{Group, Memory};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "MEM003",
    severity: Severity::Medium,
    outlook: Outlook::Hygiene,
    title: "memory limits protect less than they seem to",
    silent: "Limits that add up to more than the machine has are never reached: the machine is out of memory first. On a small machine \
             without swap there is no time to notice.",
    cure: "Lower the limits until they fit beside 512 MiB for the system, add a swap file on machines up to 2 GiB, and give \
           the database OOMScoreAdjust=-500.",
    fix: Fix::Told,
    unless: "The limits add up to less than the memory, or the host has swap for the rest.",
    judge,
    bad: Fixture::facts("limits for twice the memory", |facts| {
        tell(facts, |processes| {
            for name in ["a", "b"] {
                processes.groups.push(Group {
                    path: format!("/system.slice/{name}.service"),
                    memory_max: Some(4 << 30),
                    oom_kills: 0,
                    tasks: None,
                });
            }
        });
    }),
    good: [
        Fixture::facts("a group within another one", |facts| {
            tell(facts, |processes| {
                for path in ["/system.slice/a.service", "/system.slice/a.service/child"] {
                    processes.groups.push(Group {
                        path: path.to_owned(),
                        memory_max: Some(3 << 30),
                        oom_kills: 0,
                        tasks: None,
                    });
                }
            });
        }),
        Fixture::facts("a database of a larger machine without swap", |facts| {
            tell(facts, |processes| {
                processes.memory = Memory { total: 8 << 30, available: 4 << 30, swap: 0 };
                processes.running.push(process(200, "postgres", processes.booted));
            });
        }),
    ],
};

/// Up to this much memory a host without swap has no reserve.
const SMALL: u64 = (2 << 30) + (1 << 28);
/// Programs that hurt most when they are the victim.
const PRECIOUS: [&str; 6] = ["postgres", "mysqld", "mariadbd", "mongod", "redis-server", "sshd"];

fn judge(facts: &Facts) -> Answer {
    Answer::of(&facts.processes, |processes, answer| {
        let memory = processes.memory;
        let limited: Vec<_> = processes.groups.iter().filter(|group| group.memory_max.is_some()).collect();
        let outer = limited.iter().filter(|group| {
            !limited.iter().any(|other| {
                group.path.strip_prefix(other.path.as_str()).is_some_and(|rest| rest.starts_with('/'))
            })
        });
        let sum = outer.clone().filter_map(|group| group.memory_max).fold(0, u64::saturating_add);
        if memory.total > 0 && sum > memory.total.saturating_add(memory.swap) && outer.clone().count() > 1 {
            let observed = format!(
                "limits of {} groups add up to {}, of {} there are",
                outer.count(),
                size(sum),
                size(memory.total)
            );
            answer.find(Finding::new("limits", Place::of("/sys/fs/cgroup"), observed));
        }
        if memory.total > 0 && memory.total <= SMALL && memory.swap == 0 {
            let observed = format!("{} of memory and no swap", size(memory.total));
            answer.find(Finding::new("swap", Place::of("/proc/meminfo"), observed));
            let victim = processes.running.iter().filter(|process| PRECIOUS.contains(&process.name.as_str()));
            if let Some(process) = victim
                .max_by_key(|process| process.rss)
                .filter(|process| process.oom_score_adj >= 0 && process.rss > memory.total / 5)
            {
                let observed = format!(
                    "{} has {} and no protection: it is the likely victim",
                    process.name,
                    size(process.rss)
                );
                answer.find(Finding::new(
                    &process.name,
                    Place::of(format!("/proc/{}/oom_score_adj", process.pid)),
                    observed,
                ));
            }
        }
    })
}
