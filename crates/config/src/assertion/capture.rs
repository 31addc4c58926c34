//! What is taken out of something that was looked at, to be used later: `header('x-csrf')`, `json('$.id')`, and of a
//! text the part that a pattern finds: `body matches 'name="csrf" value="([^"]+)"'`.

use regex::bytes::Regex;

use super::expression::Operand;
use super::facts::{Facts, Value};
use super::term::Term;
use super::{judge, parse, say};
use crate::pattern::Mistake;

/// Beyond this, a number may be another one than what was written.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// One capture, ready to be taken.
#[derive(Debug, Clone)]
pub struct Capture {
    /// As it is written in the configuration.
    pub text: String,
    operand: Operand,
    pattern: Option<Regex>,
}

impl Capture {
    /// Reads a capture out of these words.
    ///
    /// # Errors
    /// With the place of the first mistake inside the text.
    pub fn compile(text: &str, terms: &'static [Term]) -> Result<Self, Mistake> {
        let (operand, pattern) = parse::capture(text, terms)?;
        Ok(Self { text: text.to_owned(), operand, pattern })
    }

    /// The name of the word that it is taken out of.
    pub fn word(&self) -> &'static str {
        match &self.operand {
            Operand::Word(word) | Operand::Count(word) => word.term.name,
            Operand::Known(_) => "",
        }
    }

    /// Takes it, as a text: of a pattern its group, or all that it matches where it has none.
    ///
    /// # Errors
    /// Why it cannot be had, as a sentence without a full stop.
    pub fn take(&self, facts: &dyn Facts) -> Result<String, String> {
        let looked = judge::look(&self.operand, facts);
        let found = match &looked {
            Ok(found) => found.as_ref(),
            Err(_) => return Err(say::seen(&self.operand, &looked, None).unwrap_or_default()),
        };
        let Some(pattern) = &self.pattern else { return plain(found).map_err(|why| self.lacks(why)) };
        let texts: &[Value] = match found {
            Value::List(items) => items,
            one => std::slice::from_ref(one),
        };
        let taken = texts.iter().find_map(|item| {
            let Value::Text(text) = item else { return None };
            let groups = pattern.captures(text.as_bytes())?;
            let part = groups.get(1).or_else(|| groups.get(0))?;
            Some(String::from_utf8_lossy(part.as_bytes()).into_owned())
        });
        taken.ok_or_else(|| self.lacks("nothing in it matches"))
    }

    fn lacks(&self, why: &str) -> String {
        format!("{}: {why}", self.text)
    }
}

/// A value as a text that can be put somewhere else.
fn plain(value: &Value) -> Result<String, &'static str> {
    match value {
        Value::Text(text) => Ok(text.clone()),
        Value::Flag(flag) => Ok(flag.to_string()),
        Value::Number(number) if number.abs() >= EXACT => {
            Err("the number is too large to be taken to the last digit; have it as a text")
        }
        Value::Number(number) => Ok(number.to_string()),
        Value::Time(millis) => Ok(millis.to_string()),
        Value::Size(bytes) => Ok(bytes.to_string()),
        Value::Nothing => Err("it is null"),
        Value::List(_) => Err("it is a list, and one value is needed"),
    }
}
