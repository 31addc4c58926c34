//! CRON020: one command, two lines.

use muster_core::schedule::Schedule;
use muster_core::time::Timestamp;

use super::{place, subject};
use crate::facts::Facts;
use crate::facts::cron::{Line, Table};
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CRON020",
    severity: Severity::Medium,
    outlook: Outlook::Waiting,
    title: "one command is started twice at the same time",
    silent: "Both runs end well as long as they do not meet; then one of them overwrites what the other writes.",
    cure: "Take one of the lines out, or give the command a lock: `muster run NAME -- …` has one.",
    fix: Fix::Told,
    unless: "The lines never meet (workdays and weekends), or belong to packages.",
    judge,
    bad: Fixture::files(
        "one job in two files",
        &[
            file("/etc/cron.d/shop", "0 2 * * * app /opt/shop/nightly.sh\n"),
            file("/var/spool/cron/crontabs/app", "0 2 * * 1 /opt/shop/nightly.sh\n"),
        ],
    ),
    good: [
        Fixture::files(
            "workdays and weekends",
            &[file(
                "/etc/cron.d/shop",
                "0 2 * * 1-5 app /opt/shop/nightly.sh\n0 5 * * 6,0 app /opt/shop/nightly.sh\n",
            )],
        ),
        Fixture::files(
            "after a start and by the clock, and one script with two tasks",
            &[file(
                "/etc/cron.d/shop",
                "@reboot app /opt/shop/x.sh\n0 5 * * * app /opt/shop/x.sh\n0 5 * * * app /opt/shop/x.sh --all\n",
            )],
        ),
    ],
};

/// Runs of one line that are compared.
const RUNS: usize = 200;

fn judge(facts: &Facts) -> Answer {
    Answer::of(&facts.cron, |cron, answer| {
        cron.unseen.iter().for_each(|(what, why)| answer.blind(format!("{what}: {why}")));
        let own = cron.tables.iter().filter(|table| table.package.is_none());
        let lines: Vec<(&Table, &Line, String)> = own
            .flat_map(|table| table.lines.iter().map(move |line| (table, line, plain(line))))
            .filter(|(_, line, command)| line.cron.is_some() && command.len() > 3)
            .collect();
        for (at, (table, line, command)) in lines.iter().enumerate() {
            let Some((other_table, other, _)) =
                lines[..at].iter().find(|(_, other, same)| same == command && meet(line, other, facts.at))
            else {
                continue;
            };
            let observed =
                format!("{}:{} starts the same command at the same time", other_table.path, other.line);
            answer.find(Finding::new(subject(table, line), place(table, line), observed));
        }
    })
}

/// The command without what does not change what it does.
fn plain(line: &Line) -> String {
    let words: Vec<&str> = line.shell.split_whitespace().collect();
    let end = words
        .iter()
        .position(|word| word.starts_with(['>', '<']) || word.starts_with("2>") || word.starts_with("&>"));
    words[..end.unwrap_or(words.len())].join(" ")
}

fn meet(one: &Line, other: &Line, now: Timestamp) -> bool {
    if one.cron == other.cron {
        return true;
    }
    let (Some(mut first), Some(second)) = (runs(one, now), runs(other, now)) else { return false };
    first.retain(|run| second.binary_search(run).is_ok());
    !first.is_empty()
}

fn runs(line: &Line, now: Timestamp) -> Option<Vec<i64>> {
    let schedule = Schedule::parse(line.cron.as_deref()?, "UTC").ok()?;
    let mut at = now;
    let next = std::iter::from_fn(|| {
        at = schedule.next_after(at).ok()?;
        Some(at.seconds())
    });
    Some(next.take(RUNS).collect())
}
