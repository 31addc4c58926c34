//! LOCK003: runs that pile up behind a lock.

use muster_core::schedule::Schedule;

use super::{each, flocks, in_line, with_options};
use crate::facts::Facts;
use crate::facts::cron::Line;
use crate::rules::answer::Answer;
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "LOCK003",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "runs wait for a lock without end",
    silent: "When one run hangs, each later one waits behind it as a process of its own. Nothing fails until the host has no memory or \
             no processes left.",
    cure: "Let muster hold the lock (`muster run --lock FILE NAME -- …`), or wait for a time: `flock -w 60 -E 75`.",
    fix: Fix::Safe,
    unless: "It gives up at once (-n) or after a time (-w), lets a lock go (-u), or timeout(1) stands before it.",
    judge,
    bad: Fixture::files(
        "a lock that is waited for",
        &[file(
            "/etc/cron.d/shop",
            "*/5 * * * * root muster run s -- flock /run/lock/s.lock /opt/shop/sync.sh\n",
        )],
    ),
    good: [
        Fixture::files(
            "a wait with an end",
            &[file(
                "/etc/cron.d/shop",
                "*/5 * * * * root muster run s -- flock --timeout=60 -E 75 /run/lock/s.lock /opt/shop/sync.sh\n",
            )],
        ),
        Fixture::files(
            "timeout before it, and a lock that is let go",
            &[file(
                "/etc/cron.d/shop",
                "*/5 * * * * root timeout 1m flock /run/lock/s.lock /opt/shop/sync.sh\n6 * * * * root flock -u /run/lock/s.lock true\n",
            )],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    let waiting = |file: &str| {
        let held = facts.locks.known().into_iter().flatten().find(|held| held.path.as_deref() == Some(file));
        held.map_or(0, |held| held.waiters.len())
    };
    each(
        facts,
        |table, line, answer| {
            if line.shell.contains("timeout ") {
                return;
            }
            for flock in
                flocks(&line.shell).iter().filter(|flock| !flock.at_once && !flock.waits && !flock.other)
            {
                let period = period(line, facts);
                let observed = match waiting(&flock.file) {
                    0 => format!("waits for {} without end", flock.file),
                    count => format!("waits for {} without end; {count} processes wait now", flock.file),
                };
                let wait = period.map_or(60, |period| (period / 2).clamp(5, 3600));
                let mend = with_options(table, line, &format!("-w {wait} -E 75"));
                let finding = in_line(table, line, observed).mended(mend);
                answer.find(match period {
                    Some(period) => finding.forecast(format!(
                        "a run that hangs leaves {} waiting processes a day",
                        86_400 / period
                    )),
                    None => finding,
                });
            }
        },
        |_, _| {},
    )
}

/// Seconds between two runs.
fn period(line: &Line, facts: &Facts) -> Option<u64> {
    let schedule = Schedule::parse(line.cron.as_deref()?, "UTC").ok()?;
    let seconds = schedule.interval_hint(facts.at).as_millis() / 1000;
    (seconds > 0 && seconds <= 86_400).then_some(seconds)
}
