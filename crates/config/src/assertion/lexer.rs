//! An assertion cut into tokens.
//!
//! A text stands in `'…'` or `"…"`. A backslash stands for itself, so that a pattern can be written as it is; only in
//! front of the quote that would end the text it takes the quote's meaning away.

use std::ops::Range;

use super::quantity;
use crate::pattern::Mistake;

/// One token and its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token<'t> {
    /// What it is.
    pub(super) kind: Kind<'t>,
    /// Where it stands.
    pub(super) span: Range<usize>,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind<'t> {
    /// A word of the language or of the kind, known or not.
    Word(&'t str),
    /// What stands between two quotes, as written.
    Text(&'t str, char),
    /// A number without a unit.
    Number(f64),
    /// A length of time in milliseconds.
    Time(i64),
    /// A number of bytes.
    Size(u64),
    /// A comparison.
    Compare(How),
    /// `(`
    Open,
    /// `)`
    Close,
    /// `[`
    OpenList,
    /// `]`
    CloseList,
    /// `,`
    Comma,
    /// The end of the text.
    End,
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// `==`
    Equal,
    /// `!=`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
}

impl How {
    /// True for those that need an order.
    pub(super) fn is_ordered(self) -> bool {
        !matches!(self, Self::Equal | Self::Unequal)
    }
}

/// Signs of other languages and what they are here; longer ones first.
const FOREIGN: &[(&str, &str)] = &[
    ("===", "=="),
    ("!==", "!="),
    ("<>", "!="),
    ("=~", "matches"),
    ("!~", "not … matches"),
    ("&&", "and"),
    ("||", "or"),
    ("=>", ">="),
    ("=<", "<="),
    ("≥", ">="),
    ("≤", "<="),
    ("≠", "!="),
    ("&", "and"),
    ("|", "or"),
    ("!", "not"),
    ("=", "=="),
    ("‘", "'"),
    ("’", "'"),
    ("“", "\""),
    ("”", "\""),
    ("{", "("),
    ("}", ")"),
];

const SIGNS: &[(&str, Kind<'static>)] = &[
    ("==", Kind::Compare(How::Equal)),
    ("!=", Kind::Compare(How::Unequal)),
    ("<=", Kind::Compare(How::AtMost)),
    (">=", Kind::Compare(How::AtLeast)),
    ("<", Kind::Compare(How::Less)),
    (">", Kind::Compare(How::More)),
    ("(", Kind::Open),
    (")", Kind::Close),
    ("[", Kind::OpenList),
    ("]", Kind::CloseList),
    (",", Kind::Comma),
];

/// Cuts a text; the last token is the end.
///
/// # Errors
/// With the place of the first mistake.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, Mistake> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(letter) = text[at..].chars().next() {
        if letter.is_whitespace() {
            at += letter.len_utf8();
            continue;
        }
        let token = token(text, at, letter)?;
        at = token.span.end;
        found.push(token);
    }
    found.push(Token { kind: Kind::End, span: text.len()..text.len() });
    Ok(found)
}

fn token(text: &str, at: usize, letter: char) -> Result<Token<'_>, Mistake> {
    let rest = &text[at..];
    if letter == '\'' || letter == '"' {
        return quoted(text, at, letter);
    }
    let is_negative = letter == '-' && rest[1..].starts_with(|c: char| c.is_ascii_digit());
    if letter.is_ascii_digit() || is_negative {
        let (kind, end) = quantity::read(text, at)?;
        return Ok(Token { kind, span: at..end });
    }
    if letter.is_alphabetic() || letter == '_' {
        let length = rest.find(|c: char| !(c.is_alphanumeric() || "_.-".contains(c))).unwrap_or(rest.len());
        return Ok(Token { kind: Kind::Word(&rest[..length]), span: at..at + length });
    }
    let foreign = FOREIGN.iter().find(|(sign, _)| rest.starts_with(sign));
    let own = SIGNS.iter().find(|(sign, _)| rest.starts_with(sign));
    match (own, foreign) {
        (Some((sign, kind)), other) if other.is_none_or(|(foreign, _)| foreign.len() <= sign.len()) => {
            Ok(Token { kind: *kind, span: at..at + sign.len() })
        }
        (_, Some((sign, meant))) => Err(Mistake {
            what: format!("`{sign}` has no meaning here"),
            span: at..at + sign.len(),
            help: Some(format!("write `{meant}`")),
        }),
        _ => Err(Mistake {
            what: format!("`{}` has no meaning here", letter.escape_debug()),
            span: at..at + letter.len_utf8(),
            help: (letter == '%').then(|| "write the number alone".into()),
        }),
    }
}

fn quoted(text: &str, at: usize, quote: char) -> Result<Token<'_>, Mistake> {
    let inside = at + 1;
    let mut letters = text[inside..].char_indices();
    while let Some((offset, letter)) = letters.next() {
        if letter == '\\' {
            letters.next();
        } else if letter == quote {
            let end = inside + offset;
            return Ok(Token { kind: Kind::Text(&text[inside..end], quote), span: at..end + 1 });
        }
    }
    Err(Mistake {
        what: "the text is not closed".into(),
        span: at..inside,
        help: Some(format!("close it with {quote}")),
    })
}

/// What a quoted text says: `\'` is `'` (if that is the quote), `\\` is `\`, and any other backslash stands for itself.
pub(super) fn plain(written: &str, quote: char) -> String {
    unescape(written, |next| next == quote || next == '\\')
}

/// As [`plain`] for patterns and paths, in which a backslash has a meaning of its own: only the quote is freed of it.
pub(super) fn raw(written: &str, quote: char) -> String {
    unescape(written, |next| next == quote)
}

fn unescape(written: &str, is_freed: impl Fn(char) -> bool) -> String {
    let mut text = String::with_capacity(written.len());
    let mut letters = written.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            text.push(letter);
            continue;
        }
        match letters.next() {
            Some(next) if is_freed(next) => text.push(next),
            Some(next) => text.extend(['\\', next]),
            None => text.push('\\'),
        }
    }
    text
}
