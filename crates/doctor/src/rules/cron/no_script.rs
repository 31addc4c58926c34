//! CRON010: a command that ends well and does nothing.

use super::{each_line, place, reading, subject};
use crate::facts::Facts;
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CRON010",
    severity: Severity::Critical,
    outlook: Outlook::Failing,
    title: "a job runs nothing",
    silent: "An interpreter without a script reads an empty input and exits 0; so does a program whose only argument is empty. \
             Every log says that the job ran.",
    cure: "Name the script. If a variable should hold it, set it in the crontab: cron reads no profile.",
    fix: Fix::Told,
    unless: "A pipe, a redirection or what follows a % gives it something to read.",
    judge,
    bad: Fixture::files(
        "an interpreter alone",
        &[file("/etc/cron.d/report", "0 2 * * * root muster run r -- /usr/bin/python3 -u\n")],
    ),
    good: [
        Fixture::files(
            "the program given with -c",
            &[file(
                "/etc/cron.d/report",
                "0 2 * * * root muster run r -- /usr/bin/python3 -c 'import report'\n",
            )],
        ),
        Fixture::files(
            "the script through a pipe",
            &[file("/etc/cron.d/report", "0 2 * * * root cat /opt/x.sql | muster run r -- sh\n")],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each_line(facts, |_, table, line, answer| {
        let reading = reading(line);
        let mut found = |observed: String| {
            answer.find(Finding::new(subject(table, line), place(table, line), observed));
        };
        for (program, place) in reading.empty_arguments() {
            found(format!("argument {place} of {program} is empty; is a variable not set?"));
        }
        if !line.command.contains(['|', '<', '%']) {
            for program in reading.without_script() {
                found(format!("{program} has no script: it reads an empty input and exits 0"));
            }
        }
    })
}
