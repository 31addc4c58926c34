//! CRON007: a line of a system crontab without its user.

use super::{each_table, is_debian, place, whole};
use crate::facts::Facts;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CRON007",
    severity: Severity::Critical,
    outlook: Outlook::Failing,
    title: "a line of a system crontab names no user",
    silent: "Lines in /etc/crontab and /etc/cron.d have the user before the command. Debian's cron takes the program for one, and \
             ignores the whole file, the good lines too.",
    cure: "Put the user between the time and the command: `0 2 * * * root /opt/x.sh`.",
    fix: Fix::Told,
    unless: "The file is a user's own crontab, which has no such column.",
    judge,
    bad: Fixture::files(
        "a line copied from crontab -e",
        &[file("/etc/cron.d/shop", "0 2 * * * /opt/shop/nightly.sh --all\n")],
    ),
    good: [
        Fixture::files(
            "the user in its place",
            &[file("/etc/cron.d/shop", "0 2 * * * app /opt/shop/nightly.sh --all\n")],
        ),
        Fixture::files(
            "the same line in a user's own crontab",
            &[file("/var/spool/cron/crontabs/app", "0 2 * * * /opt/shop/nightly.sh --all\n")],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each_table(facts, |cron, table, answer| {
        if table.owner.is_some() {
            return;
        }
        let lost = if is_debian(cron) { "cron ignores the whole file" } else { "the job does not run" };
        for (line, what) in table
            .faults
            .iter()
            .filter(|(_, what)| what.contains("after the user") || what.contains("no user"))
        {
            let place = Place::line(&table.path, *line, "");
            let finding = whole(table, format!("{what}: one of user and command is missing, and {lost}"));
            answer.find(Finding { place, ..finding });
        }
        for line in &table.lines {
            let Some(user) = line.user.as_deref().filter(|user| is_program(user)) else { continue };
            match facts.user(user) {
                Some(None) => {}
                Some(Some(_)) => continue,
                None => {
                    answer
                        .blind(format!("whether {user} is a user of this host: its list could not be read"));
                    continue;
                }
            }
            let observed = format!("{user:?} stands where the user should: {lost}");
            answer.find(Finding::new(super::subject(table, line), place(table, line), observed));
        }
    })
}

/// What stands in the place of the user is the beginning of a command.
pub(super) fn is_program(word: &str) -> bool {
    const USUAL: [&str; 23] = [
        "sh", "bash", "dash", "env", "cd", "test", "python", "python3", "php", "node", "perl", "ruby",
        "curl", "wget", "rsync", "find", "flock", "nice", "docker", "muster", "certbot", "sleep", "sudo",
    ];
    let is_name = word.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.$@\\".contains(&b));
    !is_name || USUAL.contains(&word)
}
