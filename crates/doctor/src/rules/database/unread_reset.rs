//! PG006: PgBouncer is told to clean sessions, and does not.

use super::{databases, place};
use crate::facts::Facts;
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "PG006",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "a reset query is given to PgBouncer and never run",
    silent: "With pool_mode = transaction or statement, server_reset_query is passed over. What one client leaves in its session \
             (SET, advisory locks, temporary tables, LISTEN) meets the next one, and only now and then.",
    cure: "Keep such state out of the application: SET LOCAL, pg_advisory_xact_lock, a connection of its own for LISTEN. Then \
           take the line out. Or use pool_mode = session where state is needed.",
    fix: Fix::Told,
    unless: "The setting server_reset_query_always = 1 makes it run, or the query is empty.",
    judge,
    bad: Fixture::files(
        "a query that is never run",
        &[file(
            "/etc/pgbouncer/pgbouncer.ini",
            "[pgbouncer]\npool_mode = transaction\nserver_reset_query = DISCARD ALL\n",
        )],
    ),
    good: [
        Fixture::files(
            "the same in session mode",
            &[file(
                "/etc/pgbouncer/pgbouncer.ini",
                "[pgbouncer]\npool_mode = session\nserver_reset_query = DISCARD ALL\n",
            )],
        ),
        Fixture::files(
            "the query in a comment",
            &[file(
                "/etc/pgbouncer/pgbouncer.ini",
                "[pgbouncer]\npool_mode = transaction\n;server_reset_query = DISCARD ALL\n",
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
        let mode = pgbouncer
            .get("pool_mode")
            .filter(|mode| mode.value == "transaction" || mode.value == "statement");
        let query = pgbouncer.get("server_reset_query").filter(|query| !query.value.is_empty());
        if let (Some(mode), Some(query)) = (mode, query)
            && pgbouncer.number("server_reset_query_always", 0) == 0
        {
            let observed = format!("pool_mode is {}, so {:?} is never run", mode.value, query.value);
            answer.find(Finding::new("pgbouncer: server_reset_query", place(query), observed));
        }
    })
}
