//! Arrays of tables, tables that become JSON, and tables of captures.

use super::{bad_value, check_secret, check_table, refuse_inside, shown};
use crate::assertion::Capture;
use crate::assertion::term::Term;
use crate::codes;
use crate::field::Field;
use crate::section::Reading;
use crate::tree::{Node, Table, Value};

/// Most letters of the name of a capture.
const NAME: usize = 40;

/// Judges each table of an array.
pub(super) fn tables(
    reading: &Reading<'_>,
    node: &Node,
    items: &[Node],
    fields: &'static [Field],
    least: usize,
    path: &str,
) {
    if items.len() < least {
        bad_value(reading, node, format!("expected tables, and at least {least} of them"));
    }
    for item in items {
        match &item.value {
            Value::Table(table) => check_table(reading, table, &[fields], path, &item.span),
            other => {
                let what = format!("expected a table, found {}", other.found());
                reading
                    .error(codes::WRONG_TYPE, &item.span, what)
                    .help(format!("write it as [[{path}]] and its keys below"));
            }
        }
    }
}

/// Judges what becomes JSON.
pub(super) fn json(reading: &Reading<'_>, node: &Node, path: &str) {
    match &node.value {
        Value::Date(_) => bad_value(reading, node, "JSON has no dates: put it into quotes".into()),
        Value::Float(text) if matches!(text.trim_start_matches(['+', '-']), "inf" | "nan") => {
            bad_value(reading, node, "JSON has no such number".into());
        }
        Value::List(items) => items.iter().for_each(|item| json(reading, item, path)),
        Value::Table(table) if is_reference(table) => check_secret(reading, node, path),
        Value::Table(table) => {
            for entry in &table.entries {
                // What stands there may be meant to be secret, or hold a token.
                if super::looks_secret(&entry.key) {
                    reading.hide(&entry.node.span);
                }
                json(reading, &entry.node, &format!("{path}.{}", entry.key));
            }
        }
        Value::Text(_) | Value::Whole(_) | Value::Float(_) | Value::Flag(_) => {}
    }
}

fn is_reference(table: &Table) -> bool {
    matches!(table.entries.as_slice(), [one] if ["env", "file", "command"].contains(&one.key.as_str()))
}

/// Judges names and what they stand for.
pub(super) fn captures(reading: &Reading<'_>, table: &Table, terms: &'static [Term]) {
    for entry in &table.entries {
        let name = &entry.key;
        let is_good = name.len() <= NAME
            && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        if !is_good {
            let what = format!("\"{}\" cannot be the name of a capture", shown(name));
            reading
                .error(codes::BAD_NAME, &entry.span, what)
                .help("write letters, digits, `_` and `-`, a letter first".into());
        }
        match &entry.node.value {
            Value::Text(text) => {
                refuse_inside(reading, &entry.node, Capture::compile(text, terms).err(), codes::ASSERTION);
            }
            other => {
                let what = format!("expected what is captured, found {}", other.found());
                let mut fault = reading.error(codes::WRONG_TYPE, &entry.node.span, what);
                if let Some(term) = terms.first() {
                    fault.help(format!("write a text such as \"{}\"", term.written()));
                }
            }
        }
    }
}
