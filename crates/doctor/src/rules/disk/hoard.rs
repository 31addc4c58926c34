//! DISK006: images and builds that nothing uses.

use muster_core::words::size;

use super::{GIB, root};
use crate::facts::containers::Hoard;
use crate::facts::disks::Space;
use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "DISK006",
    severity: Severity::Medium,
    outlook: Outlook::Waiting,
    title: "the container engine hoards what nothing uses",
    silent: "Each deploy leaves an image behind and each build its steps; the engine removes none of it. One day the pull of a deploy \
             fills the disk, and the databases on it stop as well.",
    cure: "Run `docker image prune -a --filter until=168h` and `docker builder prune --filter until=168h` by a job each week.",
    fix: Fix::Told,
    unless: "It is less than 5 GB and less than a fifth of the file system; layers that a used image shares do not count. Volumes are not counted: they may be data. An engine \
             older than Docker 23 counts everything or nothing, so it is not asked.",
    judge,
    bad: Fixture::facts("images of a year", |facts| tell(facts, 40, 12)),
    good: [
        Fixture::facts("the image before this one", |facts| tell(facts, 1, 1)),
        Fixture::facts("a small part of a large disk", |facts| tell(facts, 5, 4)),
    ],
};

/// Bytes.
const MUCH: u64 = 5_000_000_000;

/// So many images with so many GiB.
fn tell(facts: &mut Facts, count: u64, gib: u64) {
    root(facts, Space { used: 60 * GIB, free: 40 * GIB, inodes: 1000, inodes_free: 900 });
    let folder = "/var/lib/docker".to_owned();
    facts.hoard = Fact::Known(Hoard { folder, images: (count, gib * GIB), ..Hoard::default() });
}

fn judge(facts: &Facts) -> Answer {
    Answer::of(&facts.hoard, |hoard, answer| {
        let all = hoard.images.1.saturating_add(hoard.cache);
        let mount = facts.disks.known().and_then(|disks| disks.of(&hoard.folder));
        let space = mount.and_then(|mount| mount.space.known());
        let fifth = space.map(|space| space.used.saturating_add(space.free) / 5);
        if all <= MUCH && fifth.is_none_or(|fifth| all <= fifth) {
            return;
        }
        let observed = format!(
            "nothing uses {} of {}: {} images ({}), steps of builds ({})",
            size(all),
            hoard.folder,
            hoard.images.0,
            size(hoard.images.1),
            size(hoard.cache),
        );
        answer.find(Finding::new(&hoard.folder, Place::of("docker system df"), observed));
    })
}
