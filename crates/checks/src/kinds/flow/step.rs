//! One step: its keys, and what they say.

use std::time::Duration;

use muster_config::assertion::Capture;
use muster_config::assertion::term::{Takes, Term, Type};
use muster_config::field::{DAY, Field, SECOND, Shape};
use muster_config::section::Section;
use muster_core::expectation::Level;

use super::post::{self, Wanted};
use super::request::Request;
use super::template::{Template, UNIQUE};
use crate::contact::word;
use crate::kinds::sql::Sql;
use crate::kinds::{file, http, sql};
use crate::probe::{Part, Probe as _};

/// The keys that say what a step does.
const ACTS: [&str; 10] = ["get", "head", "post", "put", "patch", "delete", "mail", "sql", "file", "wait"];
/// Those that ask a web server.
const VERBS: [&str; 6] = ["get", "head", "post", "put", "patch", "delete"];
/// How long a web server has to answer.
const PATIENCE: &str = "30s";

const URL: Shape = Shape::OrSecret(&Shape::Text);
const PAIRS: Shape = Shape::Map(&Shape::OrSecret(&Shape::Text));

/// The keys of a step.
pub(super) const FIELDS: &[Field] = &[
    Field::new("name", Shape::Text, "What the step is for, in a few words; the alarm names it.", "\"log in\""),
    Field::new("get", URL, "Asks a web server with GET.", "\"https://example.com/items/{{id}}\""),
    Field::new("head", URL, "Asks for the head of an answer alone.", "\"https://example.com/\""),
    Field::new("post", URL, "Asks with POST.", "\"https://example.com/login\""),
    Field::new("put", URL, "Asks with PUT.", "\"https://example.com/items/{{id}}\""),
    Field::new("patch", URL, "Asks with PATCH.", "\"https://example.com/items/{{id}}\""),
    Field::new("delete", URL, "Asks with DELETE.", "\"https://example.com/items/{{id}}\""),
    Field::new("headers", PAIRS, "Further headers of the request.", "{ x-csrf = \"{{token}}\" }"),
    Field::new(
        "form",
        PAIRS,
        "The body, as a browser sends a form (`application/x-www-form-urlencoded`).",
        "{ user = \"probe\", password = { env = \"PROBE_PASSWORD\" } }",
    ),
    Field::new(
        "json",
        Shape::Json,
        "The body, as JSON; a table that is a reference to a secret stands for that secret.",
        "{ user = \"probe\", password = { env = \"PROBE_PASSWORD\" } }",
    ),
    Field::new("body", Shape::OrSecret(&Shape::Text), "The body; its type is a header.", "\"hello\""),
    Field::new(
        "redirects",
        Shape::Whole(0, 20),
        "How many redirects are followed. With 0, the redirect is the answer that is looked at.",
        "5",
    )
    .default("0"),
    Field::new(
        "expect",
        Shape::Assertions(http::TERMS),
        "What must be true of the answer. Where none of them speaks of `status`, it must be 200 to 399.",
        "[\"status == 303\", \"header('location') == '/home'\"]",
    ),
    Field::new(
        "capture",
        Shape::Captures(CAPTURED),
        "What later steps need, by the names under which they use it. Of HTML, character references are undone.",
        "{ token = \"header('x-csrf')\", id = \"json('$.id')\", csrf = \"body matches 'name=.csrf. value=.([^\\\"]+)'\" }",
    ),
    Field::new(
        "secret",
        Shape::List(&Shape::Text, 1),
        "Which captured values are never shown, beside those with `token`, `session`, `password`, `csrf`, `secret`, `key` \
         or `auth` in their names.",
        "[\"link\"]",
    ),
    Field::new(
        "mail",
        Shape::Table(post::MAIL),
        "Waits for a mail that comes in after the flow began.",
        "{ subject = \"Your profile changed\", within = \"2m\" }",
    ),
    Field::new(
        "sql",
        Shape::Table(sql::FIELDS),
        "Asks a database, as a check of kind `sql` does. `{{name}}` in the query is handed over as a value, so it stands \
         without quotes.",
        "{ dsn = { env = \"DATABASE_URL\" }, query = \"select count(*) from people where city = {{unique}}\", expect = \
         [\"value == 1\"] }",
    ),
    Field::new(
        "file",
        Shape::Table(file::FIELDS),
        "Looks at a file, as a check of kind `file` does.",
        "{ glob = \"/srv/exports/*.csv\", max_age = \"5m\" }",
    ),
    Field::new("wait", Shape::Duration(1, DAY), "Does nothing for so long.", "\"2s\""),
    Field::new(
        "within",
        Shape::Duration(SECOND, DAY),
        "How long the step may take: 30s for a request. A row or a file is looked for again and again until then; without \
         `within`, once.",
        "\"10s\"",
    ),
    Field::new(
        "finally",
        Shape::Flag,
        "Cleans up: runs also where an earlier step went wrong, and is left out where it needs what was never captured.",
        "true",
    )
    .default("false"),
];

