//! Traps in crontabs, and in the folders of scripts that they run.

pub(super) mod account_over;
pub(super) mod bashism;
pub(super) mod ignored_name;
pub(super) mod insecure;
pub(super) mod missing_script;
pub(super) mod muted;
pub(super) mod no_mail;
pub(super) mod no_newline;
pub(super) mod no_script;
pub(super) mod no_user;
pub(super) mod not_executable;
pub(super) mod not_found;
pub(super) mod not_running;
pub(super) mod odd_schedule;
pub(super) mod percent;
pub(super) mod refused_line;
pub(super) mod relative;
pub(super) mod skipped_script;
pub(super) mod twice;
pub(super) mod unknown_user;
pub(super) mod unwrapped;

use muster_host::discover::command::{Reading, SHELLS, basename};
use muster_host::discover::crontab::Daemon;

use super::answer::{Answer, Finding, Place};
use crate::facts::cron::{Cron, Line, Table};
use crate::facts::{Fact, Facts};
use crate::mend::Mend;
use crate::shell::{self, Command};

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

/// Where a line stands, and the line as it stands there.
fn place(table: &Table, line: &Line) -> Place {
    let fields = [Some(line.schedule.as_str()), line.user.as_deref(), Some(line.command.as_str())];
    let text: Vec<&str> = fields.into_iter().flatten().filter(|field| !field.is_empty()).collect();
    Place::line(&table.path, line.line, text.join(" "))
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

/// The tree has programs in it: else it says nothing that one is not there.
fn has_programs(facts: &Facts) -> bool {
    matches!(facts.entry("/bin/sh"), Fact::Known(_))
}

/// The line reports to muster, to another watchman, or runs a folder whose scripts are judged one by one.
fn is_covered(line: &Line) -> bool {
    let reading = Reading::of(&line.shell);
    reading.covered().is_some() || reading.watcher().is_some() || reading.run_parts().is_some()
}

/// What a shell gets to read of a line: all of it, or behind muster's wrapper what is given to a shell there; empty where
/// none stands behind it.
pub(in crate::rules) fn shell_part(line: &Line) -> Vec<Command> {
    let commands = shell::commands(&line.shell);
    let is_muster = |command: &&Command| command.words.iter().any(|word| basename(&word.text) == "muster");
    let wrapper = match Reading::of(&line.shell).covered() {
        Some(_) => commands.iter().find(is_muster),
        None => None,
    };
    let Some(wrapper) = wrapper else { return commands };
    let at = wrapper.words.iter().position(|word| word.text == "--").map_or(wrapper.words.len(), |at| at + 1);
    inner_shell(&wrapper.words[at..])
}

/// What `sh -c` is given.
fn inner_shell(words: &[shell::Word]) -> Vec<Command> {
    let is_shell = words.iter().position(|word| SHELLS.contains(&basename(&word.text)));
    let Some(words) = is_shell.map(|at| &words[at..]) else { return Vec::new() };
    let given = |word: &shell::Word| {
        word.text.starts_with('-') && !word.text.starts_with("--") && word.text.ends_with('c')
    };
    let text = words.iter().position(given).and_then(|at| words.get(at + 1));
    text.map_or(Vec::new(), |text| shell::commands(&text.text))
}

/// A change of the first word of a command; none where the file is not ours to change or the word stands elsewhere.
fn replaced_word(table: &Table, line: &Line, old: &str, new: &str) -> Option<Mend> {
    let at = line.command.find(old)?;
    let before = &line.command[..at];
    // What was blotted has another length than what stands in the file.
    let is_exact = before.is_ascii() && !before.contains("***");
    (table.path.starts_with('/') && is_exact).then(|| Mend::Splice {
        file: table.path.clone(),
        at: line.at + at as u64,
        old: old.to_owned(),
        new: new.to_owned(),
    })
}
