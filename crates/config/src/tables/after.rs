//! `after`: how many bad verdicts there must be before somebody is told.

use crate::field::{Field, Shape};
use crate::section::Section;

/// What the key takes.
pub(crate) const SHAPE: Shape = Shape::WholeOr(1, 100, FIELDS);

const FIELDS: &[Field] = &[
    Field::new("bad", Shape::Whole(1, 64), "So many of them have to be bad.", "3").required(),
    Field::new(
        "of",
        Shape::Whole(1, 64),
        "Of so many, the last ones, looks that try again soon included. What nobody could see is none of them.",
        "5",
    )
    .required(),
];

/// What the key says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct After {
    /// So many bad ones: in a row, or among the last `of`.
    pub(crate) bad: u32,
    /// None if they count in a row.
    pub(crate) of: Option<u32>,
}

impl After {
    /// So many in a row.
    pub(crate) fn in_a_row(bad: u32) -> Self {
        Self { bad, of: None }
    }
}

/// Reads the key; none where it is not written and has no default, and after a fault.
pub(crate) fn read(section: &Section<'_>) -> Option<After> {
    let Some(table) = section.table("after") else { return section.count("after").map(After::in_a_row) };
    let (bad, of) = (table.count("bad")?, table.count("of")?);
    if bad > of {
        table.contradiction(
            "bad",
            format!("{bad} of {of} can never be bad"),
            "let `of` be at least as many as `bad`",
        );
        return None;
    }
    Some(After { bad, of: Some(of) })
}