/// What can be captured.
const CAPTURED: &[Term] = &[
    Term {
        name: "header",
        takes: Takes::Text,
        gives: Type::Text,
        doc: "The first header of that name in the answer.",
        example: "header('x-csrf') exists",
    },
    Term {
        name: "json",
        takes: Takes::JsonPath,
        gives: Type::Any,
        doc: "Something in the body of the answer, if that is JSON.",
        example: "json('$.id') exists",
    },
    word("body", Type::Text, "The body of the answer, or the text of the mail.", "body contains 'token'"),
    word("status", Type::Number, "The status of the answer.", "status == 201"),
    word("url.final", Type::Text, "Where redirects led.", "url.final contains '/home'"),
    word("subject", Type::Text, "The subject of the mail.", "subject contains 'code'"),
    word("from", Type::Text, "Who sent the mail.", "from contains 'example.com'"),
    word("value", Type::Any, "What the query gave.", "value == 1"),
];

/// Parts of names that are mostly those of secrets.
const SECRET: [&str; 7] = ["token", "session", "password", "csrf", "secret", "key", "auth"];

/// One step.
#[derive(Debug)]
pub(super) struct Step {
    name: Option<String>,
    pub(super) act: Act,
    pub(super) captures: Vec<Captured>,
    /// How long it may take at most.
    pub(super) within: Option<Duration>,
    pub(super) is_finally: bool,
}

/// What it does.
#[derive(Debug)]
pub(super) enum Act {
    /// Asks a web server.
    Web(Box<Request>),
    /// Waits for a mail.
    Mail(Wanted),
    /// Asks a database.
    Sql(Box<Query>),
    /// Looks at a file.
    File(Part),
    /// Nothing, for as long as `within` says.
    Wait,
}

/// A query and the names in it.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) sql: Sql,
    pub(super) names: Vec<String>,
}

/// What later steps need.
#[derive(Debug)]
pub(super) struct Captured {
    pub(super) name: String,
    pub(super) capture: Capture,
    pub(super) is_secret: bool,
}

impl Step {
    /// Reads one; what it captures is `known` behind it.
    pub(super) fn read(table: &Section<'_>, known: &mut Vec<String>) -> Option<Self> {
        let mut written = ACTS.into_iter().filter(|key| table.has(key));
        let Some(key) = written.next() else {
            table.missing(
                "the step does nothing",
                format!("add one of {}: get = \"https://example.com/\"", ACTS.join(", ")),
            );
            return None;
        };
        if let Some(second) = written.next() {
            table.contradiction(second, format!("the step has `{key}` already"), "make two steps of it");
            return None;
        }
        refuse_others(table, key);
        let act = Act::read(table, key, known);
        let captures = captures(table, key, known);
        let within = match key {
            "wait" => table.duration("wait").map(|span| span.to_std()),
            "mail" => match &act {
                Some(Act::Mail(wanted)) => Some(wanted.within),
                _ => None,
            },
            key if VERBS.contains(&key) && !table.has("within") => {
                PATIENCE.parse().ok().map(|span: muster_core::time::Span| span.to_std())
            }
            _ => table.duration("within").map(|span| span.to_std()),
        };
        let mut act = act?;
        if let Act::Web(request) = &mut act {
            request.wants_body |= captures.iter().any(|one| ["body", "json"].contains(&one.capture.word()));
        }
        Some(Self { name: table.text("name"), act, captures, within, is_finally: table.flag("finally")? })
    }

    /// What the alarm calls it.
    pub(super) fn title(&self) -> String {
        if let Some(name) = &self.name {
            return name.clone();
        }
        match &self.act {
            Act::Web(request) => request.title(),
            Act::Mail(wanted) => format!("mail \"{}\"", wanted.subject.written()),
            Act::Sql(query) => format!("sql {}", query.sql.target()),
            Act::File(part) => format!("file {}", part.target()),
            Act::Wait => "wait".to_owned(),
        }
    }

    /// One or two words for its time.
    pub(super) fn phase(&self, number: usize) -> String {
        let what = match (&self.name, &self.act) {
            (Some(name), _) => name.as_str(),
            (None, Act::Web(request)) => return format!("{number} {}", request.verb()),
            (None, Act::Mail(_)) => "mail",
            (None, Act::Sql(_)) => "sql",
            (None, Act::File(_)) => "file",
            (None, Act::Wait) => "wait",
        };
        format!("{number} {what}")
    }
}

