//! `flow`: several steps one behind the other, as somebody does who uses the application: log in, change something,
//! expect the mail, the row, the file.
//!
//! Cookies are kept from step to step, and what one step captures the later ones can use. The first step that is not as
//! it should be ends the flow and is what the alarm names; steps for cleaning up run all the same, in time that is kept
//! for them.

mod html;
mod letter;
mod post;
mod request;
mod run;
mod step;
mod template;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use muster_config::assertion::Assertion;
use muster_config::field::{DAY, Field, SECOND, Shape};
use muster_config::kind::Kind;
use muster_config::section::Section;
use muster_core::time::Span;

use self::post::Mailbox;
use self::step::{Act, Step};
use crate::contact::{CA, is_outside};
use crate::probe::{BoxFuture, Lane, Miss, Part, Probe, Scene};

/// The row of the kind.
pub const ROW: Kind<Part> = Kind {
    name: "flow",
    sentence: "Takes several steps one behind the other: requests with cookies and captured values, a mail, a row, a file.",
    example: "[check.signup]
kind = \"flow\"
every = \"10m\"
mailbox = { imap = \"imap.example.com:993\", user = \"probe\", password = { env = \"PROBE_IMAP\" } }
[[check.signup.step]]
post = \"https://example.com/login\"
form = { user = \"probe\", password = { env = \"PROBE_PASSWORD\" } }
expect = [\"status == 303\"]
capture = { token = \"header('x-csrf')\" }
[[check.signup.step]]
post = \"https://example.com/profile\"
headers = { x-csrf = \"{{token}}\" }
form = { city = \"{{unique}}\" }
[[check.signup.step]]
mail = { subject = \"Your profile changed\", within = \"2m\" }
[[check.signup.step]]
sql = { dsn = { env = \"DATABASE_URL\" }, query = \"select count(*) from people where city = {{unique}}\", expect = [\"value == 1\"] }
[[check.signup.step]]
name = \"log out\"
post = \"https://example.com/logout\"
finally = true
",
    fields: &[
        Field::new(
            "step",
            Shape::Tables(step::FIELDS, 1),
            "The steps, each a table `[[check.NAME.step]]` that does one thing: `get`, `head`, `post`, `put`, `patch`, \
             `delete`, `mail`, `sql`, `file` or `wait`. `{{name}}` stands for what an earlier step captured, and \
             `{{unique}}` for a word that is another one at each look.",
            "[{ get = \"https://example.com/\" }]",
        )
        .required(),
        Field::new(
            "mailbox",
            Shape::Table(post::MAILBOX),
            "Where the mails of `mail` steps come in. It should be for this alone: the mails that were waited for are \
             deleted.",
            "{ imap = \"imap.example.com:993\", user = \"probe\", password = { env = \"PROBE_IMAP\" } }",
        ),
        CA,
        Field::new(
            "every",
            Shape::Duration(SECOND, DAY),
            "From one look to the next; each of them does all that the steps say.",
            "\"30m\"",
        )
        .default("\"10m\""),
        Field::new(
            "timeout",
            Shape::Duration(SECOND, DAY),
            "How long all steps together may take; shorter than `every`, and four fifths of it where that is less. A fifth \
             of it, 15s at most, is kept for steps with `finally`.",
            "\"60s\"",
        )
        .default(TIMEOUT),
    ],
    read,
};

const TIMEOUT: &str = "\"5m\"";
/// Most steps of a flow.
const MOST: usize = 50;
/// The most that is kept for cleaning up.
const RESERVE: Duration = Duration::from_secs(15);

fn read(section: &Section<'_>) -> Option<Part> {
    let tables = section.tables("step");
    if tables.is_empty() {
        // Said by the row.
        return None;
    }
    if tables.len() > MOST {
        section.refuse(
            "step",
            format!("{} steps, and at most {MOST} are taken", tables.len()),
            "make two flows of it",
        );
        return None;
    }
    let mut known = Vec::new();
    // All of them are read, so that every mistake is told.
    let read: Vec<Option<Step>> = tables.iter().map(|table| Step::read(table, &mut known)).collect();
    let mailbox = match section.table("mailbox") {
        Some(table) => Some(Mailbox::read(&table)?),
        None => None,
    };
    let steps = read.into_iter().collect::<Option<Vec<_>>>()?;
    judge(section, &tables, &steps, mailbox.is_some())?;
    Some(Arc::new(Flow { steps, mailbox, ca: section.path_to("ca") }))
}

/// How the steps go together.
fn judge(section: &Section<'_>, tables: &[Section<'_>], steps: &[Step], has_mailbox: bool) -> Option<()> {
    let pairs = || tables.iter().zip(steps);
    let mut last = None;
    for (table, step) in pairs() {
        if last.is_some() && !step.is_finally {
            table.missing(
                "a step that is not for cleaning up comes behind one that is",
                "put the steps with `finally = true` at the end",
            );
            return None;
        }
        last = step.is_finally.then_some(()).or(last);
    }
    if steps.iter().all(|step| step.is_finally) {
        section.missing("all steps are for cleaning up", "add a step without `finally = true`");
        return None;
    }
    let mail = pairs().find(|(_, step)| matches!(step.act, Act::Mail(_)));
    match (mail, has_mailbox) {
        (Some((table, _)), false) => {
            table.refuse(
                "mail",
                "nothing says into which mailbox it comes",
                "add to the check: mailbox = { imap = \"imap.example.com:993\", user = \"probe\", password = { env = \
                 \"PROBE_IMAP\" } }",
            );
            return None;
        }
        (None, true) => section.no_effect("mailbox", "no step waits for a mail"),
        (Some(_), true) | (None, false) => {}
    }
    let every = section.duration("every")?;
    let whole = match section.has("timeout") {
        true => section.duration("timeout")?,
        false => section.duration("timeout")?.min(every.times(4).over(5)),
    };
    for (table, step) in pairs() {
        let written = ["mail", "wait", "within"].into_iter().find(|key| table.has(key));
        if let (Some(key), Some(within)) = (written, step.within.map(Span::from))
            && within >= whole
        {
            table.contradiction(
                key,
                format!("the step may take {within}, and the whole flow {whole}"),
                "make `timeout` of the check longer, or the time of the step shorter",
            );
            return None;
        }
    }
    Some(())
}

/// Steps that are taken.
#[derive(Debug)]
struct Flow {
    steps: Vec<Step>,
    mailbox: Option<Mailbox>,
    ca: Option<PathBuf>,
}

impl Probe for Flow {
    fn probe<'a>(&'a self, scene: &'a Scene) -> BoxFuture<'a, Result<(), Miss>> {
        Box::pin(run::run(self, scene))
    }

    fn assertions(&self) -> &[Assertion] {
        // Each step judges its own.
        &[]
    }

    fn target(&self) -> String {
        let first = self.steps.first().map(Step::title).unwrap_or_default();
        match self.steps.len() {
            1 => first,
            2 => format!("{first} and 1 more step"),
            count => format!("{first} and {} more steps", count - 1),
        }
    }

    fn lane(&self) -> Lane {
        Lane::Flow
    }

    fn is_outside(&self) -> bool {
        let asked = self.steps.iter().filter_map(|step| match &step.act {
            Act::Web(request) => request.host(),
            Act::Mail(_) => self.mailbox.as_ref().map(|mailbox| mailbox.host().to_owned()),
            Act::Sql(_) | Act::File(_) | Act::Wait => None,
        });
        asked.into_iter().any(|host| is_outside(&host))
    }
}
