//! One side of a comparison: a value, a word of the kind with its argument, or a count.

use std::ops::Range;

use serde_json_path::JsonPath;

use super::expression::{Operand, Word};
use super::facts::Value;
use super::lexer::{Kind, plain, raw};
use super::parse::{Parser, wrong};
use super::term::{Argument, Takes, Term, Type};
use crate::nearest::nearest;
use crate::pattern::Mistake;

/// The words of the language itself; no kind has a word that is called so.
pub(super) const RESERVED: [&str; 11] =
    ["and", "or", "not", "in", "contains", "matches", "exists", "true", "false", "null", "count"];

/// Most brackets within each other in a path into JSON: its reader goes deep.
const PATH_DEPTH: usize = 8;

/// One side, as it is written.
#[derive(Debug)]
pub(super) struct Side {
    /// What it is.
    pub(super) operand: Operand,
    /// Where it stands.
    pub(super) span: Range<usize>,
    /// How it is written, cut where it is endless.
    pub(super) written: String,
}

/// A quoted text in which places are known.
pub(super) struct Known {
    /// What it says.
    pub(super) text: String,
    span: Range<usize>,
    is_as_written: bool,
}

impl Known {
    /// A pattern or a path.
    pub(super) fn raw(written: &str, quote: char, span: &Range<usize>) -> Self {
        let text = raw(written, quote);
        Self { is_as_written: text == written, text, span: span.clone() }
    }

    /// Where a part of what it says stands; the whole text if it is not written as it is said.
    pub(super) fn inside(&self, part: &Range<usize>) -> Range<usize> {
        let (start, end) = (self.span.start + 1 + part.start, self.span.start + 1 + part.end);
        if self.is_as_written && start <= end && end < self.span.end {
            // An empty place still needs something to stand on: the closing quote at the latest.
            start..end
        } else {
            self.span.clone()
        }
    }
}

