//! CRON021: jobs whose exit code is all that is asked of them.

use super::{declared, job, named, own, told};
use crate::facts::Facts;
use crate::facts::own::Job;
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CRON021",
    severity: Severity::Medium,
    outlook: Outlook::Hygiene,
    title: "an exit code of 0 is all that a job has to show",
    silent: "A job that found nothing to do, caught its own error or wrote to the wrong place ends with 0 as well, and muster \
             records a success.",
    cure: "Say in muster.toml what a good run leaves behind: `expect = { file = { glob = \"/mnt/data/*.csv.gz\" } }` or \
           `expect = { output = \"exported \\\\d+ rows\" }`.",
    fix: Fix::Told,
    unless: "The job leaves nothing behind that could be looked at, such as one that only asks or restarts. It is one finding for the \
             host, so that a long list of jobs is one line.",
    judge,
    bad: Fixture::facts("an export that proves nothing", |facts| {
        told(facts, |own| own.jobs.push(Job { expects: false, ..job("export") }));
    }),
    good: [
        Fixture::facts("an export that must leave a file", |facts| {
            told(facts, |own| own.jobs.push(job("export")));
        }),
        Fixture::facts("muster without jobs", |facts| told(facts, |_| {})),
    ],
};

fn judge(facts: &Facts) -> Answer {
    own(facts, |own, answer| {
        let bare: Vec<&Job> = own.jobs.iter().filter(|job| !job.expects).collect();
        let Some(first) = bare.first() else { return };
        let names: Vec<&str> = bare.iter().map(|job| job.id.as_str()).collect();
        let observed = match bare.len() {
            1 => format!("{} has no expect", first.id),
            many => format!("{many} of {} jobs have no expect: {}", own.jobs.len(), named(&names)),
        };
        answer.find(Finding::new("jobs without expect", declared(own, first), observed));
    })
}
