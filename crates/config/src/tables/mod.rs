//! The tables of muster.toml: one file per table, one row here.
//!
//! A table that belongs to the language and that this release does not carry out yet is listed in [`NOT_YET`] and
//! refused, because ignoring it would leave something unwatched in silence.

use crate::codes;
use crate::field::Field;
use crate::section::Reading;
use crate::shape::shown;
use crate::tree::{Entry, Table, Value};

pub(crate) mod after;
pub mod check;
pub(crate) mod claimed;
pub mod defaults;
pub mod doctor;
pub mod drift;
pub mod escalation;
pub mod host;
pub mod job;
pub mod lent;
pub(crate) mod maintenance;
pub mod muster;
pub(crate) mod names;
pub mod notify;
pub mod peer;
pub(crate) mod rhythm;
pub(crate) mod safe;
pub mod service;
pub mod status_page;

/// One table.
#[derive(Debug, Clone, Copy)]
pub struct TableRow {
    /// The word in the brackets.
    pub name: &'static str,
    /// What it is for, in one sentence.
    pub doc: &'static str,
    /// How many there may be.
    pub form: Form,
    /// Its keys; for a family of kinds those that every kind has beside `kind`.
    pub fields: &'static [Field],
    /// A whole table as TOML.
    pub example: &'static str,
}

/// How many tables of a name there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One: `[muster]`.
    Single,
    /// One per name: `[job.NAME]`.
    Named,
    /// One per name, each with a `kind` that decides about its other keys: `[notify.NAME]`.
    Family,
}

/// Every table that this release reads, in the order of the reference page.
pub const TABLES: &[TableRow] = &[
    muster::ROW,
    defaults::ROW,
    notify::ROW,
    escalation::ROW,
    peer::ROW,
    job::ROW,
    check::ROW,
    host::ROW,
    service::ROW,
    status_page::ROW,
    doctor::ROW,
    drift::ROW,
];

/// Tables of the language that this release refuses because it cannot carry them out yet.
pub const NOT_YET: &[&str] = &[
    "failover",
    "certificate",
    "backup",
    "gateway",
    "upstream",
    "router",
    "postgres",
    "contract",
    "runbook",
];

/// The named tables of a family, such as each `[job.NAME]`.
pub(crate) fn named<'a>(
    reading: &Reading<'_>,
    document: &'a Table,
    family: &str,
) -> Vec<(&'a Entry, &'a Table)> {
    let Some(table) = document.table(family) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in &table.entries {
        match &entry.node.value {
            Value::Table(inner) => found.push((entry, inner)),
            other => {
                let key = shown(&entry.key);
                reading
                    .error(
                        codes::WRONG_TYPE,
                        &entry.span,
                        format!("expected a table [{family}.NAME], found {}", other.found()),
                    )
                    .help(format!("give it a name: [{family}.NAME], and `{key}` below it"));
            }
        }
    }
    found
}
