//! PG007: PgBouncer hands on sessions as their last client left them.

use super::{databases, place};
use crate::facts::Facts;
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "PG007",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "a session goes from one client to the next uncleaned",
    silent: "In session mode the reset query is all that stands between two clients. Without it settings, locks and temporary \
             tables of one are there for the next, which works until it does not.",
    cure: "Take the empty line out (DISCARD ALL is what holds without it) and reload PgBouncer.",
    fix: Fix::Told,
    unless: "The mode is transaction or statement, where the query would not be run.",
    judge,
    bad: Fixture::files(
        "an empty query in session mode",
        &[file("/etc/pgbouncer/pgbouncer.ini", "[pgbouncer]\npool_mode = session\nserver_reset_query =\n")],
    ),
    good: [
        Fixture::files(
            "an empty query in transaction mode",
            &[file(
                "/etc/pgbouncer/pgbouncer.ini",
                "[pgbouncer]\npool_mode = transaction\nserver_reset_query =\n",
            )],
        ),
        Fixture::files(
            "no query of its own in session mode",
            &[file(
                "/etc/pgbouncer/pgbouncer.ini",
                "[pgbouncer]\npool_mode = session\n;server_reset_query =\n",
            )],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    databases(facts, |databases, answer| {
        let Some(pgbouncer) = &databases.pgbouncer else {
            answer.nothing = Some("there is no PgBouncer".to_owned());
            return;
        };
        let is_session = pgbouncer.get("pool_mode").is_none_or(|mode| mode.value == "session");
        let empty = pgbouncer.get("server_reset_query").filter(|query| query.value.is_empty());
        if let Some(query) = empty.filter(|_| is_session) {
            let observed = "pool_mode is session and server_reset_query is empty";
            answer.find(Finding::new("pgbouncer: server_reset_query", place(query), observed));
        }
    })
}
