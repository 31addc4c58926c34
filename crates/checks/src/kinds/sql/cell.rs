//! One value out of a database, whichever it is.

use muster_core::time::Timestamp;

/// What a query gave.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// How many rows came.
    pub(super) rows: u64,
    /// There are more, which were not read.
    pub(super) is_cut: bool,
    /// The first column of the first row.
    pub(super) first: Option<Cell>,
}

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    /// `NULL`.
    Null,
    /// True or false.
    Flag(bool),
    /// Any number.
    Number(f64),
    /// A text, or what is shown as one.
    Text(String),
    /// A length of time in milliseconds.
    Length(i64),
    /// A point in time.
    Moment(Timestamp),
    /// How many milliseconds ago something was, as the server says.
    Age(i64),
    /// Something else, with its article.
    Strange(String),
}

impl Cell {
    /// The seconds of `newest`.
    pub(super) fn into_age(self) -> Self {
        match self {
            Self::Number(seconds) => Self::Age((seconds * 1000.0) as i64),
            other => other,
        }
    }
}
