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

impl Value {
    /// The kind of value with its article, for the sentence "a text is not compared with a number".
    pub fn words(&self) -> &'static str {
        match self {
            Self::Nothing => "null",
            Self::Flag(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Time(_) => "a time",
            Self::Size(_) => "a size",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
        }
    }
}

/// Why a word has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unseen {
    /// It was looked for and is not there: `exists` is false, `count` is 0, every comparison is not met. The text, which
    /// may be empty, says more than that: it is said behind "`header('x')` is not there".
    Absent(String),
    /// It was not looked at, or only in part (a body that was cut off, or that is no JSON): nothing can be claimed of
    /// it, not even that it is not there. The text is a whole sentence without a full stop.
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
