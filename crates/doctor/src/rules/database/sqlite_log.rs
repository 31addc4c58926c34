//! SQL002: a SQLite database that makes its users wait, or whose log grows.

use crate::facts::sqlite::Sqlite;
use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "SQL002",
    severity: Severity::Medium,
    outlook: Outlook::Waiting,
    title: "a SQLite database with a log that grows, or none for its many users",
    silent: "Without a log beside it one who writes shuts out all others: \"database is locked\", now and then, and only under \
             load. And a log that is never taken back into the database makes each reader slower until the disk is full.",
    cure: "Several programs: `pragma journal_mode = wal` once, and `pragma busy_timeout = 5000` on each connection. A log that \
           grows: end the transaction that stays open, then `pragma wal_checkpoint(truncate)`.",
    fix: Fix::Told,
    unless: "One program alone has it open. The log is smaller than 16 MiB, or smaller than the database and 100 MiB.",
    judge,
    bad: Fixture::facts("a log that nobody takes back, and two programs that shut each other out", |facts| {
        let files = vec![
            Sqlite { log: Some(300 << 20), ..sound(facts, "/srv/shop/shop.db") },
            Sqlite { wal: Fact::Known(false), ..sound(facts, "/srv/shop/jobs.db") },
        ];
        facts.sqlite = Fact::Known(files);
    }),
    good: [
        Fixture::facts("a log of the usual size", |facts| {
            let file = Sqlite { log: Some(4 << 20), size: 1 << 20, ..sound(facts, "/srv/shop/shop.db") };
            facts.sqlite = Fact::Known(vec![file]);
        }),
        Fixture::facts("no log, and one program", |facts| {
            let mut file = Sqlite { wal: Fact::Known(false), ..sound(facts, "/srv/shop/shop.db") };
            file.writers.truncate(1);
            facts.sqlite = Fact::Known(vec![file]);
        }),
    ],
};

/// Four times what SQLite lets a log grow to before it takes it back.
const USUAL: u64 = 16 << 20;
/// More than any single transaction ought to need.
const LARGE: u64 = 100 << 20;

fn sound(facts: &Facts, path: &str) -> Sqlite {
    Sqlite {
        path: path.to_owned(),
        size: 500 << 20,
        modified: facts.at,
        wal: Fact::Known(true),
        log: None,
        writers: vec![(700, "api".to_owned()), (701, "worker".to_owned())],
    }
}

fn judge(facts: &Facts) -> Answer {
    Answer::of(&facts.sqlite, |files, answer| {
        for file in files {
            let found = |observed: String| Finding::new(&file.path, Place::of(&file.path), observed);
            if let Some(log) = file.log.filter(|log| *log > LARGE || (*log > USUAL && *log > file.size)) {
                let observed =
                    format!("its log has {} MiB, the database itself {} MiB", log >> 20, file.size >> 20);
                answer.find(found(observed));
            }
            match &file.wal {
                Fact::Known(false) if file.writers.len() > 1 => {
                    let programs: Vec<String> =
                        file.writers.iter().map(|(pid, name)| format!("{name} ({pid})")).collect();
                    let observed = format!(
                        "it has no log beside it (journal_mode), and {} write to it",
                        programs.join(", ")
                    );
                    answer.find(found(observed));
                }
                Fact::Unknown { why } => answer.blind(format!("{}: {why}", file.path)),
                _ => {}
            }
        }
    })
}
