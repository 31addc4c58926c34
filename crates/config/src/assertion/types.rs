//! Which values can be compared with which. What can never hold is refused when the configuration is read.

use std::ops::Range;

use muster_core::time::Span;

use super::expression::Operand;
use super::facts::Value;
use super::lexer::How;
use super::operand::Side;
use super::parse::wrong;
use super::term::Type;
use crate::pattern::Mistake;
use crate::shape::parse_size;

/// Judges `left == right` and its like; `sign` is the place of the comparison.
pub(super) fn compare(left: &Side, how: How, sign: &Range<usize>, right: &Side) -> Result<(), Mistake> {
    if left.operand.is_known() && right.operand.is_known() {
        return Err(nothing_looked_at(left.span.start..right.span.end));
    }
    like(left, right)?;
    let ordered = |side: &Side| {
        matches!(side.operand.gives(), Some(Type::Number | Type::Time | Type::Size | Type::Any))
    };
    match [left, right].into_iter().find(|side| !ordered(side)) {
        Some(side) if how.is_ordered() => Err(Mistake {
            what: format!("{} has no order", words(side.operand.gives())),
            span: sign.clone(),
            help: Some(match side.operand.gives() {
                Some(Type::Text) => "compare with ==, !=, in […], contains or matches".into(),
                _ => "compare with == or !=".into(),
            }),
        }),
        _ => Ok(()),
    }
}

/// Judges one value of `left in [item, …]`.
pub(super) fn item(left: &Side, item: &Side) -> Result<(), Mistake> {
    if !item.operand.is_known() {
        let what = format!("`{}` is no value, and a list holds values only", item.written);
        return Err(wrong(item.span.clone(), what, Some("compare words with == and join them with `or`")));
    }
    if left.operand.is_known() {
        return Err(nothing_looked_at(left.span.clone()));
    }
    like(left, item)
}

/// Judges `left contains right`.
pub(super) fn contains(left: &Side, right: &Side) -> Result<(), Mistake> {
    if left.operand.is_known() {
        return Err(nothing_looked_at(left.span.clone()));
    }
    if matches!(&right.operand, Operand::Known(Value::Text(text)) if text.is_empty()) {
        return Err(wrong(right.span.clone(), "every text contains the empty one", None));
    }
    match (left.operand.gives(), right.operand.gives()) {
        (Some(Type::Text | Type::List), Some(Type::Text | Type::Any))
        | (Some(Type::Any), Some(Type::Text | Type::Any | Type::Number | Type::Flag)) => Ok(()),
        (Some(Type::Text | Type::List | Type::Any), _) => Err(Mistake {
            what: format!("`{}` cannot contain {}", left.written, words(right.operand.gives())),
            span: right.span.clone(),
            help: right.operand.is_known().then(|| format!("put it into quotes: '{}'", right.written)),
        }),
        (gives, _) => Err(wrong(
            left.span.clone(),
            format!("`{}` is {} and contains nothing", left.written, words(gives)),
            Some("compare it with ==, <, > or in […]"),
        )),
    }
}

/// Judges the left side of `left matches '…'`.
pub(super) fn matches(left: &Side) -> Result<(), Mistake> {
    if left.operand.is_known() {
        return Err(nothing_looked_at(left.span.clone()));
    }
    match left.operand.gives() {
        Some(Type::Text | Type::List | Type::Any) => Ok(()),
        gives => Err(wrong(
            left.span.clone(),
            format!("`{}` is {}, and only a text can match", left.written, words(gives)),
            Some("compare it with ==, <, > or in […]"),
        )),
    }
}

/// Judges the left side of `left exists`.
pub(super) fn exists(left: &Side) -> Result<(), Mistake> {
    match left.operand {
        Operand::Word(_) => Ok(()),
        Operand::Count(_) => {
            Err(wrong(left.span.clone(), "a count is always there", Some("write it as in `count(…) > 0`")))
        }
        Operand::Known(_) => Err(nothing_looked_at(left.span.clone())),
    }
}

