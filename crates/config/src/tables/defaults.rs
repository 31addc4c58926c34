//! `[defaults]`: what holds where a job or a check does not say otherwise.

use std::ops::Range;

use muster_core::maintenance::Maintenance;

use crate::field::{Field, Shape};
use crate::section::Section;
use crate::tables::after::{self, After};
use crate::tables::{Form, TableRow, maintenance};

/// The row of the table.
pub const ROW: TableRow = TableRow {
    name: "defaults",
    doc: "What holds where a job or a check says nothing of its own.",
    form: Form::Single,
    fields: FIELDS,
    example: "[defaults]\nnotify = [\"ops\"]\nrecover = 2\n",
};

const FIELDS: &[Field] = &[
    Field::new(
        "notify",
        Shape::List(&Shape::Text, 0),
        "Whom to tell: names of [notify] tables. With an escalation for all, it says who is told about what has no table \
         of its own: muster's duties, and jobs found on the host.",
        "[\"ops\"]",
    ),
    Field::new(
        "escalate",
        Shape::Text,
        "The [escalation] table for jobs and checks that say neither `escalate` nor `notify` themselves; else the one \
         called `default`, if there is one, else `notify`.",
        "\"default\"",
    ),
    Field::new(
        "after",
        after::SHAPE,
        "Failures before a page, for checks that look: so many in a row, or so many of the last ones. A job and a heartbeat \
         page on the first, unless their own table says otherwise.",
        "{ bad = 3, of = 5 }",
    ),
    Field::new(
        "recover",
        Shape::Whole(1, 100),
        "Good reports in a row before the end is told, for checks; a job is well again after one success.",
        "2",
    ),
    maintenance::DEFAULT,
];

/// What `[defaults]` says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Defaults {
    /// Names as written, each with its place.
    pub(crate) notify: Vec<(String, Range<usize>)>,
    /// Name as written, with its place.
    pub(crate) escalate: Option<(String, Range<usize>)>,
    /// For checks that look.
    pub(crate) after: Option<After>,
    /// For checks.
    pub(crate) recover: Option<u32>,
    /// For jobs and checks.
    pub(crate) maintenance: Maintenance,
}

/// Reads the table. `zone` is that of `[muster]`.
pub(crate) fn read(section: &Section<'_>, zone: &str) -> Defaults {
    Defaults {
        notify: section.items("notify"),
        escalate: section.text("escalate").map(|text| (text, section.place("escalate"))),
        after: after::read(section),
        recover: section.count("recover"),
        maintenance: maintenance::read(section, zone).unwrap_or_default(),
    }
}
