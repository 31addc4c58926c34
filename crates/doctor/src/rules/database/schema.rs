//! PG008: foreign keys without an index, and constraints that were never checked.

use super::{servers, with_server};
use crate::facts::Facts;
use crate::facts::postgres::{ForeignKey, Said, Schema, Server, Unvalidated};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "PG008",
    severity: Severity::Medium,
    outlook: Outlook::Hygiene,
    title: "a constraint that is slow to keep, or was never checked",
    silent: "Each row that is deleted from the other table reads the whole of this one under a lock, which shows only when somebody \
             deletes. And a constraint that is NOT VALID holds for new rows alone: the old ones may break it, and no query says so.",
    cure: "`create index concurrently` on the columns that refer. For the other `alter table … validate constraint …`, which \
           reads the table and stops nobody.",
    fix: Fix::Told,
    unless: "The table has less than 10,000 rows and 10 MB, or the other table less than 1,000 rows of which none was ever \
             deleted.",
    judge,
    bad: Fixture::facts(
        "items of orders without an index, and a constraint that was added in haste",
        |facts| {
            with_server(facts, |said| {
                let mut schema = Schema { database: "shop".to_owned(), ..Schema::default() };
                schema.unindexed.push(key(0, 40_000));
                let (table, name) = ("public.item".to_owned(), "item_price_check".to_owned());
                schema.unvalidated.push(Unvalidated { table, name, foreign: false });
                said.schemas.push(schema);
            });
        },
    ),
    good: [
        Fixture::facts("a list of countries of which none ever goes", |facts| {
            with_server(facts, |said| {
                let unindexed = vec![key(0, 249)];
                let database = "shop".to_owned();
                said.schemas.push(Schema { database, unindexed, ..Schema::default() });
            });
        }),
        Fixture::facts("a database with nothing of that sort", |facts| {
            with_server(facts, |said| {
                said.schemas.push(Schema { database: "shop".to_owned(), ..Schema::default() });
            });
        }),
    ],
};

/// A table of fewer rows is looked up in, not deleted from.
const LOOKED_UP: i64 = 1_000;

fn key(parent_deletes: i64, parent_rows: i64) -> ForeignKey {
    ForeignKey {
        table: "public.item".to_owned(),
        name: "item_order_fkey".to_owned(),
        parent: "public.orders".to_owned(),
        columns: "order_id".to_owned(),
        rows: 120_000,
        bytes: 9 << 20,
        parent_rows,
        parent_deletes,
    }
}

fn judge(facts: &Facts) -> Answer {
    servers(facts, |server, said, answer| {
        unseen(server, said, answer);
        for schema in &said.schemas {
            let place = |name: &str| {
                let source = format!("pg_constraint of {} (port {})", schema.database, server.port);
                Place { text: name.to_owned(), ..Place::of(source) }
            };
            let slow = |key: &&ForeignKey| key.parent_rows >= LOOKED_UP || key.parent_deletes > 0;
            for key in schema.unindexed.iter().filter(slow) {
                let observed = format!(
                    "no index begins with {} of {}, about {} rows: a delete from {} reads them all",
                    key.columns, key.table, key.rows, key.parent
                );
                let subject = format!("{}: {} ({})", schema.database, key.table, key.columns);
                let finding = Finding::new(subject, place(&key.name), observed);
                answer.find(match key.parent_deletes {
                    0 => finding,
                    count => finding.forecast(format!("{count} rows were deleted there so far")),
                });
            }
            for one in &schema.unvalidated {
                let kind = if one.foreign { "foreign key" } else { "check" };
                let observed = format!("the {kind} {} of {} is NOT VALID", one.name, one.table);
                let subject = format!("{}: {} {}", schema.database, one.table, one.name);
                answer.find(Finding::new(subject, place(&one.name), observed));
            }
        }
    })
}

/// Passes on which databases were not looked into.
pub(super) fn unseen(server: &Server, said: &Said, answer: &mut Answer) {
    for (what, why) in &said.unseen {
        answer.blind(format!("PostgreSQL, port {}: {what}: {why}", server.port));
    }
}
