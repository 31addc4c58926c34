//! DEP005: services that run what an upgrade has replaced.

use super::{replaced, tell};
use crate::facts::deploys::Replaced;
use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "DEP005",
    severity: Severity::Medium,
    outlook: Outlook::Hygiene,
    title: "services run code that an upgrade has replaced",
    silent: "The package is new and every list says so; a service that was not restarted has the old library mapped, with the fault that \
             the upgrade was for.",
    cure: "Restart the services that are named, or the host when it suits; the package needrestart does it after each upgrade.",
    fix: Fix::Told,
    unless: "A restart of the host is asked for already (SYS001), the upgrade is younger than a day, or it is a person's session.",
    judge,
    bad: Fixture::facts("a library of the day before yesterday", |facts| {
        tell(facts, "cron", "/usr/lib/x86_64-linux-gnu/libssl.so.3", 50, |one| one.library = true);
    }),
    good: [
        Fixture::facts("an upgrade of this night", |facts| {
            tell(facts, "cron", "/usr/sbin/cron", 6, |_| {});
        }),
        Fixture::facts("a person's session", |facts| {
            tell(facts, "sshd", "/usr/sbin/sshd", 50, |one| {
                one.group = "/user.slice/user-0.slice/session-3.scope".to_owned();
            });
        }),
    ],
};

/// In milliseconds.
const DAY: i64 = 86_400_000;
/// They live as long as the container that they keep.
const KEEPERS: [&str; 3] = ["containerd-shim", "containerd-shim-", "conmon"];
/// Most that are named.
const NAMED: usize = 6;

fn judge(facts: &Facts) -> Answer {
    replaced(facts, |all, answer| {
        let asked = facts.system.known().is_some_and(|system| matches!(system.restart, Fact::Known(_)));
        let old = |one: &&Replaced| {
            one.of_package
                && !KEEPERS.contains(&one.name.as_str())
                && !one.group.contains("/user.slice/")
                && one.removed.is_some_and(|at| facts.at.millis() - at.millis() >= DAY)
        };
        let mut names: Vec<String> = all
            .iter()
            .filter(old)
            .map(|one| format!("{} ({})", one.name, one.path.rsplit('/').next().unwrap_or(&one.path)))
            .collect();
        names.sort();
        names.dedup();
        if names.is_empty() || asked {
            return;
        }
        let more = match names.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        names.truncate(NAMED);
        let observed = format!("started before the upgrade and not since: {}{more}", names.join(", "));
        answer.find(Finding::new("replaced by packages", Place::of("/proc/*/maps"), observed));
    })
}