impl Parser<'_> {
    /// Reads one side.
    pub(super) fn side(&mut self) -> Result<Side, Mistake> {
        let start = self.span();
        let known = match self.peek() {
            Kind::Number(number) => Some(Value::Number(number)),
            Kind::Time(millis) => Some(Value::Time(millis)),
            Kind::Size(bytes) => Some(Value::Size(bytes)),
            Kind::Text(written, quote) => Some(Value::Text(plain(written, quote))),
            Kind::Word("true") => Some(Value::Flag(true)),
            Kind::Word("false") => Some(Value::Flag(false)),
            Kind::Word("null") => Some(Value::Nothing),
            _ => None,
        };
        if let Some(value) = known {
            self.advance();
            return Ok(self.wrap(Operand::Known(value), start.clone(), start.end));
        }
        match self.peek() {
            Kind::Word("count") => self.count(start),
            Kind::Word(word) => {
                let Some(term) = self.terms.iter().find(|term| term.name == word) else {
                    return Err(self.unknown(word, start));
                };
                self.advance();
                let (word, end) = self.word(term, start.clone())?;
                Ok(self.wrap(Operand::Word(word), start, end))
            }
            Kind::End => Err(wrong(start, "something is missing at the end", self.sample().as_deref())),
            Kind::OpenList => Err(wrong(
                start,
                "a list stands only behind `in`",
                Some("write it as in `status in [200, 204]`"),
            )),
            _ => {
                let what =
                    format!("a word or a value is missing in front of `{}`", &self.text[start.clone()]);
                Err(wrong(start, what, self.sample().as_deref()))
            }
        }
    }

    fn wrap(&self, operand: Operand, start: Range<usize>, end: usize) -> Side {
        let span = start.start..end;
        let written = crate::shape::shown(&self.text[span.clone()]);
        Side { operand, span, written }
    }

    fn sample(&self) -> Option<String> {
        self.terms.first().map(|term| format!("write something like `{}`", term.example))
    }

    fn count(&mut self, start: Range<usize>) -> Result<Side, Mistake> {
        self.advance();
        let opened = self.span();
        let help = self
            .terms
            .iter()
            .find(|term| matches!(term.gives, Type::List | Type::Any))
            .map(|term| format!("write something like `count({}) > 0`", term.written()));
        if !self.eat(Kind::Open) {
            return Err(wrong(start, "`count` wants a word in brackets", help.as_deref()));
        }
        let inner = self.side()?;
        let Operand::Word(word) = inner.operand else {
            return Err(wrong(inner.span, "only the elements of a word can be counted", help.as_deref()));
        };
        if !matches!(word.term.gives, Type::List | Type::Any) {
            let what =
                format!("`{}` is {} and has no elements to count", inner.written, word.term.gives.words());
            return Err(wrong(inner.span, what, help.as_deref()));
        }
        let end = self.span().end;
        self.close(Kind::Close, opened)?;
        Ok(self.wrap(Operand::Count(word), start, end))
    }

    /// The rest of a word of the kind: its argument, if it takes one.
    fn word(&mut self, term: &'static Term, start: Range<usize>) -> Result<(Word, usize), Mistake> {
        let opened = self.span();
        let has_brackets = self.eat(Kind::Open);
        if term.takes == Takes::Nothing {
            if has_brackets {
                let what = format!("`{}` takes no brackets", term.name);
                return Err(wrong(opened, what, Some(&format!("write `{}`", term.name))));
            }
            return Ok((Word { written: term.name.to_owned(), term, argument: None }, start.end));
        }
        let help = format!("write it as in `{}`", term.written());
        if !has_brackets {
            let what = format!("`{}` wants a text in brackets", term.name);
            return Err(wrong(start, what, Some(&help)));
        }
        let place = self.span();
        let Kind::Text(written, quote) = self.peek() else {
            let what = format!("in the brackets of `{}` belongs a text in quotes", term.name);
            return Err(wrong(place, what, Some(&help)));
        };
        self.advance();
        let argument = match term.takes {
            Takes::JsonPath => Argument::JsonPath(path(&Known::raw(written, quote, &place))?),
            Takes::Text | Takes::Nothing => {
                let text = plain(written, quote);
                if text.trim().is_empty() {
                    return Err(wrong(
                        place,
                        format!("`{}` wants a text that is not empty", term.name),
                        Some(&help),
                    ));
                }
                Argument::Text(text)
            }
        };
        let end = self.span().end;
        self.close(Kind::Close, opened)?;
        let written = format!("{}({})", term.name, &self.text[place]);
        Ok((Word { written, term, argument: Some(argument) }, end))
    }

    fn unknown(&self, word: &str, span: Range<usize>) -> Mistake {
        let shown = crate::shape::shown(word);
        if RESERVED.contains(&word) {
            let what = format!("a word or a value is missing in front of `{shown}`");
            return wrong(span, what, self.sample().as_deref());
        }
        let names = self.terms.iter().map(|term| term.name);
        let known = names.clone().chain(["true", "false", "null", "count", "not"]);
        let help = match nearest(word, known) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => {
                let names: Vec<&str> = names.collect();
                format!("the words are {}; a text stands in quotes: '{shown}'", names.join(", "))
            }
        };
        Mistake { what: format!("there is no word `{shown}` here"), span, help: Some(help) }
    }
}

fn path(known: &Known) -> Result<JsonPath, Mistake> {
    let whole = known.inside(&(0..known.text.len()));
    if !known.text.starts_with('$') {
        return Err(wrong(whole, "a path into JSON begins with `$`", Some("write it as in '$.a.b'")));
    }
    let mut depth: usize = 0;
    for letter in known.text.chars() {
        match letter {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > PATH_DEPTH {
            let what = format!("more than {PATH_DEPTH} brackets within each other in a path into JSON");
            return Err(wrong(whole, what, None));
        }
    }
    JsonPath::parse(&known.text).map_err(|error| {
        let at = error.position().min(known.text.len());
        let letter = known.text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        let span = if letter == 0 { whole } else { known.inside(&(at..at + letter)) };
        let help = r#"write it as RFC 9535 does: '$.a.b', '$.list[0]', "$['a key']", '$.list[?@.id == 5]'"#;
        wrong(span, "this is no path into JSON", Some(help))
    })
}
