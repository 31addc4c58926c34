//! PG001: a session sleeps inside its transaction.

use muster_core::time::Span;

use super::{idle, long, sessions, who, with_server};
use crate::facts::Facts;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "PG001",
    severity: Severity::Critical,
    outlook: Outlook::Failing,
    title: "a session sleeps inside an open transaction",
    silent: "It does nothing, so it stands in no list of slow statements. Meanwhile it keeps its locks and its connection, and \
             vacuum may not clean what was changed since; others wait without an error until the pool is empty.",
    cure: "See which program it is and why it neither commits nor rolls back: most often a call to somebody else between two \
           statements, or a connection that was not given back. `select pg_terminate_backend(PID)` frees what it holds; then \
           set idle_in_transaction_session_timeout.",
    fix: Fix::Told,
    unless: "It has been idle for less than five minutes. A person who works in psql is found as well: that holds locks all \
             the same.",
    judge,
    bad: Fixture::facts("a worker that has slept for seven minutes", |facts| {
        let session = idle(facts, 7, false);
        with_server(facts, |said| said.sessions.push(session));
    }),
    good: [
        Fixture::facts("a worker between two statements", |facts| {
            let session = idle(facts, 4, false);
            with_server(facts, |said| said.sessions.push(session));
        }),
        Fixture::facts("one whose transaction failed: another rule's", |facts| {
            let session = idle(facts, 7, true);
            with_server(facts, |said| said.sessions.push(session));
        }),
    ],
};

/// Longer than anything that means well sleeps.
const LIMIT: Span = Span::minutes(5);

fn judge(facts: &Facts) -> Answer {
    sessions(facts, |server, said, session, answer| {
        let Some(since) = session.since.filter(|_| !session.aborted) else { return };
        let idle = facts.at.since(since);
        if idle < LIMIT {
            return;
        }
        let open = session.begun.map_or(idle, |begun| facts.at.since(begun));
        let observed = format!(
            "process {} has been idle for {}, its transaction open for {}",
            session.pid,
            long(idle),
            long(open)
        );
        let place = Place::of(format!("pg_stat_activity (port {})", server.port));
        let mut finding = Finding::new(who(server, session), place, observed);
        if said.waiting > 0 {
            finding = finding.forecast(format!("{} sessions wait for locks now", said.waiting));
        }
        answer.find(finding);
    })
}
