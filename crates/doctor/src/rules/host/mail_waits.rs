//! MAIL001: mail that does not leave the host.

use muster_core::time::Timestamp;

use crate::facts::system::Mail;
use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "MAIL001",
    severity: Severity::High,
    outlook: Outlook::Failing,
    title: "mail does not leave the host",
    silent: "The program that sent it was told that it was taken. The queue tries again at growing distances for days, and the \
             message that it gave up waits in the same queue.",
    cure: "Read why (`postqueue -p`, `exim -bp`, `smtpctl show queue`): most often a provider blocks port 25. Send through a relay \
           on port 587.",
    fix: Fix::Told,
    unless: "A few messages have waited less than a day: that is what a queue is for.",
    judge,
    bad: Fixture::facts("two messages, the older of three days", |facts| wait(facts, 2, 3 * 24)),
    good: [
        Fixture::facts("a few of this morning", |facts| wait(facts, 7, 5)),
        Fixture::facts("an empty queue", |facts| {
            wait(facts, 0, 0);
            if let Fact::Known(mail) = &mut facts.mail {
                mail.oldest = None;
            }
        }),
    ],
};

/// More than that is more than a few.
const MANY: usize = 200;
/// In milliseconds.
const DAY: i64 = 86_400_000;

fn wait(facts: &mut Facts, waiting: usize, hours: i64) {
    facts.mail = Fact::Known(Mail {
        program: "Postfix".to_owned(),
        folder: "/var/spool/postfix/deferred".to_owned(),
        waiting,
        more: false,
        oldest: Some(Timestamp::from_millis(facts.at.millis() - hours * 3_600_000)),
        given_up_after: 5,
    });
}

fn judge(facts: &Facts) -> Answer {
    Answer::of(&facts.mail, |mail, answer| {
        let age = mail.oldest.map_or(0, |at| facts.at.millis() - at.millis());
        if mail.waiting == 0 || (age < DAY && mail.waiting <= MANY && !mail.more) {
            return;
        }
        let than = if mail.more { "more than " } else { "" };
        let observed = format!(
            "{than}{} messages wait in the queue of {}, the oldest for {}",
            mail.waiting,
            mail.program,
            span(age)
        );
        let left = i64::from(mail.given_up_after) * DAY - age;
        let forecast = match left {
            left if left > 0 => format!("the oldest is given up in {}", span(left)),
            _ => format!("messages are given up after {} days", mail.given_up_after),
        };
        answer.find(Finding::new(&mail.folder, Place::of(&mail.folder), observed).forecast(forecast));
    })
}

fn span(millis: i64) -> String {
    match millis / 3_600_000 {
        hours if hours < 48 => format!("{hours} hours"),
        hours => format!("{} days", hours / 24),
    }
}
