//! The values that assertions are judged by, and where they come from.

use super::term::Argument;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null` in JSON or in a database.
    Nothing,
    /// True or false.
    Flag(bool),
    /// A number without a unit.
    Number(f64),
    /// A length of time in milliseconds; negative for what is over.
    Time(i64),
    /// A number of bytes.
    Size(u64),
    /// A text.
    Text(String),
    /// Several values.
    List(Vec<Value>),
}

/// Why a word has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unseen {
    /// It was looked for and is not there: `exists` is false, every comparison is not met.
    Absent(String),
    /// It was not looked at, or only in part (a body that was cut off): nothing can be claimed of it, not even that it
    /// is not there.
    Hidden(String),
}

/// What was seen.
pub trait Facts {
    /// The value of a word.
    ///
    /// # Errors
    /// [`Unseen`] when it has none.
    fn value(&self, term: &str, argument: Option<&Argument>) -> Result<Value, Unseen>;
}
