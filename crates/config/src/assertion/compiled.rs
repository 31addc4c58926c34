//! One assertion as the plan holds it: its text, how loud it is, and what it asks.

use muster_core::expectation::Level;

use super::expression::Expression;
use super::facts::Facts;
use super::judge::{self, Judgement};
use super::operand::RESERVED;
use super::parse;
use super::term::Term;
use crate::pattern::Mistake;

/// One assertion, ready to be judged.
#[derive(Debug, Clone)]
pub struct Assertion {
    /// As it is written in the configuration.
    pub text: String,
    /// How loud it is when it is not met.
    pub level: Level,
    expression: Expression,
}

impl Assertion {
    /// Reads an assertion about these words; its level is [`Level::Page`].
    ///
    /// # Errors
    /// With the place of the first mistake inside the text.
    pub fn compile(text: &str, terms: &'static [Term]) -> Result<Self, Mistake> {
        let expression = parse::parse(text, terms)?;
        Ok(Self { text: text.to_owned(), level: Level::Page, expression })
    }

    /// The same, that loud.
    #[must_use]
    pub fn with_level(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// Judges it by what was seen.
    pub fn judge(&self, facts: &dyn Facts) -> Judgement {
        judge::judge(&self.expression, facts)
    }

    /// True if it asks for that word, so that whoever looks can leave out what nobody asks for.
    pub fn asks(&self, term: &str) -> bool {
        self.expression.asks(term)
    }
}

/// Two assertions of the same kind of check are equal if they are written the same and equally loud.
impl PartialEq for Assertion {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.level == other.level
    }
}

impl Eq for Assertion {}

/// Holds the words of a kind to their promises, for the tests of the kind: each has a name that the language can read
/// and does not use itself, one sentence, and an example that compiles and asks for it.
///
/// # Errors
/// What is wrong, one line each.
#[doc(hidden)]
pub fn examples_compile(terms: &'static [Term]) -> Result<(), String> {
    let mut wrong = Vec::new();
    for (at, term) in terms.iter().enumerate() {
        let name = term.name;
        let is_readable = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '.');
        if !is_readable || RESERVED.contains(&name) {
            wrong.push(format!("{name}: this cannot be the name of a word"));
        }
        if terms[..at].iter().any(|earlier| earlier.name == name) {
            wrong.push(format!("{name}: there are two words of this name"));
        }
        if !term.doc.ends_with('.') || !term.doc.starts_with(char::is_uppercase) {
            wrong.push(format!("{name}: not a sentence: {}", term.doc));
        }
        match Assertion::compile(term.example, terms) {
            Ok(assertion) if assertion.asks(name) => {}
            Ok(_) => wrong.push(format!("{name}: the example does not ask for it: {}", term.example)),
            Err(mistake) => wrong.push(format!("{name}: {}: {mistake:?}", term.example)),
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}
