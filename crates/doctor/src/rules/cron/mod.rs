//! Traps in crontabs, and in the folders of scripts that they run.

pub(super) mod ignored_name;
pub(super) mod missing_script;
pub(super) mod no_newline;
pub(super) mod no_script;
pub(super) mod percent;
pub(super) mod unwrapped;

use muster_host::discover::command::Reading;
use muster_host::discover::crontab::Daemon;

use super::answer::{Answer, Finding, Place};
use crate::facts::Facts;
use crate::facts::cron::{Cron, Line, Table};

/// Judges each line that starts something, and passes on what could not be read.
fn each_line(facts: &Facts, mut judge: impl FnMut(&Cron, &Table, &Line, &mut Answer)) -> Answer {
    each_table(facts, |cron, table, answer| {
        for line in &table.lines {
            judge(cron, table, line, answer);
        }
    })
}

/// Judges each crontab, and passes on what could not be read.
fn each_table(facts: &Facts, mut judge: impl FnMut(&Cron, &Table, &mut Answer)) -> Answer {
    Answer::of(&facts.cron, |cron, answer| {
        for (what, why) in &cron.unseen {
            answer.blind(format!("{what}: {why}"));
        }
        for table in &cron.tables {
            judge(cron, table, answer);
        }
    })
}

/// Where a line stands.
fn place(table: &Table, line: &Line) -> Place {
    Place::line(&table.path, line.line, format!("{} {}", line.schedule, line.command))
}

/// What a line is about, however lines move.
fn subject(table: &Table, line: &Line) -> String {
    format!("{}: {}", table.user(line), line.command)
}

/// What the line runs, behind muster's own wrapper where there is one.
fn reading(line: &Line) -> Reading {
    let reading = Reading::of(&line.shell);
    reading.wrapped().unwrap_or(reading)
}

/// Debian's daemon reads the files of this host.
fn is_debian(cron: &Cron) -> bool {
    cron.daemon == Daemon::Debian
}

/// A finding about a whole crontab.
fn whole(table: &Table, observed: impl Into<String>) -> Finding {
    Finding::new(&table.path, Place::of(&table.path), observed)
}
