//! Tokens to an expression: `or` binds least, then `and`, then `not`, then the comparisons, which cannot be chained.
//!
//! Each token is looked at once, and brackets and `not` are counted, so that no text takes long or goes deep.

use regex::bytes::Regex;

use super::expression::{Claim, Expression, Operand};
use super::lexer::{Kind, Token, tokens};
use super::operand::{Known, Side};
use super::term::Term;
use super::types;
use crate::nearest::nearest;
use crate::pattern::{self, Mistake};

/// Longest assertion, in bytes.
pub const LENGTH_LIMIT: usize = 4096;
/// Most brackets and `not` around a claim.
pub const DEPTH_LIMIT: usize = 16;

/// Words that join and compare.
const JOINTS: [&str; 6] = ["and", "or", "in", "contains", "matches", "exists"];

/// Reads a whole assertion.
///
/// # Errors
/// With the place of the first mistake.
pub(super) fn parse(text: &str, terms: &'static [Term]) -> Result<Expression, Mistake> {
    let mut parser = Parser::over(text, terms)?;
    if parser.peek() == Kind::End {
        let help = terms.first().map(|term| format!("write something like `{}`", term.example));
        return Err(Mistake { what: "expected an assertion".into(), span: 0..text.len(), help });
    }
    let whole = parser.any(0)?;
    match parser.peek() {
        Kind::End => Ok(whole),
        _ => Err(parser.leftover()),
    }
}

/// Reads one side alone, and the pattern that finds a part of it.
///
/// # Errors
/// As for [`parse`].
pub(super) fn capture(text: &str, terms: &'static [Term]) -> Result<(Operand, Option<Regex>), Mistake> {
    let mut parser = Parser::over(text, terms)?;
    let side = parser.side()?;
    if side.operand.is_known() {
        let sample = terms.first().map(|term| format!("write a word such as `{}`", term.written()));
        return Err(wrong(side.span, "a value of your own cannot be captured", sample.as_deref()));
    }
    let mut pattern = None;
    if parser.peek() == Kind::Word("matches") {
        parser.advance();
        types::matches(&side)?;
        let place = parser.span();
        let regex = parser.regex()?;
        if regex.captures_len() > 2 {
            let help = "write `(?:…)` for a group that is not captured";
            return Err(wrong(place, "more than one group: one part is captured", Some(help)));
        }
        pattern = Some(regex);
    }
    match parser.peek() {
        Kind::End => Ok((side.operand, pattern)),
        _ => {
            let help = format!("write `{0}`, or `{0} matches '…(…)…'` for a part of it", side.written);
            Err(wrong(parser.span(), "one word is captured, and nothing is compared", Some(&help)))
        }
    }
}

/// A mistake with fixed words.
pub(super) fn wrong(span: std::ops::Range<usize>, what: impl Into<String>, help: Option<&str>) -> Mistake {
    Mistake { what: what.into(), span, help: help.map(Into::into) }
}

/// What is read, and how far.
pub(super) struct Parser<'t> {
    /// The whole text.
    pub(super) text: &'t str,
    tokens: Vec<Token<'t>>,
    at: usize,
    /// The words of the kind.
    pub(super) terms: &'static [Term],
}

impl<'t> Parser<'t> {
    fn over(text: &'t str, terms: &'static [Term]) -> Result<Self, Mistake> {
        if text.len() > LENGTH_LIMIT {
            let help = "make several assertions of it, or write a shorter pattern";
            return Err(wrong(0..text.len(), "the assertion is longer than 4 KiB", Some(help)));
        }
        Ok(Self { text, tokens: tokens(text)?, at: 0, terms })
    }

