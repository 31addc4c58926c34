//! CRON011: the file that should do the work is not there.

use muster_host::discover::command::Script;

use super::{each_line, place, reading, subject};
use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::{Fixture, file, program};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CRON011",
    severity: Severity::Critical,
    outlook: Outlook::Failing,
    title: "a job's script is missing",
    silent: "The shell answers 127, and cron throws it away.",
    cure: "Put the script back, or take the line out.",
    fix: Fix::Told,
    unless: "The line tests first whether the file is there, or its path holds a variable.",
    judge,
    bad: Fixture::files(
        "a script that moved",
        &[file("/etc/cron.d/shop", "0 2 * * * root muster run n -- /opt/shop/nightly.sh\n")],
    ),
    good: [
        Fixture::files(
            "the script in its place, after cd",
            &[
                file("/etc/cron.d/shop", "0 2 * * * root cd /opt/shop && muster run n -- ./nightly.sh\n"),
                program("/opt/shop/nightly.sh", "#!/bin/sh\n"),
            ],
        ),
        Fixture::files(
            "a line that tests for it",
            &[file(
                "/etc/cron.d/shop",
                "0 2 * * * root test -x /opt/shop/nightly.sh && muster run n -- /opt/shop/nightly.sh\n",
            )],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each_line(facts, |_, table, line, answer| {
        let whole = muster_host::discover::command::Reading::of(&line.shell);
        if table.package.is_some() || whole.is_guarded() {
            return;
        }
        let Some(Script::Started(path) | Script::Interpreted(path)) = reading(line).script() else { return };
        match facts.entry(&path) {
            Fact::Nothing { .. } => {
                let observed = format!("{path} does not exist");
                answer.find(Finding::new(subject(table, line), place(table, line), observed));
            }
            Fact::Unknown { why } => answer.blind(format!("{path}: {why}")),
            Fact::Known(_) => {}
        }
    })
}
