//! CRON012: a script that the kernel will not start.

use muster_host::discover::command::{Reading, Script};

use super::{each_line, place, reading, subject};
use crate::collect::targets::interpreter_paths;
use crate::facts::files::{Entry, Kind, User};
use crate::facts::{Fact, Facts};
use crate::mend::Mend;
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::{Fixture, file, program};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CRON012",
    severity: Severity::High,
    outlook: Outlook::Failing,
    title: "a job's script cannot be started",
    silent: "The shell answers 126 or 127, and cron throws it away.",
    cure: "Make the script executable (chmod +x); write it with plain line ends (`sed -i 's/\\r$//'`); name an interpreter that is installed; move it \
           off a file system that is mounted noexec.",
    fix: Fix::Safe,
    unless: "The line gives the script to its interpreter (`sh x.sh`), or tests first whether it can be started.",
    judge,
    bad: Fixture::files(
        "a script without its bit",
        &[
            file("/etc/cron.d/shop", "0 2 * * * root muster run n -- /opt/shop/n.sh\n"),
            file("/opt/shop/n.sh", "#!/bin/sh\n"),
        ],
    ),
    good: [
        Fixture::files(
            "the same file given to its interpreter",
            &[
                file("/etc/cron.d/shop", "0 2 * * * root muster run n -- sh /opt/shop/n.sh\n"),
                file("/opt/shop/n.sh", "#!/bin/sh\n"),
            ],
        ),
        Fixture::files(
            "executable, its interpreter in a tree without programs",
            &[
                file("/etc/cron.d/shop", "0 2 * * * root muster run n -- /opt/shop/n.sh\n"),
                program("/opt/shop/n.sh", "#!/usr/bin/env python3\n"),
            ],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each_line(facts, |_, table, line, answer| {
        if table.package.is_some() {
            return;
        }
        if table.carriage_returns && table.lines.first() == Some(line) {
            let observed =
                "lines end with carriage returns: cron makes them part of the last word of each command";
            answer.find(super::whole(table, observed));
        }
        if Reading::of(&line.shell).is_guarded() {
            return;
        }
        let (path, started) = match reading(line).script() {
            Some(Script::Started(path)) => (path, true),
            Some(Script::Interpreted(path)) => (path, false),
            None => return,
        };
        let entry = match facts.entry(&path) {
            Fact::Known(entry) if entry.kind == Kind::File => entry,
            Fact::Known(_) | Fact::Nothing { .. } => return,
            Fact::Unknown { why } => return answer.blind(format!("{path}: {why}")),
        };
        let user = facts.user(table.user(line)).flatten();
        let finding = |observed: String| Finding::new(subject(table, line), place(table, line), observed);
        if started && !may_start(entry, user) {
            let (from, to) = (entry.mode, entry.mode | ((entry.mode & 0o444) >> 2));
            let mend =
                (entry.mode & 0o111 == 0 && to != from).then(|| Mend::Mode { file: path.clone(), from, to });
            let observed = format!("{path} has mode {from:04o}: {} may not start it", table.user(line));
            answer.find(finding(observed).mended(mend));
        } else if started && entry.noexec {
            answer.find(finding(format!("{path} lies on a file system that is mounted noexec")));
        } else if entry.carriage_return {
            answer.find(finding(format!("the first line of {path} ends with a carriage return, which becomes part of the program's name")));
        } else if started && let Some(asked) = missing_interpreter(facts, entry) {
            answer.find(finding(format!("{path} asks for {asked:?}, which is not there")));
        }
    })
}

/// Groups beyond the first are not known: a bit for a group counts for everybody then.
fn may_start(entry: &Entry, user: Option<&User>) -> bool {
    match user {
        None => entry.mode & 0o111 != 0,
        Some(user) if user.uid == 0 => entry.mode & 0o111 != 0,
        Some(user) if user.uid == entry.uid => entry.mode & 0o100 != 0,
        Some(_) => entry.mode & 0o011 != 0,
    }
}

/// What `#!` asks for, where it is surely absent.
fn missing_interpreter(facts: &Facts, entry: &Entry) -> Option<String> {
    let asked = entry.interpreter.as_deref()?;
    let paths = interpreter_paths(asked);
    let absent = |path: &String| matches!(facts.entry(path), Fact::Nothing { .. });
    (super::has_programs(facts) && !paths.is_empty() && paths.iter().all(absent)).then(|| asked.to_owned())
}
