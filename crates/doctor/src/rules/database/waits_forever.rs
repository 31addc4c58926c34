//! PG002: PostgreSQL waits forever for a client that went to sleep inside a transaction.

use super::{databases, place};
use crate::facts::Facts;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "PG002",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "a transaction may stay open and idle forever",
    silent: "A program that hangs between two statements keeps its locks and its connection. Others wait behind it without an \
             error, and vacuum stops cleaning, until the pool is empty.",
    cure: "Set idle_in_transaction_session_timeout, such as 5min, in a file of conf.d or with ALTER SYSTEM, and reload. Where \
           statement_timeout and lock_timeout are 0 too, set them for the application's role.",
    fix: Fix::Told,
    unless: "It is set for each role or database that is used (ALTER ROLE): the files do not show that.",
    judge,
    bad: Fixture::files(
        "what PostgreSQL is installed with",
        &[file(
            "/etc/postgresql/15/main/postgresql.conf",
            "max_connections = 100\n#idle_in_transaction_session_timeout = 0\ninclude_dir = 'conf.d'\n",
        )],
    ),
    good: [
        Fixture::files(
            "set in conf.d",
            &[
                file("/etc/postgresql/15/main/postgresql.conf", "include_dir = 'conf.d'\n"),
                file(
                    "/etc/postgresql/15/main/conf.d/time.conf",
                    "idle_in_transaction_session_timeout = '5min'\n",
                ),
            ],
        ),
        Fixture::files(
            "0 in the file, and set by ALTER SYSTEM",
            &[
                file("/etc/postgresql/15/main/postgresql.conf", "idle_in_transaction_session_timeout = 0\n"),
                file(
                    "/var/lib/postgresql/15/main/postgresql.auto.conf",
                    "idle_in_transaction_session_timeout = '300000'\n",
                ),
            ],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    databases(facts, |databases, answer| {
        if databases.clusters.is_empty() && databases.unseen.is_empty() {
            answer.nothing = Some("there is no PostgreSQL".to_owned());
        }
        for cluster in &databases.clusters {
            let off = |name: &str| cluster.get(name).is_none_or(|setting| is_zero(&setting.value));
            let name = "idle_in_transaction_session_timeout";
            if !off(name) || !off("transaction_timeout") {
                continue;
            }
            let also: Vec<&str> =
                ["statement_timeout", "lock_timeout"].into_iter().filter(|name| off(name)).collect();
            let also =
                if also.is_empty() { String::new() } else { format!("; so is {}", also.join(" and ")) };
            let set = cluster.get(name);
            let observed = match set {
                Some(_) => format!("{name} is 0{also}"),
                None => format!("{name} is not set, which is 0{also}"),
            };
            let place = set.map_or_else(|| Place::of(&cluster.file), place);
            answer.find(Finding::new(format!("{}: {name}", cluster.file), place, observed));
        }
    })
}

/// 0, with or without a unit.
fn is_zero(value: &str) -> bool {
    let digits = value.trim_end_matches(|letter: char| letter.is_ascii_alphabetic() || letter == ' ');
    digits.parse::<f64>().is_ok_and(|number| number <= 0.0)
}
