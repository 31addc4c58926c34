//! The words that a kind of check can give a value to.

use regex::bytes::Regex;
use serde_json_path::JsonPath;

/// One word of a kind: `status`, `time.total`, `json('$.database')`.
#[derive(Debug, Clone, Copy)]
pub struct Term {
    /// The word, with dots: `cert.expires_in`.
    pub name: &'static str,
    /// What stands in the brackets behind it.
    pub takes: Takes,
    /// What it gives.
    pub gives: Type,
    /// What it is, in one sentence.
    pub doc: &'static str,
    /// A whole assertion with it.
    pub example: &'static str,
}

/// What stands in the brackets behind a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// No brackets.
    Nothing,
    /// A text, such as the name of a header.
    Text,
    /// A path into JSON (RFC 9535).
    JsonPath,
}

/// An argument, compiled.
#[derive(Debug, Clone)]
pub enum Argument {
    /// A text.
    Text(String),
    /// A path into JSON (RFC 9535).
    JsonPath(JsonPath),
    /// A regular expression.
    Pattern(Regex),
}

/// What a word gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// True or false.
    Flag,
    /// A number without a unit.
    Number,
    /// A length of time, which may be negative: `cert.expires_in`.
    Time,
    /// A number of bytes.
    Size,
    /// A text.
    Text,
    /// Several texts.
    List,
    /// Whatever is found: the kind of value is known only when it is there.
    Any,
}

impl Term {
    /// How it is written, with a sample of its argument: `status`, `header('…')`, `json('$.a.b')`.
    pub fn written(&self) -> String {
        match self.takes {
            Takes::Nothing => self.name.to_owned(),
            Takes::Text => format!("{}('…')", self.name),
            Takes::JsonPath => format!("{}('$.a.b')", self.name),
        }
    }
}

impl Type {
    /// The type with its article, for the sentence "`status` is …".
    pub fn words(self) -> &'static str {
        match self {
            Self::Flag => "true or false",
            Self::Number => "a number without a unit",
            Self::Time => "a time",
            Self::Size => "a size",
            Self::Text => "a text",
            Self::List => "a list",
            Self::Any => "whatever is found",
        }
    }
}