    /// The next token's kind.
    pub(super) fn peek(&self) -> Kind<'t> {
        self.tokens.get(self.at).map_or(Kind::End, |token| token.kind)
    }

    /// The next token's place.
    pub(super) fn span(&self) -> std::ops::Range<usize> {
        self.tokens.get(self.at).map_or(self.text.len()..self.text.len(), |token| token.span.clone())
    }

    /// Takes the next token and gives its place; the end stays.
    pub(super) fn advance(&mut self) -> std::ops::Range<usize> {
        let span = self.span();
        self.at += 1;
        span
    }

    /// Takes the next token if it is this one.
    pub(super) fn eat(&mut self, kind: Kind<'_>) -> bool {
        let is_it = self.peek() == kind;
        if is_it {
            self.at += 1;
        }
        is_it
    }

    /// Takes what closes something, or blames what was opened.
    pub(super) fn close(&mut self, kind: Kind<'_>, opened: std::ops::Range<usize>) -> Result<(), Mistake> {
        if self.eat(kind) {
            return Ok(());
        }
        let (open, close) = if kind == Kind::CloseList { ("[", "]") } else { ("(", ")") };
        if self.peek() == Kind::End {
            let help = format!("close it with `{close}`");
            return Err(wrong(opened, format!("`{open}` is not closed"), Some(&help)));
        }
        let mut mistake = self.leftover();
        mistake.help = mistake.help.or_else(|| Some(format!("`{close}` is expected")));
        Err(mistake)
    }

    fn any(&mut self, depth: usize) -> Result<Expression, Mistake> {
        let first = self.all(depth)?;
        let mut parts = vec![first];
        while self.eat(Kind::Word("or")) {
            parts.push(self.all(depth)?);
        }
        Ok(joined(parts, Expression::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Expression, Mistake> {
        let first = self.negation(depth)?;
        let mut parts = vec![first];
        while self.eat(Kind::Word("and")) {
            parts.push(self.negation(depth)?);
        }
        Ok(joined(parts, Expression::All))
    }

    fn negation(&mut self, depth: usize) -> Result<Expression, Mistake> {
        if self.peek() != Kind::Word("not") {
            return self.claim(depth);
        }
        self.deeper(depth)?;
        self.advance();
        Ok(Expression::Not(Box::new(self.negation(depth + 1)?)))
    }

    fn deeper(&self, depth: usize) -> Result<(), Mistake> {
        if depth < DEPTH_LIMIT {
            return Ok(());
        }
        let what = format!("more than {DEPTH_LIMIT} brackets and `not` around each other");
        Err(wrong(self.span(), what, Some("make several assertions of it")))
    }

    fn claim(&mut self, depth: usize) -> Result<Expression, Mistake> {
        if self.peek() == Kind::Open {
            self.deeper(depth)?;
            let opened = self.advance();
            let inner = self.any(depth + 1)?;
            self.close(Kind::Close, opened)?;
            return Ok(inner);
        }
        let left = self.side()?;
        let claim = match self.peek() {
            Kind::Compare(how) => {
                let sign = self.advance();
                let right = self.side()?;
                types::compare(&left, how, &sign, &right)?;
                Claim::Compare(left.operand, how, right.operand)
            }
            Kind::Word("in") => {
                self.advance();
                self.list(left)?
            }
            Kind::Word("contains") => {
                self.advance();
                let right = self.side()?;
                types::contains(&left, &right)?;
                Claim::Contains(left.operand, right.operand)
            }
            Kind::Word("matches") => {
                self.advance();
                types::matches(&left)?;
                Claim::Matches(left.operand, self.regex()?)
            }
            Kind::Word("exists") => {
                types::exists(&left)?;
                self.advance();
                Claim::Exists(left.operand)
            }
            _ => return self.alone(left),
        };
        Ok(Expression::Claim(claim))
    }

    /// A word with nothing behind it holds or does not if it is a flag.
    fn alone(&mut self, left: Side) -> Result<Expression, Mistake> {
        match self.peek() {
            Kind::End | Kind::Close | Kind::Word("and" | "or") => {
                types::holds(&left)?;
                Ok(Expression::Claim(Claim::Holds(left.operand)))
            }
            Kind::Word("not") => Err(wrong(
                self.span(),
                "`not` stands in front of the whole comparison",
                Some(&format!("write `not {} …`", left.written)),
            )),
            _ => {
                let mut mistake = self.leftover();
                if mistake.help.as_deref().is_none_or(|help| !help.starts_with("did you mean")) {
                    mistake.help = Some(format!(
                        "behind `{}` belongs ==, !=, <, <=, >, >=, in […], contains, matches or exists",
                        left.written
                    ));
                }
                Err(mistake)
            }
        }
    }

    fn list(&mut self, left: Side) -> Result<Claim, Mistake> {
        let opened = self.span();
        if !self.eat(Kind::OpenList) {
            let help = match self.peek() {
                Kind::Word(word) if self.terms.iter().any(|term| term.name == word) => {
                    format!("for a list that was looked at, write `{word} contains …`")
                }
                _ => "write it as in `status in [200, 204]`".into(),
            };
            return Err(wrong(opened, "`in` wants a list of values in `[…]`", Some(&help)));
        }
        let mut values = Vec::new();
        while self.peek() != Kind::CloseList {
            let item = self.side()?;
            types::item(&left, &item)?;
            if let Operand::Known(value) = item.operand {
                values.push(value);
            }
            if !self.eat(Kind::Comma) {
                break;
            }
        }
        let end = self.span().end;
        self.close(Kind::CloseList, opened.clone())?;
        if values.is_empty() {
            return Err(wrong(
                opened.start..end,
                "nothing is in an empty list",
                Some("write values into it"),
            ));
        }
        Ok(Claim::In(left.operand, values))
    }

    fn regex(&mut self) -> Result<Regex, Mistake> {
        let span = self.span();
        let Kind::Text(written, quote) = self.peek() else {
            let help = r"write it as in `matches '\d+ rows'`";
            return Err(wrong(span, "`matches` wants a regular expression in quotes", Some(help)));
        };
        self.advance();
        let known = Known::raw(written, quote, &span);
        let regex = pattern::compile(&known.text).map_err(|mistake| Mistake {
            span: known.inside(&mistake.span),
            help: match mistake.help {
                Some(_) if mistake.what.contains("look-around") => {
                    Some("it would not be linear in time; say what must not match with `not`".into())
                }
                help => help,
            },
            what: mistake.what,
        })?;
        if known.text.is_empty() {
            return Err(wrong(span, "an empty expression matches everything", None));
        }
        Ok(regex)
    }

    /// Blames a token that cannot stand where it stands.
    pub(super) fn leftover(&self) -> Mistake {
        let span = self.span();
        let written = crate::shape::shown(&self.text[span.clone()]);
        let (what, help) = match self.peek() {
            Kind::Compare(_) => {
                ("comparisons cannot be chained".to_owned(), Some("join two of them with `and`".to_owned()))
            }
            Kind::Close | Kind::CloseList => (format!("`{written}` closes nothing"), None),
            Kind::End => ("the assertion ends too early".to_owned(), None),
            Kind::Word(word) => (
                format!("`{written}` is not expected here"),
                Some(match nearest(word, JOINTS) {
                    // Of two letters, one is no slip.
                    Some(meant) if meant != word && (word.len() > 2 || word.eq_ignore_ascii_case(meant)) => {
                        format!("did you mean `{meant}`?")
                    }
                    _ => "join two claims with `and` or `or`".to_owned(),
                }),
            ),
            _ => (
                format!("`{written}` is not expected here"),
                Some("join two claims with `and` or `or`".to_owned()),
            ),
        };
        Mistake { what, span, help }
    }
}

fn joined(mut parts: Vec<Expression>, make: fn(Vec<Expression>) -> Expression) -> Expression {
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            parts.extend(last);
            // Each check keeps its assertions.
            parts.shrink_to_fit();
            make(parts)
        }
    }
}
