//! PG009: transaction ids, or the numbers of a sequence, come to an end.

use super::schema::unseen;
use super::{servers, with_server};
use crate::facts::Facts;
use crate::facts::postgres::{Age, Held, Schema, Sequence, Server};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "PG009",
    severity: Severity::Critical,
    outlook: Outlook::Waiting,
    title: "numbers of the database run out",
    silent: "Everything works up to the last number. Then the server refuses every write until it was vacuumed, or each insert \
             into the table fails, at once and for all.",
    cure: "For a sequence: make the column bigint (`alter table … alter column … type bigint` rewrites the table, so plan it). \
           For transaction ids: find what holds them back (an old transaction, a replication slot, a prepared transaction, a \
           vacuum that fails), end it, and `vacuum (freeze)` the oldest tables.",
    fix: Fix::Told,
    unless: "Less than three quarters of a sequence are used, or it begins again at its end (CYCLE). Less than half of the \
             transaction ids are in use, or autovacuum is told to begin later than that.",
    judge,
    bad: Fixture::facts("a smallint at its end, and a database that nobody froze", |facts| {
        with_server(facts, |said| {
            said.ages.push(Age { database: "shop".to_owned(), transactions: 1_400_000_000, groups: 5 });
            said.schemas.push(numbered(29_500));
        });
    }),
    good: [
        Fixture::facts("a sequence with room, and what autovacuum is about to freeze", |facts| {
            with_server(facts, |said| {
                said.ages.push(Age { database: "shop".to_owned(), transactions: 210_000_000, groups: 5 });
                said.schemas.push(numbered(20_000));
            });
        }),
        Fixture::facts("autovacuum is told to begin later", |facts| {
            with_server(facts, |said| {
                said.settings.push(Held {
                    name: "autovacuum_freeze_max_age".to_owned(),
                    value: "1500000000".to_owned(),
                    file: None,
                    line: None,
                    own: false,
                });
                said.ages.push(Age { database: "shop".to_owned(), transactions: 1_400_000_000, groups: 5 });
            });
        }),
    ],
};

/// Half of the ids that a server can tell apart, five times what autovacuum waits for unless told otherwise.
const HALF: u64 = 1 << 30;
/// Ids that are left when the server stops (since PostgreSQL 14).
const KEPT_BACK: u64 = 3_000_000;
/// Parts of a hundred of a sequence.
const USED: i64 = 75;
const DAY: i128 = 86_400_000;

fn numbered(last: i64) -> Schema {
    let sequence = Sequence {
        name: "public.sale_id_seq".to_owned(),
        column: Some("public.sale.id".to_owned()),
        last,
        most: 32_767,
        inserted: None,
        counted_since: None,
    };
    Schema { database: "shop".to_owned(), sequences: vec![sequence], ..Schema::default() }
}

fn judge(facts: &Facts) -> Answer {
    servers(facts, |server, said, answer| {
        unseen(server, said, answer);
        let limit = |name: &str| {
            let told =
                said.setting(name).and_then(Held::number).and_then(|number| u64::try_from(number).ok());
            HALF.max(told.unwrap_or_default())
        };
        for age in &said.ages {
            let ids = [
                ("transaction", age.transactions, "autovacuum_freeze_max_age"),
                ("multixact", age.groups, "autovacuum_multixact_freeze_max_age"),
            ];
            for (kind, count, name) in ids {
                if count >= limit(name) {
                    answer.find(old(server, &age.database, kind, count));
                }
            }
        }
        for schema in &said.schemas {
            for sequence in &schema.sequences {
                let percent = i128::from(sequence.last) * 100 / i128::from(sequence.most.max(1));
                if percent >= i128::from(USED) {
                    answer.find(used(facts, server, &schema.database, sequence, percent));
                }
            }
        }
    })
}

fn old(server: &Server, database: &str, kind: &str, count: u64) -> Finding {
    let left = (HALF * 2).saturating_sub(count + KEPT_BACK);
    let place = Place::of(format!("pg_database (port {})", server.port));
    let observed = format!("the oldest {kind} id of {database} is {count} ids old");
    Finding::new(format!("port {}: {database}: {kind} ids", server.port), place, observed)
        .forecast(format!("the server stops writing after {left} more"))
}

fn used(facts: &Facts, server: &Server, database: &str, sequence: &Sequence, percent: i128) -> Finding {
    let place = Place::of(format!("pg_sequences of {database} (port {})", server.port));
    let fills = sequence.column.as_ref().map_or(String::new(), |column| format!(", which fills {column},"));
    let observed =
        format!("{}{fills} has given {percent} % of its numbers, up to {}", sequence.name, sequence.most);
    let finding = Finding::new(format!("{database}: {}", sequence.name), place, observed);
    let left = i128::from(sequence.most - sequence.last);
    match days(facts, sequence, left) {
        Some(days) => finding.forecast(format!("as fast as up to now, the last one is given in {days} days")),
        None => finding.forecast(format!("{left} are left")),
    }
}

/// How long it lasts, as rows came since they are counted.
fn days(facts: &Facts, sequence: &Sequence, left: i128) -> Option<i128> {
    let inserted = sequence.inserted.filter(|count| *count > 0)?;
    let counted = i128::from(facts.at.since(sequence.counted_since?).as_millis());
    (counted >= DAY).then(|| left * counted / i128::from(inserted) / DAY)
}
