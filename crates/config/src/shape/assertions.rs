//! An array of assertions: each a text, or a table that says how loud it is as well.

use muster_core::expectation::Level;

use super::{check_table, refuse_inside};
use crate::assertion::Assertion;
use crate::assertion::term::Term;
use crate::codes;
use crate::field::{Field, Shape};
use crate::section::Reading;
use crate::tree::{Node, Table, Value};

/// How loud an assertion can be; one that nobody is to hear of is left out.
const LEVELS: &[&str] = &["page", "warn"];

/// The keys of an assertion that is written as a table.
pub(crate) const ROWS: &[Field] = &[
    Field::new("that", Shape::Text, "What must be true.", "\"cert.expires_in > 14d\"").required(),
    Field::new(
        "severity",
        Shape::Choice(LEVELS),
        "How loud it is when it is not: `warn` shows it and tells nobody.",
        "\"warn\"",
    )
    .default("\"page\""),
];

/// Judges the items of the array.
pub(super) fn check(reading: &Reading<'_>, node: &Node, items: &[Node], terms: &'static [Term], path: &str) {
    if items.is_empty() {
        reading
            .error(codes::BAD_VALUE, &node.span, "nothing is asserted by an empty array".into())
            .help("write what must be true into it, or take the key out".into());
    }
    for item in items {
        match &item.value {
            Value::Text(_) => check_text(reading, item, terms),
            Value::Table(table) => {
                check_table(reading, table, &[ROWS], path, &item.span);
                // An empty text is refused by its row already.
                if let Some((that, text)) = that(table)
                    && !text.trim().is_empty()
                {
                    check_text(reading, that, terms);
                }
            }
            other => {
                let what = format!("expected an assertion, found {}", other.found());
                let mut fault = reading.error(codes::WRONG_TYPE, &item.span, what);
                if let Some(term) = terms.first() {
                    fault.help(format!("write a text such as \"{}\"", term.example));
                }
            }
        }
    }
}

fn check_text(reading: &Reading<'_>, node: &Node, terms: &'static [Term]) {
    if let Value::Text(text) = &node.value {
        refuse_inside(reading, node, Assertion::compile(text, terms).err(), codes::ASSERTION);
    }
}

fn that(table: &Table) -> Option<(&Node, &str)> {
    match table.get("that").map(|entry| &entry.node) {
        Some(node) => match &node.value {
            Value::Text(text) => Some((node, text)),
            _ => None,
        },
        None => None,
    }
}

/// The assertions among the items; what is faulty is reported already.
pub(crate) fn read(items: &[Node], terms: &'static [Term]) -> Vec<Assertion> {
    items.iter().filter_map(|item| read_one(&item.value, terms)).collect()
}

fn read_one(value: &Value, terms: &'static [Term]) -> Option<Assertion> {
    match value {
        Value::Text(text) => Assertion::compile(text, terms).ok(),
        Value::Table(table) => {
            let (_, text) = that(table)?;
            let level = match table.get("severity").map(|entry| &entry.node.value) {
                Some(Value::Text(word)) if word == "warn" => Level::Warn,
                _ => Level::Page,
            };
            Some(Assertion::compile(text, terms).ok()?.with_level(level))
        }
        _ => None,
    }
}
