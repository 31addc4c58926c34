//! `[notify.NAME]`: ways to tell people. The kinds themselves come with the catalogue.

use crate::field::{Field, Shape};
use crate::tables::{Form, TableRow};

/// The row of the table.
pub const ROW: TableRow = TableRow {
    name: "notify",
    doc: "Ways to tell people; jobs and checks refer to them by name.",
    form: Form::Family,
    fields: FIELDS,
    example: "",
};

/// The keys of every channel beside `kind`.
pub const FIELDS: &[Field] = &[Field::new(
    "fallback",
    Shape::Text,
    "The [notify] table that takes over when this one cannot deliver.",
    "\"phone\"",
)];
