//! DEP002: a process runs a program that was replaced or removed.

use super::{replaced, tell};
use crate::facts::Facts;
use crate::facts::deploys::Replaced;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "DEP002",
    severity: Severity::High,
    outlook: Outlook::Failing,
    title: "a process runs a program that is no longer on the disk",
    silent: "The kernel keeps the old file for whoever runs it, so a deploy that replaces the file and does not restart ends well, and the \
             old code goes on. Where nothing stands there any more, the process lives only until its next restart.",
    cure: "Restart the service and look whether it comes up; have the deploy do both.",
    fix: Fix::Told,
    unless: "A package brought the program (DEP005), it runs in a container, or it was replaced less than ten minutes ago; of libraries only those count in whose place another lies.",
    judge,
    bad: Fixture::facts("a new binary since yesterday", |facts| {
        tell(facts, "shop", "/opt/shop/bin/shop", 20, |_| {});
    }),
    good: [
        Fixture::facts("a deploy that goes on", |facts| {
            tell(facts, "shop", "/opt/shop/bin/shop", 0, |_| {});
        }),
        Fixture::facts("a program of a package", |facts| {
            tell(facts, "cron", "/usr/sbin/cron", 20, |_| {});
        }),
    ],
};

/// Minutes that a deploy may take, in milliseconds.
const GOES_ON: i64 = 10 * 60_000;

fn judge(facts: &Facts) -> Answer {
    replaced(facts, |all, answer| {
        let mut told: Vec<(&str, &str)> = Vec::new();
        let settled = |at: Option<muster_core::time::Timestamp>| {
            at.is_none_or(|at| facts.at.millis() - at.millis() >= GOES_ON)
        };
        // What is taken out of an archive to be loaded, and removed at once, was never replaced.
        let passing = |one: &Replaced| {
            one.library
                && (!one.is_there
                    || ["/tmp/", "/cache/", "/.cache/"].iter().any(|part| one.path.contains(part)))
        };
        for one in all.iter().filter(|one| !one.of_package && settled(one.removed) && !passing(one)) {
            // The workers of one service are one finding.
            if told.contains(&(one.group.as_str(), one.path.as_str())) {
                continue;
            }
            told.push((&one.group, &one.path));
            let (name, pid, path) = (&one.name, one.pid, &one.path);
            let ago = one.removed.map(|at| format!(" {} ago", facts.at.since(at))).unwrap_or_default();
            let observed = match (one.library, one.is_there) {
                (false, true) => {
                    format!("{path} was replaced{ago}; {name} (process {pid}) runs the one before it")
                }
                (false, false) => format!("{path} was removed{ago}; {name} (process {pid}) still runs it"),
                (true, _) => {
                    format!("{name} (process {pid}) uses {path}, which was replaced{ago}")
                }
            };
            let finding = Finding::new(path, Place::of(format!("/proc/{pid}")), observed);
            answer.find(match one.is_there || one.library {
                true => finding,
                false => finding.forecast("it does not start again after it ends"),
            });
        }
    })
}