/// Judges a side that stands alone.
pub(super) fn holds(left: &Side) -> Result<(), Mistake> {
    match &left.operand {
        Operand::Word(word) if word.term.gives == Type::Flag => Ok(()),
        Operand::Word(word) => Err(Mistake {
            what: format!("`{}` alone is not true or false", left.written),
            span: left.span.clone(),
            help: Some(format!("compare it, as in `{}`", word.term.example)),
        }),
        Operand::Count(_) => Err(wrong(
            left.span.clone(),
            format!("`{}` alone is not true or false", left.written),
            Some("compare it, as in `count(…) > 0`"),
        )),
        Operand::Known(_) => Err(nothing_looked_at(left.span.clone())),
    }
}

/// Refuses two sides that can never be alike; the one that stands in the assertion itself is blamed.
fn like(left: &Side, right: &Side) -> Result<(), Mistake> {
    let (value, other) = if left.operand.is_known() { (left, right) } else { (right, left) };
    let (gives, wants) = (value.operand.gives(), other.operand.gives());
    for side in [left, right] {
        if side.operand.gives() == Some(Type::List) {
            let what = format!("`{}` is a list, which is compared with nothing", side.written);
            let help = format!("write `{0} contains …` or `count({0}) …`", side.written);
            return Err(wrong(side.span.clone(), what, Some(&help)));
        }
    }
    match (gives, wants) {
        (gives, wants) if gives == wants => Ok(()),
        (_, Some(Type::Any)) | (Some(Type::Any), _) => Ok(()),
        (None, _) => {
            let help = format!("to ask whether it is there, write `{} exists`", other.written);
            Err(wrong(value.span.clone(), format!("`{}` is never null", other.written), Some(&help)))
        }
        _ => Err(Mistake {
            what: format!(
                "`{}` is {}, and {} is {}",
                other.written,
                words(wants),
                if value.operand.is_known() { value.written.clone() } else { format!("`{}`", value.written) },
                words(gives)
            ),
            span: value.span.clone(),
            help: instead(wants, value),
        }),
    }
}

/// What to write in place of a value of the wrong type.
fn instead(wants: Option<Type>, value: &Side) -> Option<String> {
    let Operand::Known(known) = &value.operand else { return None };
    let written = value.written.as_str();
    let unquoted = match known {
        Value::Text(text) => text.trim(),
        _ => written,
    };
    let is_whole = unquoted.strip_prefix('-').unwrap_or(unquoted).bytes().all(|byte| byte.is_ascii_digit())
        && !unquoted.is_empty();
    let is_text = matches!(known, Value::Text(_));
    Some(match wants? {
        Type::Time if is_whole => format!("write the unit: {unquoted}ms or {unquoted}s"),
        Type::Time if is_text && unquoted.parse::<Span>().is_ok() => {
            format!("write it without quotes: {unquoted}")
        }
        Type::Time => "write a number with a unit, such as 800ms, 10s or 14d".into(),
        Type::Size if is_whole => format!("write the unit: {unquoted}B or {unquoted}KiB"),
        Type::Size if is_text && parse_size(unquoted).is_some() => {
            format!("write it without quotes: {unquoted}")
        }
        Type::Size => "write a number with a unit, such as 10KiB".into(),
        Type::Number if is_text && unquoted.parse::<f64>().is_ok_and(f64::is_finite) => {
            format!("write it without quotes: {unquoted}")
        }
        Type::Number => "write a number without quotes or unit, such as 200".into(),
        Type::Flag => "write true or false".into(),
        Type::Text => format!("put it into quotes: '{written}'"),
        Type::List | Type::Any => return None,
    })
}

fn nothing_looked_at(span: Range<usize>) -> Mistake {
    wrong(
        span,
        "nothing that was looked at stands here, so it is always the same",
        Some("put a word on the left and a value on the right"),
    )
}

fn words(gives: Option<Type>) -> &'static str {
    gives.map_or("null", Type::words)
}
