//! PG010: the server keeps its log for somebody who does not come.

use muster_core::time::Span;

use super::{long, servers, with_server};
use crate::facts::Facts;
use crate::facts::postgres::{Archiver, Held, Said, Server, Slot};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "PG010",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "the log of the database is kept for nobody",
    silent: "A slot that nobody reads, and an archive that takes nothing, keep every segment of the log. The server works as \
             ever, until pg_wal has filled the disk and it stops.",
    cure: "Bring the replica back, or drop its slot (`select pg_drop_replication_slot('NAME')`); set max_slot_wal_keep_size. \
           For the archive: run archive_command by hand as the server's user and read what it says.",
    fix: Fix::Told,
    unless: "The slot keeps less than 64 MiB, or has been idle for less than an hour where the server knows (17 and later), or \
             max_slot_wal_keep_size bounds it. The archiver took a segment after it last failed.",
    judge,
    bad: Fixture::facts("a slot of a replica that is gone, and an archive that fails", |facts| {
        let (done, failed) = (facts.at.shifted(-7_200_000), facts.at.shifted(-60_000));
        with_server(facts, |said| {
            said.slots.push(slot(3 << 30));
            said.archiver = Archiver {
                on: true,
                told: true,
                failed: 120,
                last_failed: Some(failed),
                last_done: Some(done),
            };
        });
    }),
    good: [
        Fixture::facts("a slot that is read, and an archive that failed once", |facts| {
            let (done, failed) = (facts.at.shifted(-60_000), facts.at.shifted(-7_200_000));
            with_server(facts, |said| {
                said.slots.push(Slot { active: true, ..slot(3 << 30) });
                said.archiver = Archiver {
                    on: true,
                    told: true,
                    failed: 1,
                    last_failed: Some(failed),
                    last_done: Some(done),
                };
            });
        }),
        Fixture::facts("a slot that may not keep more than 4 GB, and one that keeps little", |facts| {
            with_server(facts, |said| {
                said.settings.push(Held {
                    name: "max_slot_wal_keep_size".to_owned(),
                    value: "4096".to_owned(),
                    file: None,
                    line: None,
                    own: false,
                });
                said.slots.extend([slot(3 << 30), slot(1 << 20)]);
            });
        }),
    ],
};

/// Four segments.
const LITTLE: i64 = 64 << 20;
/// A replica that is started again is back by then.
const AWAY: Span = Span::hours(1);
const MIB: i64 = 1 << 20;

fn slot(kept: i64) -> Slot {
    let (name, kind) = ("replica1".to_owned(), "physical".to_owned());
    Slot { name, kind, active: false, lost: false, idle_since: None, kept: Some(kept) }
}

fn judge(facts: &Facts) -> Answer {
    servers(facts, |server, said, answer| {
        slots(facts, server, said, answer);
        if !said.standby {
            answer.findings.extend(archive(facts, server, &said.archiver));
        }
    })
}

fn slots(facts: &Facts, server: &Server, said: &Said, answer: &mut Answer) {
    let bounded =
        said.setting("max_slot_wal_keep_size").and_then(Held::number).is_some_and(|limit| limit >= 0);
    for slot in said.slots.iter().filter(|slot| !slot.active && !slot.lost && !bounded) {
        let Some(kept) = slot.kept.filter(|kept| *kept >= LITTLE) else { continue };
        let idle = slot.idle_since.map(|since| facts.at.since(since));
        if idle.is_some_and(|idle| idle < AWAY) {
            continue;
        }
        let since = idle.map_or(String::new(), |idle| format!(" for {}", long(idle)));
        let observed = format!(
            "nobody reads from the {} slot {}{since}, and {} MiB of the log are kept for it",
            slot.kind,
            slot.name,
            kept / MIB
        );
        let place = Place::of(format!("pg_replication_slots (port {})", server.port));
        let finding = Finding::new(format!("port {}: slot {}", server.port, slot.name), place, observed);
        answer.find(match left(facts, server) {
            Some(left) => finding.forecast(format!("{left} MiB are left on the disk of {}", server.data)),
            None => finding,
        });
    }
}

fn left(facts: &Facts, server: &Server) -> Option<u64> {
    let mount = facts.disks.known()?.of(&server.data)?;
    Some(mount.space.known()?.free >> 20)
}

fn archive(facts: &Facts, server: &Server, archiver: &Archiver) -> Option<Finding> {
    let observed = match (archiver.on, archiver.told, archiver.last_failed) {
        (false, ..) => return None,
        (true, false, _) => {
            "archive_mode is on, and neither a command nor a library takes the segments".to_owned()
        }
        (true, true, Some(failed)) if archiver.last_done.is_none_or(|done| failed > done) => {
            let last = match archiver.last_done {
                Some(done) => format!("it last took one {} ago", long(facts.at.since(done))),
                None => "it never took one".to_owned(),
            };
            format!(
                "the archiver failed {} ago, {} times in all; {last}",
                long(facts.at.since(failed)),
                archiver.failed
            )
        }
        _ => return None,
    };
    let place = Place::of(format!("pg_stat_archiver (port {})", server.port));
    Some(Finding::new(format!("port {}: archiver", server.port), place, observed))
}
