//! DISK003: logs that can take a database down.

use super::{GIB, at, each_mount, root};
use crate::facts::disks::{Disks, Mount, Space};
use crate::facts::files::{Entry, Kind};
use crate::facts::{Fact, Facts};
use crate::rules::answer::Answer;
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "DISK003",
    severity: Severity::Medium,
    outlook: Outlook::Hygiene,
    title: "a database shares its file system with logs and temporary files",
    silent: "It works until a log grows; then the database cannot write either, and both are down for a reason that neither names.",
    cure: "Give the database, or /var/log, a file system of its own, or keep a file of a gigabyte that can be removed in need.",
    fix: Fix::Told,
    unless: "There is no database on the host.",
    judge,
    bad: Fixture::facts("PostgreSQL and all else on one disk", |facts| {
        root(facts, HALF);
        database(facts);
    }),
    good: [
        Fixture::facts("the database on a disk of its own", |facts| {
            let root = root(facts, HALF);
            let own = Mount {
                place: "/var/lib/postgresql".to_owned(),
                number: "254:16".to_owned(),
                ..root.clone()
            };
            if let Fact::Known(Disks { mounts: Fact::Known(mounts), .. }) = &mut facts.disks {
                mounts.push(own);
            }
            database(facts);
        }),
        Fixture::facts("no database", |facts| {
            root(facts, HALF);
        }),
    ],
};

const HALF: Space = Space { used: 20 * GIB, free: 20 * GIB, inodes: 0, inodes_free: 0 };
/// Where databases keep what they hold.
pub(crate) const DATABASES: [&str; 4] =
    ["/var/lib/postgresql", "/var/lib/mysql", "/var/lib/mongodb", "/var/lib/redis"];

fn database(facts: &mut Facts) {
    let folder = Entry {
        kind: Kind::Folder,
        mode: 0o755,
        uid: 105,
        gid: 105,
        size: 4096,
        modified: facts.at,
        interpreter: None,
        carriage_return: false,
        package: None,
        noexec: false,
    };
    facts.entries.insert(DATABASES[0].to_owned(), Fact::Known(folder));
}

fn judge(facts: &Facts) -> Answer {
    each_mount(facts, |disks, mount, answer| {
        let here = |path: &str| disks.of(path).is_some_and(|other| other.number == mount.number);
        let held = DATABASES.iter().filter(|path| matches!(facts.entry(path), Fact::Known(_)) && here(path));
        let held: Vec<&str> = held.copied().collect();
        let beside: Vec<&str> =
            ["/var/log", "/var/spool", "/tmp"].into_iter().filter(|path| here(path)).collect();
        if !held.is_empty() && beside.contains(&"/var/log") {
            answer.find(at(
                mount,
                format!("{} share one file system with {}", held.join(", "), beside.join(", ")),
            ));
        }
    })
}
