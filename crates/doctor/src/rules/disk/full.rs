//! DISK001: a file system that is full, or soon will be.

use muster_core::words::size;

use super::{GIB, at, each_mount, root, space};
use crate::facts::Facts;
use crate::facts::disks::{Mount, Space};
use crate::facts::logs::daily;
use crate::rules::answer::Answer;
use crate::rules::fixture::Fixture;
use crate::rules::log::uncovered;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "DISK001",
    severity: Severity::Critical,
    outlook: Outlook::Waiting,
    title: "a file system is almost full",
    silent: "Jobs, databases and the logs that would tell of it need the same space; the last that is written is half a line.",
    cure: "See what takes the space (`du -xh --max-depth=2 PLACE | sort -h | tail`), then rotate, prune or enlarge.",
    fix: Fix::Told,
    unless: "Below 95 %, 20 GiB and more are still free; or it is full by nature, such as an image.",
    judge,
    bad: Fixture::facts("93 % of a small disk", |facts| {
        root(facts, Space { used: 37 * GIB, free: 3 * GIB, inodes: 1000, inodes_free: 900 });
    }),
    good: [
        Fixture::facts("91 % of a large one", |facts| {
            root(facts, Space { used: 910 * GIB, free: 90 * GIB, inodes: 1000, inodes_free: 900 });
        }),
        Fixture::facts("half full", |facts| {
            root(facts, Space { used: 20 * GIB, free: 20 * GIB, inodes: 1000, inodes_free: 900 });
        }),
    ],
};

/// Days within which somebody should know.
const DAYS: u64 = 7;

fn judge(facts: &Facts) -> Answer {
    each_mount(facts, |_, mount, answer| {
        let Some(space) = space(mount, answer) else { return };
        let percent = space.percent();
        let days =
            growth(facts, mount).filter(|growth| *growth > 0).map(|growth| (space.free / growth, growth));
        let tight = percent >= 95 || (percent >= 90 && space.free < 20 * GIB);
        if !tight && days.is_none_or(|(days, _)| days >= DAYS) {
            return;
        }
        let finding = at(mount, format!("{percent} % are in use, {} are free", size(space.free)));
        answer.find(match days {
            Some((days, growth)) => finding.forecast(format!(
                "logs that nobody rotates take {} a day (their size over their age): full in {days} days",
                size(growth)
            )),
            None => finding,
        });
    })
}

/// Bytes that logs without rotation take in a day on this file system.
fn growth(facts: &Facts, mount: &Mount) -> Option<u64> {
    let disks = facts.disks.known()?;
    let here = |path: &str| disks.of(path).is_some_and(|other| other.number == mount.number);
    Some(
        uncovered(facts)?
            .into_iter()
            .filter(|file| here(&file.path))
            .filter_map(|file| daily(file, facts.at))
            .sum(),
    )
}
