//! ALLOW001: a note that cannot be read.

use super::each;
use crate::allow::of_note;
use crate::facts::Facts;
use crate::rules::answer::Answer;
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "ALLOW001",
    severity: Severity::Medium,
    outlook: Outlook::Hygiene,
    title: "a note for the doctor cannot be read",
    silent: "What it was to allow is found again, and what it says is lost.",
    cure: "Write it as `# muster: allow CRON001 until=2027-01-31 reason=\"why\"`, a year ahead at most.",
    fix: Fix::Told,
    unless: "Never: a note without a reason or an end is what it is meant to prevent.",
    judge: |facts: &Facts| -> Answer { each(facts, |note| of_note(note, facts.at).err()) },
    bad: Fixture::files(
        "a note without an end",
        &[file("/etc/cron.d/x", "# muster: allow CRON001 reason=\"a toy\"\n0 2 * * * root /bin/true\n")],
    ),
    good: [
        Fixture::files(
            "a note with reason and end",
            &[file(
                "/etc/cron.d/x",
                "# muster: allow CRON001 until=2027-01-31 reason=\"a toy\"\n0 2 * * * root /bin/true\n",
            )],
        ),
        Fixture::files(
            "the words in the middle of a command",
            &[file(
                "/etc/cron.d/x",
                "0 2 * * * root muster run x -- echo muster: allow everything\n# muster: allow CRON001 until=2027-01-31 reason=r\n",
            )],
        ),
    ],
};
