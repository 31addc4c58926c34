//! FD001: nearly no open files or tasks left.

use super::{process, tell};
use crate::facts::processes::Group;
use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "FD001",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "a process is close to its limit of open files or tasks",
    silent: "At the limit accept() and fork() fail. The process lives on, its port answers the first connections, and new ones hang.",
    cure: "Look what is open (`ls -l /proc/PID/fd`): a leak is mended in the program. Else raise LimitNOFILE= or TasksMax= of the unit.",
    fix: Fix::Told,
    unless: "Less than four fifths are used, or the limit is so low on purpose that under 50 are open.",
    judge,
    bad: Fixture::facts("1000 of 1024 open files", |facts| {
        tell(facts, |processes| processes.running[0].files = Fact::Known((1_000, 1_024)));
    }),
    good: [
        Fixture::facts("1000 open files and room", |facts| {
            tell(facts, |processes| processes.running[0].files = Fact::Known((1_000, 65_536)));
        }),
        Fixture::facts("a small sandbox", |facts| {
            tell(facts, |processes| {
                let mut sandbox = process(101, "sandbox", processes.booted);
                sandbox.files = Fact::Known((9, 10));
                processes.running.push(sandbox);
                processes.groups.push(Group {
                    path: "/system.slice/api.service".to_owned(),
                    memory_max: None,
                    oom_kills: 0,
                    tasks: Some((70, 100)),
                });
            });
        }),
    ],
};

fn judge(facts: &Facts) -> Answer {
    Answer::of(&facts.processes, |processes, answer| {
        for (what, why) in &processes.unseen {
            answer.blind(format!("{what}: {why}"));
        }
        for process in &processes.running {
            match &process.files {
                Fact::Known((open, limit)) if is_close(*open, *limit) => {
                    let place = Place::of(format!("/proc/{}/fd", process.pid));
                    let observed = format!(
                        "{} (process {}) has {open} files open of {limit}",
                        process.name, process.pid
                    );
                    let age = facts.at.since(process.started).as_millis();
                    let left = limit.saturating_sub(*open);
                    // As if they had leaked at an even pace since it was started.
                    let ahead = age
                        .checked_div(*open)
                        .map(|each| muster_core::time::Span::millis(each.saturating_mul(left)));
                    let mut finding = Finding::new(&process.name, place, observed);
                    if let Some(ahead) = ahead {
                        finding =
                            finding.forecast(format!("at the pace since its start none are left in {ahead}"));
                    }
                    answer.find(finding);
                }
                Fact::Unknown { why } => answer.blind(format!("open files of others: {why}")),
                _ => {}
            }
        }
        for group in &processes.groups {
            if let Some((tasks, limit)) = group.tasks.filter(|(tasks, limit)| is_close(*tasks, *limit)) {
                let observed = format!("{tasks} processes and threads of {limit}");
                answer.find(Finding::new(
                    super::known_as(facts, &group.path),
                    Place::of(format!("/sys/fs/cgroup{}", group.path)),
                    observed,
                ));
            }
        }
    })
}

/// Four fifths, and not few.
fn is_close(used: u64, limit: u64) -> bool {
    used >= 50 && used >= limit / 5 * 4
}
