//! CRON004: a crontab without its last newline.

use super::{each_table, is_debian, whole};
use crate::facts::Facts;
use crate::mend::Mend;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CRON004",
    severity: Severity::Critical,
    outlook: Outlook::Failing,
    title: "the last line of a crontab has no newline",
    silent: "Debian's cron ignores the whole file, the good lines too, and says so once in the journal when it is read.",
    cure: "End the file with a newline.",
    fix: Fix::Safe,
    unless: "Another cron reads the file: cronie and busybox take such a line.",
    judge,
    bad: Fixture::files(
        "a file whose editor left the newline out",
        &[file("/etc/cron.d/shop", "0 2 * * * root muster run nightly -- /bin/true")],
    ),
    good: [
        Fixture::files(
            "the same file, ended",
            &[file("/etc/cron.d/shop", "0 2 * * * root muster run nightly -- /bin/true\n")],
        ),
        Fixture::files(
            "the same file under cronie",
            &[
                file("/etc/redhat-release", "Fedora\n"),
                file("/etc/debian_version", "\0absent"),
                file("/etc/cron.d/shop", "0 2 * * * root muster run nightly -- /bin/true"),
            ],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each_table(facts, |cron, table, answer| {
        if !is_debian(cron) || table.finished || table.size == 0 {
            return;
        }
        let lost = table.lines.len();
        let line = table.lines.last();
        let place = line.map_or_else(|| Place::of(&table.path), |line| super::place(table, line));
        let jobs = if lost == 1 { "1 job does".to_owned() } else { format!("{lost} jobs do") };
        let observed = format!("the file ends after byte {} without a newline: {jobs} not run", table.size);
        let mend = Mend::Splice {
            file: table.path.clone(),
            at: table.size,
            old: String::new(),
            new: "\n".to_owned(),
        };
        let mend = table.path.starts_with('/').then_some(mend);
        answer.find(Finding { place, ..whole(table, observed) }.mended(mend));
    })
}
