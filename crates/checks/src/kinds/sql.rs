//! `sql`: a database takes the login, and one query says what it should.
//!
//! One connection for each look, one query in a read-only transaction that the server itself ends before the deadline,
//! and that is cancelled if it does not; so looks never pile up in a database. What is looked at is the first column of
//! the first row, and the number of rows.

mod cell;
mod dsn;
mod mysql;
mod postgres;
mod sqlite;

use std::sync::Arc;
use std::time::Duration;

use muster_config::assertion::Assertion;
use muster_config::assertion::facts::{Unseen, Value};
use muster_config::assertion::term::{Term, Type};
use muster_config::field::{Field, LONGEST, SECOND, Shape};
use muster_config::kind::Kind;
use muster_config::secret::MaybeSecret;
use muster_config::section::Section;
use muster_core::time::{Span, Timestamp};
use muster_core::words::length;
use muster_net::endpoint::Endpoint;
use tokio::time::Instant;

use self::cell::{Answer, Cell};
use self::dsn::{Column, Dsn};
use crate::apart::Apart;
use crate::contact::{TIME_CONNECT, TIME_DNS, TIME_TLS, TIME_TOTAL, give_up, time, word};
use crate::notebook::Notebook;
use crate::probe::{BoxFuture, Class, Lane, Miss, Part, Probe, Scene};

/// The row of the kind.
pub const ROW: Kind<Part> = Kind {
    name: "sql",
    sentence: "Logs in to a database (PostgreSQL, MySQL, MariaDB, SQLite) and judges what one query says.",
    example: "[check.orders]\nkind = \"sql\"\nevery = \"5m\"\ndsn = { env = \"DATABASE_URL\" }\nquery = \"select extract(epoch from now() - max(created_at)) from orders\"\nexpect = [\"value < 3600\"]\n",
    fields: FIELDS,
    read,
};

/// The keys of the kind.
pub(crate) const FIELDS: &[Field] = &[
        Field::new(
            "dsn",
            Shape::OrSecret(&Shape::Text),
            "Where it is: `postgres://user:password@host/database`, `mysql://…`, `sqlite:///path`; with a password only \
             as a reference. `sslmode=disable` behind a `?` is without TLS; `require` trusts the host's roots and the \
             file of `sslrootcert=`; without it, only connections within this host go without TLS.",
            "{ env = \"DATABASE_URL\" }",
        )
        .required(),
        Field::new(
            "query",
            Shape::Text,
            "One statement that reads; without it, the login alone is looked at.",
            "\"select count(*) from jobs where state = 'failed'\"",
        ),
        Field::new(
            "newest",
            Shape::Text,
            "Instead of `query`: the column that says when a row was written, as `table.column` or \
             `schema.table.column`. Its latest value becomes `age`, by the clock and in the time zone of the server.",
            "\"orders.created_at\"",
        ),
        Field::new(
            "max_age",
            Shape::Duration(SECOND, LONGEST),
            "How old the newest row, or the time that the query gives, may be at most.",
            "\"1h\"",
        ),
        Field::new(
            "expect",
            Shape::Assertions(TERMS),
            "What must be true of the answer.",
            "[\"value < 3600\", \"rows == 1\"]",
        ),
];

const TERMS: &[Term] = &[
    word(
        "value",
        Type::Any,
        "The first column of the first row: a number, a text, true or false, a length of time, or null.",
        "value < 3600",
    ),
    word("rows", Type::Number, "How many rows came, up to 10,000.", "rows == 0"),
    word("age", Type::Time, "How long ago the value was, if it is a point in time.", "age < 1h"),
    TIME_DNS,
    TIME_CONNECT,
    TIME_TLS,
    word("time.login", Type::Time, "From the connection until the login was taken.", "time.login < 500ms"),
    word("time.query", Type::Time, "From there until the answer was there.", "time.query < 2s"),
    TIME_TOTAL,
];

/// Most rows that are read.
const ROWS: u64 = 10_000;
/// Most bytes of a value.
const VALUE: usize = 64 * 1024;
/// Most bytes that a server may send for one look.
const TRAFFIC: usize = 8 << 20;
/// How far ahead of the clock a row may be.
const AHEAD: i64 = 60_000;
/// How long the cancelling of a query may take.
const CANCEL: Duration = Duration::from_secs(1);
/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_millis(200);

fn read(section: &Section<'_>) -> Option<Part> {
    Some(Arc::new(Sql::read(section)?))
}

