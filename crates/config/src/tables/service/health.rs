//! `health`: when a release is well.

use muster_core::expectation::Level;
use muster_core::ids::ExpectationId;
use muster_core::time::Span;

use crate::assertion::term::{Takes, Term, Type};
use crate::codes;
use crate::field::{Field, SECOND, Shape};
use crate::plan::HealthSpec;
use crate::section::Section;

/// What can be said of the answer of a release: words that checks of kind `http` know as well.
pub const TERMS: &[Term] = &[
    Term {
        name: "status",
        takes: Takes::Nothing,
        gives: Type::Number,
        doc: "The status code.",
        example: "status == 200",
    },
    Term {
        name: "json",
        takes: Takes::JsonPath,
        gives: Type::Any,
        doc: "Something in the body, if that is JSON (RFC 9535).",
        example: "json('$.database') == 'ok'",
    },
    Term {
        name: "body",
        takes: Takes::Nothing,
        gives: Type::Text,
        doc: "The body; what is no UTF-8 in it is replaced.",
        example: "body contains 'ready'",
    },
    Term {
        name: "header",
        takes: Takes::Text,
        gives: Type::Text,
        doc: "The first header of that name, whatever its case.",
        example: "header('content-type') contains 'json'",
    },
    Term {
        name: "time.total",
        takes: Takes::Nothing,
        gives: Type::Time,
        doc: "How long the answer took.",
        example: "time.total < 800ms",
    },
];

/// Longest path, in bytes.
const PATH_LIMIT: usize = 500;

/// The keys.
pub(super) const FIELDS: &[Field] = &[
    Field::new("path", Shape::Text, "What it is asked for, without host and port.", "\"/health\"")
        .default("\"/health\""),
    Field::new(
        "expect",
        Shape::Assertions(TERMS),
        "What must be true of each answer. Redirects are not followed, and 64 KiB of the body are read.",
        "[\"status == 200\", \"json('$.database') == 'ok'\"]",
    )
    .default("[\"status == 200\"]"),
    Field::new("consecutive", Shape::Whole(1, 100), "So many good answers in a row are needed.", "3")
        .default("3"),
    Field::new(
        "within",
        Shape::Duration(SECOND, 3600 * SECOND),
        "They are needed within this time after its start, or it is stopped and never comes in front.",
        "\"60s\"",
    )
    .default("\"60s\""),
    Field::new(
        "timeout",
        Shape::Duration(100, 60 * SECOND),
        "The longest that one answer may take.",
        "\"5s\"",
    )
    .default("\"5s\""),
    Field::new(
        "heartbeat",
        Shape::Text,
        "Of a worker, which has no `port`: the [check] of kind `heartbeat`, in the `muster.toml` of its hosts, that it reports \
         in as. It is well once the agent of its host has heard a success that was sent after its start, within `within`. \
         Where no agent hears it, nothing is started. Without it a worker is well when it has run for 7 seconds.",
        "\"mail-worker\"",
    ),
];

/// Reads the table; `listens` says whether there is anything to ask.
pub(super) fn read(section: &Section<'_>, listens: bool) -> Option<HealthSpec> {
    let table = section.table("health")?;
    if !listens {
        for key in ["path", "expect", "timeout"].into_iter().filter(|key| table.has(key)) {
            table.no_effect(key, format!("`{key}` has no effect without `port`: nobody can be asked"));
        }
    }
    let heartbeat = heartbeat(&table, listens)?;
    let path = table.text("path")?;
    let is_path = path.starts_with('/')
        && path.len() <= PATH_LIMIT
        && path.chars().all(|c| c.is_ascii_graphic() && c != '#');
    if !is_path {
        table.refuse(
            "path",
            "this is no path that can be asked for",
            "write it as \"/health\", with %20 for a space",
        );
        return None;
    }
    let expect = table.assertions("expect");
    if expect.iter().any(|one| one.level != Level::Page) {
        table
            .reading()
            .error(codes::BAD_VALUE, &table.place("expect"), "a release is well or it is not".into())
            .help("write the assertion as a text, without `severity`".into());
        return None;
    }
    let (within, timeout): (Span, Span) = (table.duration("within")?, table.duration("timeout")?);
    if timeout > within {
        let what = format!("one answer may take {timeout}, and all of them are needed within {within}");
        table.contradiction("timeout", what, "make `timeout` no longer than `within`");
        return None;
    }
    Some(HealthSpec {
        path,
        expect: expect.into_iter().map(|one| one.text).collect(),
        consecutive: table.count("consecutive")?,
        within,
        timeout,
        heartbeat,
    })
}

/// The heartbeat that a worker reports in as, if the table names one.
#[expect(clippy::option_option, reason = "a fault is not the same as no heartbeat")]
fn heartbeat(table: &Section<'_>, listens: bool) -> Option<Option<String>> {
    if !table.has("heartbeat") {
        return Some(None);
    }
    if listens {
        table.contradiction(
            "heartbeat",
            "a service with `port` is asked itself whether it is well",
            "take `heartbeat` out; a [check] may expect it all the same",
        );
        return None;
    }
    let name = table.text("heartbeat")?;
    if ExpectationId::of("check", &name).is_err() {
        table.refuse("heartbeat", "this is no name of a [check]", "write the NAME of [check.NAME]");
        return None;
    }
    Some(Some(name))
}
