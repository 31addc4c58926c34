//! LOG002: `size` beside `daily`.

use muster_core::words::size;

use super::{each_config, in_stanza, is_hourly, taken};
use crate::facts::Facts;
use crate::facts::logrotate::{INTERVALS, Stanza, bytes};
use crate::facts::logs::daily;
use crate::mend::Mend;
use crate::rules::answer::Answer;
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

const CONF: &str = "weekly\nrotate 4\ninclude /etc/logrotate.d\n";

pub(in crate::rules) const RULE: Rule = Rule {
    id: "LOG002",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "logrotate's size and interval undo each other",
    silent: "Of `size` and `daily` the one that is written last counts, and the other is ignored without an error: small logs are never \
             rotated, or large ones not before their day. Neither is a cap, for logrotate looks once a day.",
    cure: "Write `maxsize` instead of `size`: it rotates by the clock, and earlier when the log is too large. Where a day is too long, \
           have logrotate look each hour (`systemctl edit logrotate.timer`: OnCalendar=hourly).",
    fix: Fix::Safe,
    unless: "Only one of them stands in the stanza.",
    judge,
    bad: Fixture::files(
        "size after daily",
        &[
            file("/etc/logrotate.conf", CONF),
            file("/etc/logrotate.d/shop", "/opt/shop/*.log {\n  daily\n  size 100M\n  rotate 7\n}\n"),
        ],
    ),
    good: [
        Fixture::files(
            "maxsize with daily, and size alone",
            &[
                file("/etc/logrotate.conf", CONF),
                file(
                    "/etc/logrotate.d/shop",
                    "/opt/shop/*.log {\n  daily\n  maxsize 100M\n}\n/opt/x/*.log {\n  size 10M\n}\n",
                ),
            ],
        ),
        Fixture::files(
            "a script and a comment that only mention it",
            &[
                file("/etc/logrotate.conf", CONF),
                file(
                    "/etc/logrotate.d/shop",
                    "/opt/shop/*.log {\n  daily\n  # size 100M\n  minsize 1M\n  postrotate\n    size 100M\n  endscript\n}\n",
                ),
            ],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each_config(facts, |logrotate, answer| {
        let hourly = is_hourly(facts, logrotate);
        for stanza in taken(facts, logrotate).filter(|stanza| stanza.package.is_none()) {
            let Some(limit) = stanza.options.iter().rev().find(|option| option.name == "size") else {
                continue;
            };
            let clock = stanza.options.iter().rev().find(|option| INTERVALS.contains(&option.name.as_str()));
            let Some(clock) = clock else { continue };
            let observed = match limit.line > clock.line {
                true => format!(
                    "`size {}` makes `{}` void: below that size the log is never rotated",
                    limit.value, clock.name
                ),
                false => format!(
                    "`{}` makes `size {}` void: the log grows until its day comes",
                    clock.name, limit.value
                ),
            };
            let mend = Mend::Splice {
                file: stanza.file.clone(),
                at: limit.at,
                old: "size".to_owned(),
                new: "maxsize".to_owned(),
            };
            let text = format!("{} {}", limit.name, limit.value);
            let finding = in_stanza(stanza, limit.line, &text, observed).mended(mend);
            answer.find(match overshoot(facts, stanza, &limit.value).filter(|_| !hourly) {
                Some(forecast) => finding.forecast(forecast),
                None => finding,
            });
        }
    })
}

/// How far a log goes past its limit between two looks.
fn overshoot(facts: &Facts, stanza: &Stanza, limit: &str) -> Option<String> {
    let limit = bytes(limit)?;
    let files = &facts.logs.known()?.files;
    let growth = |file: &&crate::facts::logs::LogFile| {
        stanza.covers(&file.path).then(|| daily(file, facts.at)).flatten()
    };
    let (file, growth) =
        files.iter().filter_map(|file| Some((file, growth(&file)?))).max_by_key(|(_, growth)| *growth)?;
    (growth > limit).then(|| {
        format!(
            "{} grows {} a day, by its size and age; logrotate looks once a day, so it reaches that, not {}",
            file.path,
            size(growth),
            size(limit)
        )
    })
}
