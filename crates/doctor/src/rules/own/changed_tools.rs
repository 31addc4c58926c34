//! CRON022: what runs a job changed after its last success.

use muster_core::time::Span;

use super::{declared, each_heard, hear, job, told};
use crate::facts::Facts;
use crate::facts::own::{Heard, Job, Own, Tool};
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CRON022",
    severity: Severity::Medium,
    outlook: Outlook::Waiting,
    title: "what runs a job was changed, and the job has not succeeded since",
    silent: "An upgrade of the interpreter or of a module changes nothing that runs. The job meets it at its next start, perhaps weeks \
             later and at night.",
    cure: "Run the job now, while you remember what was changed: `muster jobs run NAME`.",
    fix: Fix::Told,
    unless: "The job succeeded since, or is due within a day and has not failed: then its next run tells. Programs, virtual environments \
             and node_modules of its command are looked at, not what it starts in turn.",
    judge,
    bad: Fixture::facts("a monthly job, and an upgrade a week ago", |facts| {
        changed(facts, 7, 20, Some(10));
    }),
    good: [
        Fixture::facts("it succeeded since", |facts| changed(facts, 7, 3, Some(10))),
        Fixture::facts("changed an hour ago, and due tonight", |facts| changed(facts, 0, 1, Some(0))),
    ],
};

/// A fixture's job: days since its interpreter changed, since its last success, until it is due.
fn changed(facts: &mut Facts, changed: u64, success: u64, due: Option<u64>) {
    let at = facts.at;
    told(facts, |own: &mut Own| {
        let tool = Tool {
            path: "/usr/bin/python3.11".to_owned(),
            changed: at - Span::days(changed) - Span::hours(1),
        };
        let due = due.map(|days| at + Span::days(days) + Span::hours(12));
        own.jobs.push(Job { tools: vec![tool], due, ..job("invoices") });
        let heard = at - Span::days(success) - Span::hours(2);
        hear(own, "job.invoices", Heard { success: Some(heard), last: Some(heard), ..Heard::default() });
    });
}

/// Whoever is due so soon tells by itself.
const SOON: Span = Span::days(1);

fn judge(facts: &Facts) -> Answer {
    each_heard(facts, |own, job, heard, answer| {
        let Some(success) = heard.success else { return };
        let Some(tool) =
            job.tools.iter().filter(|tool| tool.changed > success).max_by_key(|tool| tool.changed)
        else {
            return;
        };
        let failed = matches!(heard.condition.as_str(), "firing" | "pending")
            && heard.last.is_some_and(|last| last > tool.changed);
        let far = job.due.is_some_and(|due| due.since(facts.at) > SOON);
        if !failed && !far {
            return;
        }
        let (changed, success) = (facts.at.since(tool.changed), facts.at.since(success));
        let observed = match failed {
            true => {
                format!("it fails since {} changed {changed} ago; it last went well {success} ago", tool.path)
            }
            false => format!("{} changed {changed} ago; the job last went well {success} ago", tool.path),
        };
        let finding = Finding::new(&job.id, declared(own, job), observed);
        answer.find(match job.due.filter(|_| far) {
            Some(due) => finding.forecast(format!("its next run is in {}", due.since(facts.at))),
            None => finding,
        });
    })
}
