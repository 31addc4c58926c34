//! Traps in logs and in what rotates them.

pub(super) mod ignored_config;
pub(super) mod journal;
pub(super) mod lost_file;
pub(super) mod no_retention;
pub(super) mod no_rotation;
pub(super) mod not_rotating;
pub(super) mod size_and_time;

use muster_host::discover::command::basename;

use super::answer::{Answer, Finding, Place};
use crate::facts::logrotate::{ConfigFile, Logrotate, Stanza};
use crate::facts::logs::{LogFile, Logs};
use crate::facts::{Fact, Facts};

/// Judges logrotate's configuration, and passes on what could not be read.
fn each_config(facts: &Facts, judge: impl FnOnce(&Logrotate, &mut Answer)) -> Answer {
    Answer::of(&facts.logrotate, |logrotate, answer| {
        logrotate.unseen.iter().for_each(|(what, why)| answer.blind(format!("{what}: {why}")));
        judge(logrotate, answer);
    })
}

/// logrotate passes over the whole file.
fn is_refused(facts: &Facts, file: &ConfigFile) -> bool {
    file.mode & 0o022 != 0 || (facts.vantage.live && file.uid != 0)
}

/// Stanzas that logrotate takes.
fn taken<'l>(facts: &'l Facts, logrotate: &'l Logrotate) -> impl Iterator<Item = &'l Stanza> {
    let refused = |stanza: &Stanza| {
        logrotate.files.iter().any(|file| file.path == stanza.file && is_refused(facts, file))
    };
    logrotate.stanzas.iter().filter(move |stanza| !refused(stanza))
}

/// logrotate is started more often than daily.
fn is_hourly(facts: &Facts, logrotate: &Logrotate) -> bool {
    let by_cron = |line: &crate::facts::cron::Line| {
        let hour = line.schedule.split(' ').nth(1).unwrap_or_default();
        line.shell.contains("logrotate") && (line.schedule == "@hourly" || hour.starts_with('*'))
    };
    let tables = facts.cron.known().map_or(&[][..], |cron| &cron.tables[..]);
    logrotate.hourly || tables.iter().flat_map(|table| &table.lines).any(by_cron)
}

/// Logs that nobody rotates; none where nobody could see.
pub(in crate::rules) fn uncovered(facts: &Facts) -> Option<Vec<&LogFile>> {
    let logs = match &facts.logs {
        Fact::Known(logs) => logs,
        Fact::Nothing { .. } => return Some(Vec::new()),
        Fact::Unknown { .. } => return None,
    };
    let stanzas: Vec<&Stanza> = match &facts.logrotate {
        Fact::Known(logrotate) => taken(facts, logrotate).collect(),
        Fact::Nothing { .. } => Vec::new(),
        Fact::Unknown { .. } => return None,
    };
    let is_covered = |file: &&LogFile| {
        is_rotated_name(&file.path)
            || rotates_itself(logs, &file.path)
            || stanzas.iter().any(|stanza| stanza.covers(&file.path))
    };
    Some(logs.files.iter().filter(|file| !is_covered(file)).collect())
}

/// The name that a log has after its rotation: `x.log.1`, `x.log-20260101`, `x.log.2.gz`.
fn is_rotated_name(path: &str) -> bool {
    let name = basename(path);
    let packed = [".gz", ".xz", ".zst", ".bz2", ".old"].iter().any(|end| name.ends_with(end));
    let tail = name.rsplit(['.', '-', '_']).next().unwrap_or_default();
    packed || (tail.len() < name.len() && !tail.is_empty() && tail.bytes().all(|b| b.is_ascii_digit()))
}

/// Older pieces lie beside it: the program that writes it does it by itself.
fn rotates_itself(logs: &Logs, path: &str) -> bool {
    let stem = path.strip_suffix(".log").unwrap_or(path);
    logs.files.iter().any(|other| {
        let rest = other.path.strip_prefix(path).or_else(|| other.path.strip_prefix(stem));
        let rest = rest.filter(|rest| rest.starts_with(['.', '-', '_']));
        rest.is_some_and(|rest| rest[1..].starts_with(|c: char| c.is_ascii_digit()))
    })
}

/// A name made of a path, for a file of our own.
fn slug(path: &str) -> String {
    let letters = path.trim_matches('/').chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    let mut name: String = letters.collect();
    name.truncate(80);
    name
}

/// Letters that need no quotes in a configuration file.
fn is_plain(path: &str) -> bool {
    path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-".contains(&b))
}

/// A finding about a stanza, at a line of it.
fn in_stanza(stanza: &Stanza, line: u32, text: &str, observed: impl Into<String>) -> Finding {
    let subject = format!("{}: {}", stanza.file, stanza.patterns.join(" "));
    Finding::new(subject, Place::line(&stanza.file, line, text), observed)
}

/// Logs as told by a fixture.
fn with_logs(facts: &mut Facts, files: &[(&str, u64, i64)]) {
    let day = 86_400_000;
    let file = |(path, size, days): &(&str, u64, i64)| LogFile {
        path: (*path).to_owned(),
        size: *size,
        modified: facts.at,
        created: Some(facts.at.shifted(-days * day)),
        uid: 0,
        gid: 0,
    };
    let files = files.iter().map(file).collect();
    facts.logs = Fact::Known(Logs { files, ..Logs::default() });
}

const MIB: u64 = 1 << 20;
