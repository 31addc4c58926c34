//! LOG001: a log that grows for ever.

use muster_core::words::size;

use super::{MIB, is_plain, slug, uncovered, with_logs};
use crate::facts::logs::{LogFile, daily};
use crate::facts::{Fact, Facts};
use crate::mend::Mend;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

const CONF: &str = "weekly\nrotate 4\ninclude /etc/logrotate.d\n";

pub(in crate::rules) const RULE: Rule = Rule {
    id: "LOG001",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "a log grows and nobody rotates it",
    silent: "It takes months until the disk is full; then everything on the host fails at once, and the log cannot say why.",
    cure: "Have logrotate rotate it: a file in /etc/logrotate.d with maxsize, rotate and copytruncate.",
    fix: Fix::Safe,
    unless: "The file is below 50 MiB, a pattern of logrotate covers it, or its program keeps older pieces beside it.",
    judge,
    bad: Fixture::with("an application's own log", &[file("/etc/logrotate.conf", CONF)], |facts| {
        with_logs(facts, &[("/opt/shop/logs/app.log", 600 * MIB, 60)]);
    }),
    good: [
        Fixture::with(
            "a pattern covers it",
            &[
                file("/etc/logrotate.conf", CONF),
                file("/etc/logrotate.d/shop", "/opt/*/logs/*.log {\n  daily\n}\n"),
            ],
            |facts| with_logs(facts, &[("/opt/shop/logs/app.log", 600 * MIB, 60)]),
        ),
        Fixture::with("the program rotates by itself", &[file("/etc/logrotate.conf", CONF)], |facts| {
            with_logs(
                facts,
                &[("/opt/shop/logs/app.log", 600 * MIB, 60), ("/opt/shop/logs/app.log.1", 900 * MIB, 90)],
            );
        }),
    ],
};

/// From here on a log is worth a word.
const LARGE: u64 = 50 * MIB;

fn judge(facts: &Facts) -> Answer {
    Answer::of(&facts.logs, |logs, answer| {
        logs.unseen.iter().for_each(|(what, why)| answer.blind(format!("{what}: {why}")));
        let Some(files) = uncovered(facts) else { return answer.blind("what logrotate covers is not known") };
        for file in files.into_iter().filter(|file| file.size >= LARGE) {
            let quiet = facts.at.since(file.modified).as_millis() / 86_400_000;
            // Nobody writes to it any more: it takes space and no more of it.
            if quiet > 30 {
                continue;
            }
            let writer = writer(facts, &file.path);
            let by = writer.map_or(String::new(), |(name, _)| format!(", written by {name}"));
            let observed =
                format!("{} holds {}{by}; no pattern of logrotate covers it", file.path, size(file.size));
            let finding = Finding::new(&file.path, Place::of(&file.path), observed).mended(mend(facts, file));
            answer.find(match forecast(facts, file) {
                Some(forecast) => finding.forecast(forecast),
                None => finding,
            });
        }
    })
}

/// Who writes to it, and whether each write goes to its end.
fn writer<'f>(facts: &'f Facts, path: &str) -> Option<(&'f str, bool)> {
    let file = facts.open_files.known()?.iter().find(|file| file.path == path && !file.deleted)?;
    Some((&file.program, file.appends))
}

fn forecast(facts: &Facts, file: &LogFile) -> Option<String> {
    let growth = daily(file, facts.at).filter(|growth| *growth > 0)?;
    let rate = format!("{} a day, by its size and age", size(growth));
    let space =
        facts.disks.known().and_then(|disks| disks.of(&file.path)).and_then(|mount| mount.space.known());
    Some(match space {
        Some(space) => format!("{rate}: fills the disk in {} days", space.free / growth),
        None => rate,
    })
}

/// A file for logrotate. It copies and truncates, since nobody knows how to make the program open its log again; where it
/// does not append, that would leave a hole as large as the log.
fn mend(facts: &Facts, log: &LogFile) -> Option<Mend> {
    let file = format!("/etc/logrotate.d/muster-{}", slug(&log.path));
    let logrotate = facts.logrotate.known()?;
    let is_there = logrotate.files.iter().any(|other| other.path == file);
    let appends = writer(facts, &log.path).is_none_or(|(_, appends)| appends);
    if is_there || !appends || !is_plain(&log.path) {
        return None;
    }
    let su = match log.uid {
        0 => String::new(),
        uid => {
            let users = facts.users.known()?;
            let user = users.iter().find(|user| user.uid == uid)?;
            let group = facts.accounts.known()?.group(log.gid)?;
            format!("    su {} {group}\n", user.name)
        }
    };
    let text = format!(
        "{} {{\n    daily\n    maxsize 100M\n    rotate 14\n    missingok\n    notifempty\n    compress\n    delaycompress\n    copytruncate\n{su}}}\n",
        log.path
    );
    matches!(facts.logrotate, Fact::Known(_)).then_some(Mend::Create { file, mode: 0o644, text })
}