impl Sql {
    /// Reads the keys.
    pub(crate) fn read(section: &Section<'_>) -> Option<Self> {
        let dsn = section.maybe_secret("dsn")?;
        let mut target = match &dsn {
            MaybeSecret::Plain(text) => match Dsn::parse(text) {
                Ok(dsn) if dsn.has_password() => {
                    section.reading().hide(&section.place("dsn"));
                    section.refuse(
                        "dsn",
                        "a password does not belong into this file",
                        "put all of it into an environment variable: dsn = { env = \"DATABASE_URL\" }",
                    );
                    return None;
                }
                Ok(dsn) => dsn.target(),
                Err(why) => {
                    // It may hold a password all the same.
                    section.reading().hide(&section.place("dsn"));
                    section.refuse(
                        "dsn",
                        why,
                        "write \"postgres://user@host/database\" or \"sqlite:///path\"",
                    );
                    return None;
                }
            },
            MaybeSecret::Secret(reference) => format!("the database of {reference}"),
        };
        let asked = match (section.text("query"), section.text("newest")) {
            (Some(_), Some(_)) => {
                section.contradiction("newest", "`query` says what is asked already", "take one of them out");
                return None;
            }
            (Some(query), None) => Asked::Query(Question { texts: vec![query], given: Vec::new() }),
            (None, Some(newest)) => match Column::parse(&newest) {
                Some(column) => {
                    target.push_str(&format!(", {newest}"));
                    Asked::Newest(column)
                }
                None => {
                    let what = format!("\"{newest}\" is not the name of a column");
                    section.refuse("newest", what, "write table.column, such as \"orders.created_at\"");
                    return None;
                }
            },
            (None, None) => {
                if section.has("max_age") {
                    section.no_effect("max_age", "`max_age` does nothing without `query` or `newest`");
                }
                Asked::Nothing
            }
        };
        let max_age = section.duration("max_age");
        let assertions = section.assertions("expect");
        Some(Self { dsn, asked, max_age, assertions, target, apart: Apart::default() })
    }

    /// The query is cut at the places of values that are known only when it is asked.
    pub(crate) fn cut(&mut self, texts: Vec<String>) {
        self.asked = Asked::Query(Question { texts, given: Vec::new() });
    }

    /// Asks with these values at the places where the query is cut.
    pub(crate) async fn ask(&self, scene: &Scene, given: Vec<String>) -> Result<(), Miss> {
        let mut asked = self.asked.clone();
        if let Asked::Query(question) = &mut asked {
            question.given = given;
        }
        let began = Instant::now();
        let text = scene.value(&self.dsn).await?;
        let dsn = Dsn::parse(&text).map_err(|why| Miss::blind(format!("{}: {why}", self.target)))?;
        dsn.hide(&scene.notebook);
        // What is left is for the cancelling.
        let left = scene.deadline.saturating_duration_since(began);
        let until = give_up(scene).checked_sub((left / 5).min(CANCEL)).unwrap_or(began);
        let answer = match &dsn {
            Dsn::Postgres(server) => postgres::ask(server, &asked, scene, until).await?,
            Dsn::Mysql(server) => mysql::ask(server, &asked, scene, until).await?,
            Dsn::Sqlite(path) => sqlite::ask(path, &asked, scene, until, &self.apart).await?,
        };
        scene.notebook.fact("time.total", time(began.elapsed()));
        self.note(&scene.notebook, answer)
    }
}

/// A database that is asked.
#[derive(Debug)]
pub(crate) struct Sql {
    dsn: MaybeSecret,
    asked: Asked,
    max_age: Option<Span>,
    assertions: Vec<Assertion>,
    target: String,
    apart: Apart,
}

/// What is asked.
#[derive(Debug, Clone)]
enum Asked {
    /// Nothing but the login.
    Nothing,
    /// This statement.
    Query(Question),
    /// The latest time in a column.
    Newest(Column),
}

/// A statement, cut at the places of values that are handed over beside it.
#[derive(Debug, Clone)]
struct Question {
    /// One more than there are values.
    texts: Vec<String>,
    given: Vec<String>,
}

impl Question {
    /// The statement with the marks that a database has for such places, counted from 1.
    fn marked(&self, mark: impl Fn(usize) -> String) -> String {
        let mut text = String::new();
        for (at, part) in self.texts.iter().enumerate() {
            if at > 0 {
                text.push_str(&mark(at));
            }
            text.push_str(part);
        }
        text
    }
}

impl Asked {
    /// The values that are handed over.
    fn given(&self) -> &[String] {
        match self {
            Self::Query(question) => &question.given,
            Self::Nothing | Self::Newest(_) => &[],
        }
    }
}

