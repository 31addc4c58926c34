//! Where in the file a part of a decoded string lies.

use std::ops::Range;

use super::{Node, Value};

/// The bytes of the file that a part of a text value was written as; the whole value if that cannot be told.
pub fn inside(source: &str, node: &Node, part: &Range<usize>) -> Range<usize> {
    let found = || {
        let Value::Text(text) = &node.value else { return None };
        if text.is_empty() || part.start > part.end || part.end > text.len() {
            return None;
        }
        let written = source.get(node.span.clone())?;
        let places = places(written, text)?;
        let (start, end) = (*places.get(part.start)?, *places.get(part.end)?);
        // An empty range at the end of the text still needs one byte to stand on: the closing quote.
        Some(node.span.start + start..node.span.start + end.max(start + 1))
    };
    found().unwrap_or_else(|| node.span.clone())
}

/// For each byte of a text and for its end, the byte of the literal from which it was read.
fn places(written: &str, text: &str) -> Option<Vec<usize>> {
    let quote = written.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let fence = quote.to_string().repeat(3);
    let mut at = if written.len() >= 6 && written.starts_with(&fence) { 3 } else { 1 };
    if at == 3 {
        // A line end right behind the quotes belongs to no text.
        at += written[at..].strip_prefix("\r\n").map_or(usize::from(written[at..].starts_with('\n')), |_| 2);
    }
    let mut places = Vec::with_capacity(text.len() + 1);
    for letter in text.chars() {
        let length = if quote == '"' {
            // A backslash at the end of a line swallows the white space up to the next letter.
            while let Some(rest) = written.get(at..)?.strip_prefix('\\')
                && rest.trim_start_matches([' ', '\t']).starts_with(['\r', '\n'])
            {
                at += 1 + rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
            }
            escaped(written.get(at..)?, letter)
        } else {
            None
        };
        let length = match length {
            Some(length) => length,
            None if written.get(at..)?.starts_with(letter) => letter.len_utf8(),
            // The library makes one line end of two bytes.
            None if letter == '\n' && written.get(at..)?.starts_with("\r\n") => 2,
            None => return None,
        };
        places.extend(std::iter::repeat_n(at, letter.len_utf8()));
        at += length;
    }
    places.push(at);
    Some(places)
}

/// The length of the escape that stands for a letter (TOML 1.1), if one stands there.
fn escaped(rest: &str, letter: char) -> Option<usize> {
    let behind = rest.strip_prefix('\\')?;
    let digits = match behind.chars().next()? {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => return Some(2),
    };
    let number = u32::from_str_radix(behind.get(1..=digits)?, 16).ok()?;
    (char::from_u32(number) == Some(letter)).then_some(2 + digits)
}
