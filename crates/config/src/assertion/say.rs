//! What was seen, in words.

use muster_core::time::Span;
use muster_core::words;

use super::expression::Operand;
use super::facts::{Unseen, Value};
use super::judge::{Looked, SEEN_LIMIT};
use crate::shape::shown;

/// Most elements of a list that are shown.
const ELEMENTS: usize = 8;

/// What was seen of one side: `status was 503`. Nothing for a value that stands in the assertion itself. `beside` is
/// what it is compared with: if both read the same and are not, the exact value is said.
pub(super) fn seen(operand: &Operand, looked: &Looked<'_>, beside: Option<&Value>) -> Option<String> {
    let written = shown(&operand.written()?);
    Some(cut(match looked {
        Ok(found) => {
            let mut words = value(found);
            if beside.is_some_and(|beside| beside != found.as_ref() && value(beside) == words) {
                words = exact(found);
            }
            format!("{written} was {words}")
        }
        Err(Unseen::Absent(why)) if why.is_empty() => format!("{written} is not there"),
        Err(Unseen::Absent(why)) => format!("{written} is not there: {}", words::harmless(why)),
        Err(Unseen::Hidden(why)) if why.is_empty() => format!("{written} could not be seen"),
        Err(Unseen::Hidden(why)) => words::harmless(why),
    }))
}

/// Adds that a value is of a kind that cannot be judged here.
pub(super) fn unlike(line: &str, found: &Value, beside: Option<&Value>) -> String {
    let kind = found.words();
    let why = match beside.map(Value::words) {
        Some(other) if other != kind => format!("{kind} is not compared with {other}"),
        _ => format!("{kind} is not compared like this"),
    };
    // The reason must not be what is cut off.
    let room = SEEN_LIMIT.saturating_sub(why.chars().count() + 2);
    format!("{}: {why}", cut_to(line, room))
}

/// A value as the assertion would write it, rounded as people say it.
fn value(value: &Value) -> String {
    match value {
        Value::Nothing => "null".into(),
        Value::Flag(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Time(millis) => time(*millis, words::length),
        Value::Size(bytes) => words::size(*bytes),
        Value::Text(text) => {
            // More cannot be shown, and a body may be long.
            let start: String = text.chars().take(SEEN_LIMIT).collect();
            format!("'{}'", words::harmless(&start))
        }
        Value::List(items) => {
            let mut shown: Vec<String> = items.iter().take(ELEMENTS).map(self::value).collect();
            if items.len() > ELEMENTS {
                shown.push(format!("… {} in all", items.len()));
            }
            format!("[{}]", shown.join(", "))
        }
    }
}

/// As [`value`], to the last millisecond and byte.
fn exact(value: &Value) -> String {
    match value {
        Value::Time(millis) => time(*millis, every_unit),
        Value::Size(bytes) => format!("{bytes} B"),
        other => self::value(other),
    }
}

fn time(millis: i64, say: impl Fn(Span) -> String) -> String {
    let sign = if millis < 0 { "-" } else { "" };
    format!("{sign}{}", say(Span::millis(millis.unsigned_abs())))
}

fn every_unit(span: Span) -> String {
    let mut rest = span.as_millis();
    let mut parts = Vec::new();
    for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
        if rest >= size {
            parts.push(format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    parts.join(" ")
}

fn cut(line: String) -> String {
    cut_to(&line, SEEN_LIMIT)
}

fn cut_to(line: &str, most: usize) -> String {
    match line.char_indices().nth(most) {
        Some(_) => line.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
        None => line.to_owned(),
    }
}
