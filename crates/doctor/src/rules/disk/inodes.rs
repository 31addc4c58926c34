//! DISK002: a file system without room for names.

use super::{GIB, at, each_mount, root, space};
use crate::facts::Facts;
use crate::facts::disks::Space;
use crate::rules::answer::Answer;
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "DISK002",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "a file system has almost no inodes left",
    silent: "No file can be made although `df -h` shows free space: the limit is the number of files.",
    cure: "Find the folder with the most files (`du --inodes -xS PLACE | sort -n | tail`) and clean it by age.",
    fix: Fix::Told,
    unless: "The file system has no such limit (btrfs, zfs, xfs in part).",
    judge,
    bad: Fixture::facts("94 % of the inodes", |facts| {
        root(facts, Space { used: 10 * GIB, free: 30 * GIB, inodes: 1_000_000, inodes_free: 60_000 });
    }),
    good: [
        Fixture::facts("no such limit", |facts| {
            root(facts, Space { used: 10 * GIB, free: 30 * GIB, inodes: 0, inodes_free: 0 });
        }),
        Fixture::facts("bytes run out, inodes do not", |facts| {
            root(facts, Space { used: 39 * GIB, free: GIB, inodes: 1_000_000, inodes_free: 500_000 });
        }),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each_mount(facts, |_, mount, answer| {
        let Some(space) = space(mount, answer) else { return };
        let percent = space.inodes_percent();
        if percent >= 90 {
            answer.find(at(
                mount,
                format!("{percent} % of the inodes are in use, {} are left", space.inodes_free),
            ));
        }
    })
}
