//! CHK002: checks that see life, and none that sees work.

use super::{check, job, named, own, told};
use crate::facts::Facts;
use crate::facts::own::Shows;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CHK002",
    severity: Severity::Medium,
    outlook: Outlook::Waiting,
    title: "every check asks whether somebody answers, none whether the work is done",
    silent: "A server answers 200 while no order is saved and no mail leaves: the page that is asked does not need what is broken.",
    cure: "Add one check of an outcome: kind `flow` (log in, order), `mail` (a mail arrives), `sql` (a fresh row), `file` or `object` \
           (a fresh file), `command`; or `expect` on the job that does the work.",
    fix: Fix::Told,
    unless: "A job with `expect` or a heartbeat of the work itself stands in muster.toml, or it has no checks at all.",
    judge,
    bad: Fixture::facts("a page and a port", |facts| {
        told(facts, |own| {
            own.checks = vec![check("shop", "http", Shows::Life), check("database", "tcp", Shows::Life)];
        });
    }),
    good: [
        Fixture::facts("a mail that must arrive beside them", |facts| {
            told(facts, |own| {
                own.checks = vec![check("shop", "http", Shows::Life), check("orders", "mail", Shows::Work)];
            });
        }),
        Fixture::facts("a job that must leave a file beside them", |facts| {
            told(facts, |own| {
                own.checks = vec![check("shop", "http", Shows::Life)];
                own.jobs.push(job("export"));
            });
        }),
    ],
};

fn judge(facts: &Facts) -> Answer {
    own(facts, |own, answer| {
        let proves = own.heartbeats > 0
            || own.jobs.iter().any(|job| job.expects)
            || own.checks.iter().any(|check| check.shows == Shows::Work);
        if proves || own.checks.is_empty() {
            return;
        }
        let told: Vec<String> =
            own.checks.iter().map(|check| format!("{} ({})", check.id, check.kind)).collect();
        let names: Vec<&str> = told.iter().map(String::as_str).collect();
        let observed = format!("only these are checked: {}", named(&names));
        answer.find(Finding::new("checks of outcomes", Place::of(&own.file), observed));
    })
}
