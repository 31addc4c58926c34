//! ALLOW003: a note that hides nothing.

use super::each;
use crate::allow::of_note;
use crate::facts::Facts;
use crate::rules::answer::Answer;
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity, rule};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "ALLOW003",
    severity: Severity::Low,
    outlook: Outlook::Hygiene,
    title: "a note for the doctor hides nothing",
    silent: "It stays for years, and hides the next one of its kind that nobody meant.",
    cure: "Take it out.",
    fix: Fix::Told,
    unless: "The rule could not see what it judges: then nobody can say.",
    judge,
    bad: Fixture::files(
        "a note beside a job that is wrapped by now",
        &[file(
            "/etc/cron.d/x",
            "# muster: allow CRON001 until=2027-01-31 reason=\"a toy\"\n0 2 * * * root muster run x -- /bin/true\n",
        )],
    ),
    good: [
        Fixture::files(
            "a note that hides a bare job",
            &[file(
                "/etc/cron.d/x",
                "# muster: allow CRON001 until=2027-01-31 reason=\"a toy\"\n0 2 * * * root /bin/true\n",
            )],
        ),
        Fixture::files(
            "a note about a file as a whole",
            &[file(
                "/etc/cron.d/x.sh",
                "# muster: allow CRON005 until=2027-01-31 reason=\"parked\"\n0 2 * * * root muster run x -- /bin/true\n",
            )],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    let mut hidden = Vec::new();
    let mut answer = each(facts, |note| {
        let allowance = of_note(note, facts.at).ok()?;
        // A rule that judges notes cannot be hidden by one: it would ask itself.
        let rule = rule(&allowance.rule).filter(|rule| rule.group() != RULE.group())?;
        let answer = (rule.judge)(facts);
        let hides = answer.findings.iter().any(|finding| allowance.is_about(rule, finding));
        let unused = !hides && answer.unknown.is_empty();
        if !hides {
            hidden.extend(answer.unknown);
        }
        unused.then(|| format!("{} finds nothing here", allowance.rule))
    });
    hidden.into_iter().for_each(|why| answer.blind(why));
    answer
}