impl Probe for Sql {
    fn probe<'a>(&'a self, scene: &'a Scene) -> BoxFuture<'a, Result<(), Miss>> {
        Box::pin(self.ask(scene, Vec::new()))
    }

    fn assertions(&self) -> &[Assertion] {
        &self.assertions
    }

    fn target(&self) -> String {
        self.target.clone()
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        match &self.dsn {
            MaybeSecret::Plain(plain) => {
                Dsn::parse(plain).ok().and_then(|dsn| dsn.endpoint()).into_iter().collect()
            }
            MaybeSecret::Secret(_) => Vec::new(),
        }
    }

    fn lane(&self) -> Lane {
        Lane::Database
    }
}

impl Sql {
    /// Notes the answer, and judges its age.
    fn note(&self, notebook: &Notebook, answer: Answer) -> Result<(), Miss> {
        match answer.is_cut {
            true => notebook.lacks("rows", Unseen::Hidden(format!("there are more than {ROWS} rows"))),
            false => notebook.fact("rows", Value::Number(answer.rows as f64)),
        }
        let no_time = || Unseen::Hidden("the value is no point in time".into());
        let now = muster_host::clock::now().wall;
        let (value, age) = match answer.first {
            None => {
                (Err(Unseen::Absent("there is no row".into())), Err(Unseen::Absent("there is no row".into())))
            }
            Some(Cell::Null) => (Ok(Value::Nothing), Err(Unseen::Absent("the value is null".into()))),
            Some(Cell::Flag(flag)) => (Ok(Value::Flag(flag)), Err(no_time())),
            Some(Cell::Number(number)) => (Ok(Value::Number(number)), Err(no_time())),
            Some(Cell::Text(text)) if text.len() > VALUE => {
                (Err(Unseen::Hidden(format!("the value has {} bytes", text.len()))), Err(no_time()))
            }
            Some(Cell::Text(text)) => (Ok(Value::Text(text)), Err(no_time())),
            Some(Cell::Length(millis)) => (Ok(Value::Time(millis)), Err(no_time())),
            Some(Cell::Moment(at)) => {
                (Ok(Value::Text(at.to_string())), aged(now.millis().saturating_sub(at.millis())))
            }
            Some(Cell::Age(millis)) => (Ok(Value::Time(millis)), aged(millis)),
            Some(Cell::Strange(what)) => {
                let why = format!("the value is {what}; make it a text or a number in the query");
                (Err(Unseen::Hidden(why)), Err(no_time()))
            }
        };
        let judged = self.max_age.map(|most| judge_age(most, &age));
        for (term, seen) in [("value", value), ("age", age)] {
            match seen {
                Ok(value) => {
                    notebook.say(format!("{term}: {}", shown(&value)));
                    notebook.fact(term, value);
                }
                Err(why) => notebook.lacks(term, why),
            }
        }
        judged.unwrap_or(Ok(()))
    }
}

/// A value in a line of the trace.
fn shown(value: &Value) -> String {
    match value {
        Value::Nothing => "null".to_owned(),
        Value::Flag(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Time(millis) => format!("{millis} ms"),
        Value::Size(bytes) => format!("{bytes} bytes"),
        Value::Text(text) => text.clone(),
        Value::List(items) => format!("{} items", items.len()),
    }
}

fn aged(millis: i64) -> Result<Value, Unseen> {
    if millis < -AHEAD {
        let ahead = length(Span::millis(millis.unsigned_abs()));
        Err(Unseen::Hidden(format!("the newest time is {ahead} from now: a clock or a time zone is wrong")))
    } else {
        Ok(Value::Time(millis.max(0)))
    }
}

fn judge_age(most: Span, age: &Result<Value, Unseen>) -> Result<(), Miss> {
    match age {
        Ok(Value::Time(millis)) if millis.unsigned_abs() > most.as_millis() => {
            let age = length(Span::millis(millis.unsigned_abs()));
            Err(Miss::down(
                Class::Unmet,
                format!("the newest row is {age} old, and should be {most} at most"),
            ))
        }
        Ok(_) => Ok(()),
        Err(Unseen::Absent(why)) => Err(Miss::down(Class::Absent, why.clone())),
        Err(Unseen::Hidden(why)) => Err(Miss::down(Class::Unmet, format!("its age is not known: {why}"))),
    }
}

/// A moment that a server gives in milliseconds since the Unix epoch.
fn moment(millis: i64) -> Cell {
    Cell::Moment(Timestamp::from_millis(millis))
}
