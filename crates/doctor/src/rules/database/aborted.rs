//! PG005: a session whose transaction failed, and that nobody rolled back.

use muster_core::time::Span;

use super::{idle, long, sessions, who, with_server};
use crate::facts::Facts;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "PG005",
    severity: Severity::Critical,
    outlook: Outlook::Failing,
    title: "a failed transaction was never rolled back",
    silent: "The error of the first statement was swallowed. The connection looks alive, and each further statement on it fails \
             with \"current transaction is aborted\": whoever borrows it next gets the error of somebody else.",
    cure: "Roll back on every error, and when a connection goes back to the pool (a test of the pool before use finds it too). \
           `select pg_terminate_backend(PID)` ends this one; the pool makes a new one.",
    fix: Fix::Told,
    unless: "The failure is less than a minute old: it may still be dealt with.",
    judge,
    bad: Fixture::facts("an error that nobody took up", |facts| {
        let session = idle(facts, 3, true);
        with_server(facts, |said| said.sessions.push(session));
    }),
    good: [
        Fixture::facts("an error of this minute", |facts| {
            let session = idle(facts, 0, true);
            with_server(facts, |said| said.sessions.push(session));
        }),
        Fixture::facts("a session that is idle, and whose transaction is sound", |facts| {
            let session = idle(facts, 3, false);
            with_server(facts, |said| said.sessions.push(session));
        }),
    ],
};

/// A program that deals with its error has done so by then.
const LIMIT: Span = Span::minutes(1);

fn judge(facts: &Facts) -> Answer {
    sessions(facts, |server, _, session, answer| {
        let Some(since) = session.since.filter(|_| session.aborted) else { return };
        let idle = facts.at.since(since);
        if idle >= LIMIT {
            let observed = format!(
                "the transaction of process {} failed {} ago and is still open",
                session.pid,
                long(idle)
            );
            let place = Place::of(format!("pg_stat_activity (port {})", server.port));
            answer.find(Finding::new(who(server, session), place, observed));
        }
    })
}
