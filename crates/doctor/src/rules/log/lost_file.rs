//! LOG005: a process that writes where nobody reads.

use muster_core::words::size;

use super::{MIB, is_rotated_name};
use crate::facts::logs::OpenFile;
use crate::facts::{Fact, Facts};
use crate::mend::Mend;
use crate::mend::order::Order;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "LOG005",
    severity: Severity::High,
    outlook: Outlook::Failing,
    title: "a process writes to a log that was rotated or removed",
    silent: "The new log stays empty. A removed file takes space that neither ls nor du shows, until the process ends.",
    cure: "Have the process open its log again (`systemctl reload`, or the signal its manual names) in postrotate, or use copytruncate.",
    fix: Fix::Disruptive,
    unless: "The rotation was a moment ago, or the removed file is a small temporary one.",
    judge,
    bad: Fixture::facts("a removed log of 300 MiB", |facts| {
        open(facts, "/var/log/shop/app.log", true, 300 * MIB)
    }),
    good: [
        Fixture::facts("a log that is open as it should be", |facts| {
            open(facts, "/var/log/shop/app.log", false, 300 * MIB)
        }),
        Fixture::facts("a removed temporary file of a database", |facts| {
            open(facts, "/tmp/ibXYZ", true, MIB)
        }),
    ],
};

/// Bytes of a removed file that are worth a word: of a log, and of anything.
const LOG: u64 = MIB;
const ANY: u64 = 256 * MIB;
/// Minutes for a rotation to come to its end.
const SOON: u64 = 30;

fn open(facts: &mut Facts, path: &str, deleted: bool, size: u64) {
    facts.open_files = Fact::Known(vec![OpenFile {
        path: path.to_owned(),
        pid: 812,
        program: "shop".to_owned(),
        deleted,
        appends: true,
        size,
        modified: facts.at,
    }]);
}

fn judge(facts: &Facts) -> Answer {
    Answer::of(&facts.open_files, |files, answer| {
        for file in files {
            let finding = |observed: String| {
                let place = Place::of(format!("/proc/{}/fd", file.pid));
                let subject = format!("{}: {}", file.program, file.path);
                Finding::new(subject, place, observed).mended(mend(facts, file))
            };
            if file.deleted && file.size >= (if is_log(file) { LOG } else { ANY }) {
                answer.find(finding(format!(
                    "{} (pid {}) writes to {}, which was removed and holds {}",
                    file.program,
                    file.pid,
                    file.path,
                    size(file.size)
                )));
            } else if !file.deleted && is_behind(facts, file) {
                answer.find(finding(format!(
                    "{} (pid {}) still writes to {}, while a new log has taken its place",
                    file.program, file.pid, file.path
                )));
            }
        }
    })
}

/// The service whose own process it is reads its files again, which for most programs opens the log anew; where it does
/// not, the next look finds that it did not help. A process below it is not the one that hears.
fn mend(facts: &Facts, file: &OpenFile) -> Option<Mend> {
    let services = facts.services.known()?;
    let state = services.live.known()?.iter().find(|state| state.pid == file.pid && file.pid != 0)?;
    let reloads = state.active == "active" && is_log(file);
    reloads.then(|| Mend::Order(Order::Reload { unit: state.name.clone() }))
}

fn is_log(file: &OpenFile) -> bool {
    file.path.contains("/log") || file.path.contains(".log")
}

/// It was written to after the new log had been there for a while.
fn is_behind(facts: &Facts, file: &OpenFile) -> bool {
    if !is_rotated_name(&file.path) {
        return false;
    }
    let Some(new) = file.path.strip_suffix(".1") else { return false };
    let begun = facts.logs.known().and_then(|logs| logs.files.iter().find(|log| log.path == new)?.created);
    begun.is_some_and(|begun| file.modified.since(begun).as_millis() > SOON * 60_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::services::State;
    use crate::rules::service::tell;
    use crate::rules::tests::facts_of;

    #[test]
    fn the_service_whose_process_it_is_reads_its_files_again() {
        let mut facts = facts_of(&RULE.bad);
        assert_eq!(judge(&facts).findings[0].mend, None, "nobody knows whose it is");
        for (pid, mended) in [(812, true), (813, false)] {
            let (name, active) = ("shop.service".to_owned(), "active".to_owned());
            tell(&mut facts, vec![State { name, active, pid, ..State::default() }]);
            assert_eq!(judge(&facts).findings[0].mend.is_some(), mended, "{pid}");
        }
    }
}
