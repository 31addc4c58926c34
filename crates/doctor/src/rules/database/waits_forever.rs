//! PG002: PostgreSQL waits forever for a client that went to sleep inside a transaction.

use super::{databases, place};
use crate::facts::Facts;
use crate::facts::database::Settings;
use crate::facts::postgres::{Age, Server};
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
    unless: "It is set for each role that logs in, or each database (ALTER ROLE, ALTER DATABASE), which only a server that runs \
             can tell.",
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
            if given_to_all(facts, cluster) {
                continue;
            }
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

/// Every role that logs in has a limit of its own, or every database; superusers do not count.
fn given_to_all(facts: &Facts, cluster: &Settings) -> bool {
    let is_it = |server: &&Server| {
        let said = server.said.known();
        said.is_some_and(|said| said.config_file.as_deref() == Some(cluster.file.as_str()))
    };
    let server = facts.postgres.known().and_then(|servers| servers.iter().find(is_it));
    let Some(said) = server.and_then(|server| server.said.known()) else { return false };
    let names = ["idle_in_transaction_session_timeout", "transaction_timeout"];
    let limits: Vec<_> = said
        .given
        .iter()
        .filter(|given| names.contains(&given.name.as_str()) && !is_zero(&given.value))
        .collect();
    let role = |name: &String| {
        limits.iter().any(|given| given.database.is_none() && given.role.as_ref() == Some(name))
    };
    let database = |age: &Age| {
        limits.iter().any(|given| given.role.is_none() && given.database.as_ref() == Some(&age.database))
    };
    let spoken = |age: &&Age| !["postgres", "template0", "template1"].contains(&age.database.as_str());
    let mut databases = said.ages.iter().filter(spoken).peekable();
    (!said.logins.is_empty() && said.logins.iter().all(role))
        || (databases.peek().is_some() && databases.all(database))
}

/// 0, with or without a unit.
fn is_zero(value: &str) -> bool {
    let digits = value.trim_end_matches(|letter: char| letter.is_ascii_alphabetic() || letter == ' ');
    digits.parse::<f64>().is_ok_and(|number| number <= 0.0)
}