impl Act {
    fn read(table: &Section<'_>, key: &'static str, known: &[String]) -> Option<Self> {
        match key {
            "mail" => Wanted::read(&table.table("mail")?, known).map(Self::Mail),
            "sql" => query(&table.table("sql")?, known).map(|query| Self::Sql(Box::new(query))),
            "file" => file::read(&table.table("file")?).map(Self::File),
            "wait" => Some(Self::Wait),
            _ => {
                let request = Request::read(table, key, known)?;
                if let Some(one) = request.assertions.iter().find(|one| one.level != Level::Page) {
                    let what =
                        format!("a step goes on or ends the flow, and `{}` would do neither", one.text);
                    table.refuse("expect", what, "take `severity` out, or make a check of its own of it");
                    return None;
                }
                Some(Self::Web(Box::new(request)))
            }
        }
    }
}

/// Keys that say nothing about what the step does are mistakes.
fn refuse_others(table: &Section<'_>, act: &str) {
    let (web, looks) = (VERBS.contains(&act), matches!(act, "sql" | "file"));
    for (keys, fits) in [
        (&["headers", "form", "json", "body", "redirects", "expect"][..], web),
        (&["within"], web || looks),
        (&["capture", "secret"], web || matches!(act, "mail" | "sql")),
    ] {
        for key in keys.iter().filter(|key| !fits && table.has(key)) {
            let help = match *key {
                "expect" | "within" if matches!(act, "mail" | "sql" | "file") => {
                    format!("write it into the table: {act} = {{ {key} = … }}")
                }
                _ => format!("take `{key}` out"),
            };
            table.contradiction(key, format!("`{key}` means nothing in a step with `{act}`"), help);
        }
    }
}

fn captures(table: &Section<'_>, act: &str, known: &mut Vec<String>) -> Vec<Captured> {
    let words: &[&str] = match act {
        "mail" => &["subject", "from", "body"],
        "sql" => &["value"],
        _ => &["header", "json", "body", "status", "url.final"],
    };
    let hidden = table.texts("secret");
    let mut captured = Vec::new();
    for (name, place, capture) in table.captures("capture") {
        if !words.contains(&capture.word()) {
            let what = format!("a step with `{act}` has no `{}`", capture.word());
            table
                .reading()
                .error(muster_config::codes::ASSERTION, &place, what)
                .help(format!("it has {}", words.join(", ")));
        }
        if name == UNIQUE {
            let what = "`unique` is there already, another one at each look".to_owned();
            table
                .reading()
                .error(muster_config::codes::BAD_NAME, &place, what)
                .help("choose another name".into());
        }
        let lower = name.to_ascii_lowercase();
        let is_secret = hidden.contains(&name) || SECRET.iter().any(|part| lower.contains(part));
        captured.push(Captured { name, capture, is_secret });
    }
    for (name, place) in table.items("secret") {
        if !captured.iter().any(|one| one.name == name) {
            let what = format!("the step does not capture `{name}`");
            table
                .reading()
                .error(muster_config::codes::UNKNOWN_NAME, &place, what)
                .help("name what is in `capture`".into());
        }
    }
    known.extend(captured.iter().map(|one| one.name.clone()));
    captured
}

/// A query whose names become values beside it.
fn query(table: &Section<'_>, known: &[String]) -> Option<Query> {
    let mut sql = Sql::read(table)?;
    let Some(node) = table.node("query").map(std::borrow::Cow::into_owned) else {
        return Some(Query { sql, names: Vec::new() });
    };
    let template = Template::read(table.reading(), &node, known)?;
    if template.is_plain() {
        return Some(Query { sql, names: Vec::new() });
    }
    let (texts, names) = template.pieces();
    if texts.iter().rev().skip(1).any(|text| is_open(text)) {
        table.refuse(
            "query",
            "a name stands in quotes, where it would be a text and no value",
            "take the quotes away: the value is handed over beside the query",
        );
        return None;
    }
    sql.cut(texts);
    Some(Query { sql, names })
}

/// True if a quote is open at the end of a piece of a query that began outside of quotes.
fn is_open(text: &str) -> bool {
    let mut open = None;
    for c in text.chars() {
        match (open, c) {
            (None, '\'' | '"' | '`') => open = Some(c),
            (Some(quote), c) if c == quote => open = None,
            _ => {}
        }
    }
    open.is_some()
}
