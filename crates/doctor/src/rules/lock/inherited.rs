//! LOCK004: a lock that outlives its job.

use super::{each, flocks, in_line};
use crate::facts::cron::Cron;
use crate::facts::locks::Held;
use crate::facts::{Fact, Facts};
use crate::rules::answer::Answer;
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

const SHOP: &str = "*/5 * * * * root flock -n -E 75 /run/lock/s.lock /opt/shop/sync.sh\n";

pub(in crate::rules) const RULE: Rule = Rule {
    id: "LOCK004",
    severity: Severity::High,
    outlook: Outlook::Failing,
    title: "a process in the background keeps a job's lock",
    silent: "A program that the job left behind has inherited the open lock file. Each later run finds the lock held and gives way.",
    cure: "Start what stays behind without the lock: `flock -o`, or close the stream (`9>&-`). To go on now, end that process.",
    fix: Fix::Told,
    unless: "The job is still running: then its own process holds the lock.",
    judge,
    bad: Fixture::with("flock has ended, its lock has not", &[file("/etc/cron.d/shop", SHOP)], |facts| {
        held(facts, "/run/lock/s.lock", false)
    }),
    good: [
        Fixture::with("the job still runs", &[file("/etc/cron.d/shop", SHOP)], |facts| {
            held(facts, "/run/lock/s.lock", true)
        }),
        Fixture::with("a daemon that forked with its own lock", &[file("/etc/cron.d/shop", SHOP)], |facts| {
            held(facts, "/run/daemon.pid", false);
        }),
    ],
};

fn held(facts: &mut Facts, path: &str, alive: bool) {
    let holders = vec![(4711, "ssh-agent".to_owned())];
    facts.locks = Fact::Known(vec![Held {
        path: Some(path.to_owned()),
        pid: 4700,
        alive,
        waiters: Vec::new(),
        holders,
    }]);
}

fn judge(facts: &Facts) -> Answer {
    let locks = match &facts.locks {
        Fact::Known(locks) => locks,
        Fact::Unknown { why } => return Answer::unknown(why.clone()),
        Fact::Nothing { why } => return Answer::nothing(why.clone()),
    };
    let uses = |cron: &Cron| {
        cron.tables.iter().flat_map(|table| &table.lines).any(|line| line.shell.contains("flock"))
    };
    if facts.cron.known().is_some_and(|cron| !uses(cron)) {
        return Answer::nothing("no crontab uses flock");
    }
    each(
        facts,
        |table, line, answer| {
            for flock in flocks(&line.shell) {
                let left = locks.iter().find(|held| {
                    held.path.as_deref() == Some(&flock.file) && !held.alive && !held.holders.is_empty()
                });
                if let Some(held) = left {
                    let names: Vec<String> =
                        held.holders.iter().map(|(pid, name)| format!("{name} ({pid})")).collect();
                    let observed = format!(
                        "{} is held by {}, though the process that took it has ended",
                        flock.file,
                        names.join(", ")
                    );
                    answer.find(in_line(table, line, observed).forecast("each run is skipped until then"));
                }
            }
        },
        |_, _| {},
    )
}
