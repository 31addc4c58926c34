//! LOCK001: a job that takes as long as its period, without a lock.

use muster_core::time::Span;

use super::{declared, each_heard, hear, job, told};
use crate::facts::Facts;
use crate::facts::own::{Heard, Job};
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "LOCK001",
    severity: Severity::High,
    outlook: Outlook::Failing,
    title: "a job runs beside itself",
    silent: "Each run ends well. Two at once write the same files and rows, each slows the other down, and the host has one more \
             of them with every period.",
    cure: "Take `overlap = \"allow\"` out of the job's table: the new run then gives way and says so. Or give the job a longer period.",
    fix: Fix::Told,
    unless: "The job takes a lock of its own, or its runs are made to work side by side: allow it with a reason. Without ten successes \
             on record nobody knows how long it takes.",
    judge,
    bad: Fixture::facts("twenty minutes of work every quarter of an hour", |facts| {
        told(facts, |own| {
            let every = ("every 15m".to_owned(), Some(900));
            own.jobs.push(Job { overlaps: true, rhythm: every.0, period: every.1, ..job("import") });
            hear(own, "job.import", Heard { nine_of_ten: Some(1_200_000), ..Heard::default() });
        });
    }),
    good: [
        Fixture::facts("the same with the lock that every job has unless it says otherwise", |facts| {
            told(facts, |own| {
                own.jobs.push(Job { period: Some(900), ..job("import") });
                hear(own, "job.import", Heard { nine_of_ten: Some(1_200_000), ..Heard::default() });
            });
        }),
        Fixture::facts("no lock, and ten minutes are enough", |facts| {
            told(facts, |own| {
                own.jobs.push(Job { overlaps: true, period: Some(900), ..job("import") });
                hear(own, "job.import", Heard { nine_of_ten: Some(600_000), running: 1, ..Heard::default() });
            });
        }),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each_heard(facts, |own, job, heard, answer| {
        if !job.overlaps {
            return;
        }
        let took = heard.nine_of_ten.map(Span::millis);
        let too_long = match (took, job.period.filter(|period| *period > 0).map(Span::seconds)) {
            (Some(took), Some(period)) if took >= period => {
                Some(format!("one of ten runs takes {took} or longer, and it begins again every {period}"))
            }
            _ => None,
        };
        let observed = match (heard.running, too_long) {
            (2.., Some(why)) => format!("{} runs of it go on at once: {why}", heard.running),
            (2.., None) => format!("{} runs of it go on at once", heard.running),
            (_, Some(why)) => why,
            (_, None) => return,
        };
        answer.find(Finding::new(
            &job.id,
            declared(own, job),
            format!("{observed}, with overlap = \"allow\""),
        ));
    })
}
