//! CRON003: a line that hides its own failure.

use muster_host::discover::command::{Reading, basename};

use super::{each_line, place, shell_part, subject};
use crate::facts::Facts;
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};
use crate::shell::Command;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CRON003",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "a job hides its own failure",
    silent: "What it says goes to /dev/null, or its exit code is that of `true` or of the last program of a pipe.",
    cure: "Wrap the job with `muster run NAME -- …` and leave its output alone; begin a line with pipes with `set -o pipefail` \
           under bash; take `|| true` away.",
    fix: Fix::Told,
    unless: "The line reports to an address or a watchman, or only a test or a clean-up may fail.",
    judge,
    bad: Fixture::files(
        "both streams to nowhere",
        &[file("/etc/cron.d/shop", "0 2 * * * root /opt/shop/nightly.sh >/dev/null 2>&1\n")],
    ),
    good: [
        Fixture::files(
            "the noise of muster's wrapper, and a pipe that fails as a whole",
            &[file(
                "/etc/cron.d/shop",
                "0 2 * * * root muster run n -- bash -c 'set -o pipefail; pg_dump app | gzip > /srv/app.gz' >/dev/null 2>&1\n",
            )],
        ),
        Fixture::files(
            "a clean-up that may find nothing",
            &[file(
                "/etc/cron.d/shop",
                "0 2 * * * root muster run n -- sh -c '/opt/shop/nightly.sh; pkill -f shop-tmp || true'\n",
            )],
        ),
    ],
};

/// Programs whose failure says only that there was nothing to do.
const HARMLESS: [&str; 10] = ["test", "[", "[[", "grep", "pkill", "kill", "killall", "rm", "mkdir", "find"];
/// Programs before a pipe that can hardly fail.
const SOURCES: [&str; 5] = ["echo", "printf", "cat", "yes", "true"];

fn judge(facts: &Facts) -> Answer {
    each_line(facts, |_, table, line, answer| {
        let reading = Reading::of(&line.shell);
        let is_heard =
            reading.watcher().is_some() || line.shell.contains("https://") || line.shell.contains("http://");
        if table.package.is_some() || reading.run_parts().is_some() || is_heard {
            return;
        }
        let commands = shell_part(line);
        let wrapped = reading.covered().is_some();
        let found = if wrapped {
            pipe(&commands).or_else(|| excused(&commands))
        } else {
            nowhere(&commands).or_else(|| excused(&commands))
        };
        if let Some(observed) = found {
            answer.find(Finding::new(subject(table, line), place(table, line), observed));
        }
    })
}

/// Both streams of the work go to `/dev/null`.
fn nowhere(commands: &[Command]) -> Option<String> {
    let is_muted = |command: &&Command| {
        let null = |stream: Option<u8>| {
            command.redirections.iter().any(|to| {
                let is_stream = to.stream == stream || (stream == Some(1) && to.stream.is_none());
                is_stream && to.sign.starts_with('>') && to.target.text == "/dev/null"
            })
        };
        let joined = command
            .redirections
            .iter()
            .any(|to| to.stream == Some(2) && to.sign == ">&" && to.target.text == "1");
        let both = command.redirections.iter().any(|to| {
            (to.sign.starts_with("&>") || (to.sign == ">&" && to.stream.is_none()))
                && to.target.text == "/dev/null"
        });
        both || (null(Some(1)) && (joined || null(Some(2))))
    };
    let work = |command: &&Command| {
        let program = basename(command.program());
        !HARMLESS.contains(&program) && !["cd", "command", "which", "type", "hash"].contains(&program)
    };
    let muted = commands.iter().filter(work).find(is_muted)?;
    let program = basename(muted.program());
    Some(format!("all that {program} says, errors too, goes to /dev/null"))
}

/// The line ends well whatever happened.
fn excused(commands: &[Command]) -> Option<String> {
    let (last, before) = commands.split_last()?;
    let work = before.last()?;
    let is_true = ["true", ":", "/bin/true"].contains(&last.program())
        || (last.program() == "exit" && last.arguments().get(1).is_some_and(|word| word.text == "0"));
    let tests = HARMLESS.contains(&basename(work.program()));
    (is_true && [";", "||"].contains(&last.before) && !tests).then(|| {
        format!(
            "the line ends with {:?}: it exits 0 whether {} failed or not",
            format!("{} {}", last.before, last.program()),
            basename(work.program())
        )
    })
}

/// A pipe whose exit code is that of its last program.
fn pipe(commands: &[Command]) -> Option<String> {
    let text = |command: &Command| command.words.iter().any(|word| word.text.contains("pipefail"));
    if commands.iter().any(text) {
        return None;
    }
    let risky = |command: &&Command| command.after == "|" && !SOURCES.contains(&basename(command.program()));
    let lost = commands.iter().find(risky)?;
    Some(format!(
        "a failure of {} before the pipe is not seen: the exit code is that of the last program",
        basename(lost.program())
    ))
}
