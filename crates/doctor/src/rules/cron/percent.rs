//! CRON009: a bare `%` in a command.

use super::{each_line, place, subject};
use crate::facts::Facts;
use crate::mend::Mend;
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CRON009",
    severity: Severity::High,
    outlook: Outlook::Failing,
    title: "a bare % cuts a command short",
    silent: "Cron ends the command at the first % and gives what follows to it as input. In a terminal the same line works.",
    cure: r"Write \% for the sign.",
    fix: Fix::Safe,
    unless: "What follows is meant as the input of the command: then leave it and allow it with a reason.",
    judge,
    bad: Fixture::files(
        "a date in a file's name",
        &[file(
            "/etc/cron.d/dump",
            "0 2 * * * root muster run dump -- sh -c 'pg_dump app > /srv/$(date +%F).sql'\n",
        )],
    ),
    good: [
        Fixture::files(
            "the sign escaped",
            &[file(
                "/etc/cron.d/dump",
                "0 2 * * * root muster run dump -- sh -c 'pg_dump app > /srv/$(date +\\%F).sql'\n",
            )],
        ),
        Fixture::files(
            "a % in a comment and in a setting",
            &[file(
                "/etc/cron.d/dump",
                "# keeps 10% free\nNAME=a%b\n0 2 * * * root muster run dump -- /bin/true\n",
            )],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each_line(facts, |_, table, line, answer| {
        let Some(first) = line.percents.first() else { return };
        let kept = line.shell.trim_end();
        let observed = format!("cron runs {kept:?} and gives it the rest as input");
        let mend = (line.percents.len() == 1 && table.path.starts_with('/')).then(|| Mend::Splice {
            file: table.path.clone(),
            at: *first,
            old: "%".to_owned(),
            new: "\\%".to_owned(),
        });
        answer.find(Finding::new(subject(table, line), place(table, line), observed).mended(mend));
    })
}
