//! The row of a kind, and the catalogue of rows that the top floor hands in. This crate knows no kind itself.

use crate::fault::Faults;
use crate::field::{Field, Shape};
use crate::section::{Reading, Section};
use crate::source::Source;
use crate::tables::check;
use crate::tree::{self, Value};

/// One kind of a family: what it is called, what it takes, and how its part is read.
#[derive(Debug)]
pub struct Kind<P: 'static> {
    /// The word after `kind =`.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub sentence: &'static str,
    /// A whole table as TOML, header included, that must read back.
    pub example: &'static str,
    /// Its own keys; the family's common keys come on top.
    pub fields: &'static [Field],
    /// Makes its part of a table whose keys are judged already. `None` after a fault was reported.
    pub read: fn(&Section<'_>) -> Option<P>,
}

/// Every kind of every family.
#[derive(Debug)]
pub struct Catalogue<C: 'static, K: 'static> {
    /// The ways to tell people, for `[notify.NAME]`.
    pub channels: &'static [Kind<C>],
    /// The ways to look at something, for `[check.NAME]`.
    pub checks: &'static [Kind<K>],
}

/// A kind as editors and readers of the reference page see it: what it makes of its table is left out.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The word after `kind =`.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub sentence: &'static str,
    /// A whole table as TOML.
    pub example: &'static str,
    /// The keys that it shares with others of its family, beside those of the family's row.
    pub shared: &'static [Field],
    /// Its own keys.
    pub fields: &'static [Field],
}

impl<C, K> Catalogue<C, K> {
    /// The kinds of a family, in the order of the reference page; none for a table that is no family.
    pub fn entries(&self, family: &str) -> Vec<Entry> {
        match family {
            "notify" => self.channels.iter().map(|kind| kind.entry(&[])).collect(),
            "check" => std::iter::once(check::HEARTBEAT)
                .chain(self.checks.iter().map(|kind| kind.entry(check::LOOKED)))
                .collect(),
            _ => Vec::new(),
        }
    }
}

impl<P> Kind<P> {
    const fn entry(&self, shared: &'static [Field]) -> Entry {
        let Self { name, sentence, example, fields, .. } = *self;
        Entry { name, sentence, example, shared, fields }
    }

    /// Reads the kind's own example, for the tests of a family. `common` are the family's keys beside `kind`.
    ///
    /// # Errors
    /// The faults of the example; empty if it has no table or its reader gave nothing without saying why.
    pub fn read_example(&'static self, common: &'static [Field]) -> Result<P, Faults> {
        let source = Source { file: "example", text: self.example, zone: "UTC", host: "example" };
        self.read_text(&source, common)
    }

    /// Reads the first `[table.name]` of a text as this kind, for the tests of a family.
    ///
    /// # Errors
    /// As for [`Kind::read_example`].
    pub fn read_text(&'static self, source: &Source<'_>, common: &'static [Field]) -> Result<P, Faults> {
        let reading = Reading::new(source);
        let (document, errors) = tree::parse(source.text);
        for error in errors {
            reading.error(crate::codes::SYNTAX, &error.span, error.what);
        }
        let part = document.entries.first().and_then(|family| {
            let Value::Table(tables) = &family.node.value else { return None };
            let entry = tables.entries.first()?;
            let Value::Table(table) = &entry.node.value else { return None };
            let path = format!("{}.{}", family.key, entry.key);
            let rows = vec![KIND, common, self.fields];
            let section = Section::open(&reading, table, rows, path, entry.node.span.clone());
            (self.read)(&section)
        });
        let faults = reading.finish();
        match part {
            Some(part) if !faults.has_errors() => Ok(part),
            _ => Err(faults),
        }
    }
}

/// The key that every table of a family has.
pub const KIND: &[Field] =
    &[Field::new("kind", Shape::Text, "Which kind it is; it decides about the other keys.", "\"email\"")
        .required()];
