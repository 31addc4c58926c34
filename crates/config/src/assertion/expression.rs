//! An assertion, read and found well formed: what is left is to judge it.

use regex::bytes::Regex;

use super::facts::Value;
use super::lexer::How;
use super::term::{Argument, Term, Type};

/// Claims and how they go together.
#[derive(Debug, Clone)]
pub(super) enum Expression {
    /// All of them: `and`.
    All(Vec<Expression>),
    /// At least one of them: `or`.
    Any(Vec<Expression>),
    /// The opposite: `not`.
    Not(Box<Expression>),
    /// One claim.
    Claim(Claim),
}

/// Something that holds or does not.
#[derive(Debug, Clone)]
pub(super) enum Claim {
    /// `status == 200`
    Compare(Operand, How, Operand),
    /// `status in [200, 204]`
    In(Operand, Vec<Value>),
    /// `body contains 'ok'`
    Contains(Operand, Operand),
    /// `body matches '\d+ rows'`
    Matches(Operand, Regex),
    /// `header('x') exists`
    Exists(Operand),
    /// `reachable`, a word that is true or false.
    Holds(Operand),
}

/// One side of a comparison.
#[derive(Debug, Clone)]
pub(super) enum Operand {
    /// A value that stands in the assertion itself.
    Known(Value),
    /// A word.
    Word(Word),
    /// How many elements a word has.
    Count(Word),
}

/// A word of the kind with its argument.
#[derive(Debug, Clone)]
pub(super) struct Word {
    /// As the assertion writes it, argument and all.
    pub(super) written: String,
    /// What it is.
    pub(super) term: &'static Term,
    /// What stands in its brackets.
    pub(super) argument: Option<Argument>,
}

impl Operand {
    /// What it gives; `null` is of no type.
    pub(super) fn gives(&self) -> Option<Type> {
        match self {
            Self::Word(word) => Some(word.term.gives),
            Self::Count(_) => Some(Type::Number),
            Self::Known(value) => match value {
                Value::Nothing => None,
                Value::Flag(_) => Some(Type::Flag),
                Value::Number(_) => Some(Type::Number),
                Value::Time(_) => Some(Type::Time),
                Value::Size(_) => Some(Type::Size),
                Value::Text(_) => Some(Type::Text),
                Value::List(_) => Some(Type::List),
            },
        }
    }

    /// True if its value is part of the assertion.
    pub(super) fn is_known(&self) -> bool {
        matches!(self, Self::Known(_))
    }

    /// As the assertion writes it; nothing for a value of its own.
    pub(super) fn written(&self) -> Option<String> {
        match self {
            Self::Known(_) => None,
            Self::Word(word) => Some(word.written.clone()),
            Self::Count(word) => Some(format!("count({})", word.written)),
        }
    }
}

impl Expression {
    /// True if a word of that name is asked for anywhere.
    pub(super) fn asks(&self, term: &str) -> bool {
        let of = |operand: &Operand| match operand {
            Operand::Known(_) => false,
            Operand::Word(word) | Operand::Count(word) => word.term.name == term,
        };
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(|part| part.asks(term)),
            Self::Not(inner) => inner.asks(term),
            Self::Claim(Claim::Compare(left, _, right) | Claim::Contains(left, right)) => {
                of(left) || of(right)
            }
            Self::Claim(
                Claim::In(one, _) | Claim::Matches(one, _) | Claim::Exists(one) | Claim::Holds(one),
            ) => of(one),
        }
    }
}
