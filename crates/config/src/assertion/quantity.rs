//! Numbers, times and sizes, with the units of muster.toml: `200`, `0.5`, `800ms`, `1h 30m`, `10KiB`.

use muster_core::time::{Span, SpanError};

use super::lexer::Kind;
use crate::nearest::nearest;
use crate::pattern::Mistake;
use crate::shape::parse_size;

/// All units. Sizes come first, so that a slip such as `Mb` is taken for one.
const UNITS: [&str; 10] = ["B", "KiB", "MiB", "GiB", "TiB", "ms", "s", "m", "h", "d"];

/// Reads the number that begins at a byte, with its units, and gives the byte behind it.
///
/// # Errors
/// For a unit that is not known, a fraction of a unit, and what is beyond all bounds.
pub(super) fn read(text: &str, at: usize) -> Result<(Kind<'static>, usize), Mistake> {
    let start = if text[at..].starts_with('-') { at + 1 } else { at };
    let mut end = start + digits(&text[start..]);
    let mut is_fraction = false;
    if let Some(rest) = text[end..].strip_prefix('.')
        && digits(rest) > 0
    {
        is_fraction = true;
        end += 1 + digits(rest);
    }
    let number = end;
    while let Some(length) = unit(&text[end..]) {
        end += length;
        let gap = spaces(&text[end..]);
        match digits(&text[end + gap..]) {
            0 => break,
            more => end += gap + more,
        }
    }
    let wrong = |what: String, help: String| Mistake { what, span: at..end, help: Some(help) };
    if end == number {
        let value: f64 = text[at..end].parse().unwrap_or(f64::INFINITY);
        return if value.is_finite() {
            Ok((Kind::Number(value), end))
        } else {
            Err(wrong("the number is too large".into(), "write a smaller one".into()))
        };
    }
    let (written, quantity) = (&text[at..end], &text[start..end]);
    if is_fraction {
        return Err(wrong(
            format!("`{written}` is a fraction with a unit, and only whole numbers have units"),
            "use a smaller unit, such as 1500ms for one and a half seconds".into(),
        ));
    }
    match (quantity.parse::<Span>(), parse_size(quantity)) {
        (Ok(span), _) => {
            let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
            Ok((Kind::Time(if start > at { -millis } else { millis }), end))
        }
        (Err(_), Some(_)) if start > at => {
            Err(wrong("no size is below zero".into(), format!("write {quantity}")))
        }
        (Err(_), Some(bytes)) => Ok((Kind::Size(bytes), end)),
        (Err(SpanError::TooLong), None) => {
            Err(wrong("no time is longer than 10000 days".into(), "write a shorter one".into()))
        }
        (Err(SpanError::Unit(unit)), None) if !unit.is_empty() => Err(unknown(text, at..end, number, &unit)),
        (Err(SpanError::Unit(_) | SpanError::Shape), None) => Err(wrong(
            format!("`{written}` is no number"),
            "write it in full, without `_`, and with one unit at most: 1000, 800ms, 10KiB".into(),
        )),
    }
}

/// Blames the unit alone.
fn unknown(text: &str, whole: std::ops::Range<usize>, number: usize, unit: &str) -> Mistake {
    let span = match text[number..whole.end].find(unit) {
        Some(offset) => number + offset..number + offset + unit.len(),
        None => whole.clone(),
    };
    if UNITS.contains(&unit) {
        // A known size whose number is not one, or which stands in a sum.
        return Mistake {
            what: format!("`{}` is no size", &text[whole.clone()]),
            span: whole,
            help: Some("write a whole number with one unit, such as 10KiB".into()),
        };
    }
    let help = match nearest(unit, UNITS) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if unit == "e" || unit == "E" => "write the number in full".into(),
        None => "the units are ms, s, m, h, d for times and B, KiB, MiB, GiB, TiB for sizes".into(),
    };
    Mistake { what: format!("`{unit}` is no unit"), span, help: Some(help) }
}

/// The length of a unit that follows a number: whatever letters touch it, or a known unit behind spaces.
fn unit(rest: &str) -> Option<usize> {
    let letters = |text: &str| text.find(|c: char| !(c.is_alphabetic() || c == '_')).unwrap_or(text.len());
    let touching = letters(rest);
    if touching > 0 {
        return Some(touching);
    }
    let gap = spaces(rest);
    let word = letters(&rest[gap..]);
    UNITS.contains(&&rest[gap..gap + word]).then_some(gap + word)
}

fn digits(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len())
}

fn spaces(text: &str) -> usize {
    text.find(|c: char| !c.is_whitespace()).unwrap_or(text.len())
}
