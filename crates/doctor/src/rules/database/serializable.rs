//! PG011: transactions may be refused for others that ran beside them.

use super::{databases, place};
use crate::facts::postgres::Given;
use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "PG011",
    severity: Severity::Medium,
    outlook: Outlook::Waiting,
    title: "every transaction is one that may have to be tried again",
    silent: "At this level the server ends transactions with \"could not serialize access\" (40001) when others ran beside them. \
             With few users that never happens; with many it is an error here and there that nobody can repeat.",
    cure: "Let the program try again on 40001 and 40P01, the whole transaction; or leave the default at read committed, and ask \
           for more only where it is needed (`begin isolation level serializable`).",
    fix: Fix::Told,
    unless: "Every program that writes tries again: then allow it.",
    judge,
    bad: Fixture::files(
        "serializable for all",
        &[file(
            "/etc/postgresql/15/main/postgresql.conf",
            "port = 5432\ndefault_transaction_isolation = 'serializable'\n",
        )],
    ),
    good: [
        Fixture::files(
            "what holds without a word",
            &[file(
                "/etc/postgresql/15/main/postgresql.conf",
                "#default_transaction_isolation = 'serializable'\n",
            )],
        ),
        Fixture::files(
            "said, and taken back by ALTER SYSTEM",
            &[
                file(
                    "/etc/postgresql/15/main/postgresql.conf",
                    "default_transaction_isolation = 'repeatable read'\n",
                ),
                file(
                    "/var/lib/postgresql/15/main/postgresql.auto.conf",
                    "default_transaction_isolation = 'read committed'\n",
                ),
            ],
        ),
    ],
};

const NAME: &str = "default_transaction_isolation";

fn judge(facts: &Facts) -> Answer {
    databases(facts, |databases, answer| {
        if databases.clusters.is_empty() && databases.unseen.is_empty() {
            answer.nothing = Some("there is no PostgreSQL".to_owned());
        }
        for cluster in &databases.clusters {
            if let Some(setting) = cluster.get(NAME).filter(|setting| is_strict(&setting.value)) {
                let observed = format!("the level of all transactions is {}", setting.value);
                answer.find(Finding::new(format!("{}: {NAME}", cluster.file), place(setting), observed));
            }
        }
        for server in facts.postgres.known().into_iter().flatten() {
            match &server.said {
                Fact::Known(said) => {
                    let strict =
                        said.given.iter().filter(|given| given.name == NAME && is_strict(&given.value));
                    answer.findings.extend(strict.map(|given| of_some(server.port, given)));
                }
                Fact::Unknown { why } | Fact::Nothing { why } => answer.blind(why.clone()),
            }
        }
    })
}

fn of_some(port: u16, given: &Given) -> Finding {
    let role = given.role.as_ref().map(|role| format!("role {role}"));
    let database = given.database.as_ref().map(|database| format!("database {database}"));
    let who = [role, database].into_iter().flatten().collect::<Vec<_>>().join(" in ");
    let place = Place { text: given.value.clone(), ..Place::of(format!("pg_db_role_setting (port {port})")) };
    let observed = format!("the level of the transactions of {who} is {}", given.value);
    Finding::new(format!("port {port}: {who}: {NAME}"), place, observed)
}

fn is_strict(value: &str) -> bool {
    ["serializable", "repeatable read"].iter().any(|level| value.eq_ignore_ascii_case(level))
}
