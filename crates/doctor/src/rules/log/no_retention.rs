//! LOG008: a folder that gets a file for each run.

use muster_core::words::size;

use super::MIB;
use crate::facts::logs::{LogFolder, Logs};
use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "LOG008",
    severity: Severity::Medium,
    outlook: Outlook::Waiting,
    title: "a folder of logs gets a file for each run and is never cleaned",
    silent: "Each file is small. Together they take the inodes, and every `ls` and backup longer, until no file can be made.",
    cure: "Have systemd clean it by age: a line `e FOLDER - - - 90d` in /etc/tmpfiles.d.",
    // It would delete what somebody may want to keep.
    fix: Fix::Told,
    unless: "Fewer than 1000 files lie there, none is older than 90 days, or tmpfiles.d, logrotate or a find -delete takes care of it.",
    judge,
    bad: Fixture::facts("four thousand logs of two years", |facts| folder(facts, 4000, 700)),
    good: [
        Fixture::with(
            "a job that cleans it",
            &[file(
                "/etc/cron.d/shop",
                "5 4 * * * root find /opt/shop/logs -name '*.log' -mtime +30 -delete\n",
            )],
            |facts| folder(facts, 4000, 700),
        ),
        Fixture::facts("many, and all of this month", |facts| folder(facts, 4000, 29)),
    ],
};

const MANY: u64 = 1000;
const DAYS: u64 = 90;

fn folder(facts: &mut Facts, files: u64, days: i64) {
    let oldest = facts.at.shifted(-days * 86_400_000);
    let folder = LogFolder {
        path: "/opt/shop/logs".to_owned(),
        mode: 0o755,
        uid: 0,
        gid: 0,
        files,
        bytes: 80 * MIB,
        oldest: Some(oldest),
    };
    facts.logs = Fact::Known(Logs { folders: vec![folder], ..Logs::default() });
}

fn judge(facts: &Facts) -> Answer {
    Answer::of(&facts.logs, |logs, answer| {
        logs.unseen.iter().for_each(|(what, why)| answer.blind(format!("{what}: {why}")));
        for folder in logs.folders.iter().filter(|folder| folder.files >= MANY) {
            let Some(days) = folder.oldest.map(|oldest| facts.at.since(oldest).as_millis() / 86_400_000)
            else {
                continue;
            };
            if let Some(why) = facts.cron.why_unknown() {
                return answer.blind(format!("whether a job cleans {}: {why}", folder.path));
            }
            if days < DAYS || is_cleaned(facts, logs, &folder.path) {
                continue;
            }
            let observed = format!(
                "{} files, {} together, the oldest of {days} days ago",
                folder.files,
                size(folder.bytes)
            );
            let finding = Finding::new(&folder.path, Place::of(&folder.path), observed);
            answer.find(
                finding.forecast(format!(
                    "about {} more each day, by their number and age",
                    folder.files / days
                )),
            );
        }
    })
}

/// Somebody removes what is old.
fn is_cleaned(facts: &Facts, logs: &Logs, path: &str) -> bool {
    let covers = |kept: &String| {
        let kept = kept.trim_end_matches(['*', '/']);
        path == kept || path.strip_prefix(kept).is_some_and(|rest| rest.starts_with('/'))
    };
    let cron = facts.cron.known();
    let removes = |text: &str| {
        (text.contains("-delete") || text.contains("rm ") || text.contains("tmpreaper"))
            && text.contains(path)
    };
    let by_line = cron.is_some_and(|cron| {
        cron.tables.iter().flat_map(|table| &table.lines).any(|line| removes(&line.shell))
    });
    let by_script = cron.is_some_and(|cron| {
        cron.wrappers.iter().flat_map(|wrapper| &wrapper.steps).any(|step| removes(&step.text()))
    });
    let by_age = facts.logrotate.known().is_some_and(|logrotate| {
        logrotate
            .stanzas
            .iter()
            .any(|stanza| stanza.covers(&format!("{path}/x.log")) && stanza.option("maxage").is_some())
    });
    logs.cleaned.iter().any(covers) || by_line || by_script || by_age
}
