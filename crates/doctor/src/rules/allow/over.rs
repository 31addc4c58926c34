//! ALLOW002: a note whose time is over.

use super::each;
use crate::allow::of_note;
use crate::facts::Facts;
use crate::rules::answer::Answer;
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "ALLOW002",
    severity: Severity::Medium,
    outlook: Outlook::Hygiene,
    title: "what was allowed for a time is allowed no more",
    silent: "An exception that nobody looks at again becomes the rule.",
    cure: "Mend what it hid and take the note out, or give it another end and say why.",
    fix: Fix::Told,
    unless: "The end lies ahead.",
    judge,
    bad: Fixture::files(
        "a note of last year",
        &[file(
            "/etc/cron.d/x",
            "# muster: allow CRON001 until=2026-01-31 reason=\"a toy\"\n0 2 * * * root /bin/true\n",
        )],
    ),
    good: [
        Fixture::files(
            "a note that still holds",
            &[file(
                "/etc/cron.d/x",
                "# muster: allow CRON001 until=2027-01-31 reason=\"a toy\"\n0 2 * * * root /bin/true\n",
            )],
        ),
        Fixture::files(
            "a note that holds until tomorrow",
            &[file(
                "/etc/cron.d/x",
                "0 2 * * * root /bin/true\n# muster: allow CRON001 until=2026-11-23 reason=\"a toy\"\n",
            )],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each(facts, |note| {
        let allowance = of_note(note, facts.at).ok()?;
        let days = facts.at.since(allowance.until).as_millis() / 86_400_000;
        (facts.at >= allowance.until).then(|| format!("{} was allowed until {days} days ago", allowance.rule))
    })
}
