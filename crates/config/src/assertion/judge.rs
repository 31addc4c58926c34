//! Judges an assertion by what was seen.
//!
//! A claim is met, unmet or **open**: something that it depends on is not there, was not looked at, or is of another
//! kind than the value it is compared with. Open is never green:
//!
//! | | |
//! |---|---|
//! | a whole assertion that is open | not met |
//! | `not` of something open | open: `not status == 500` is not met when there is no status |
//! | `and` with an unmet side | unmet, whatever the other is |
//! | `or` with a met side | met, whatever the other is |
//! | `exists` | unmet for what is absent, open for what is hidden |
//! | `count(…)` | 0 for what is absent, open for what is hidden, 1 for what is no list |
//! | `!= null`, `== null` | decided for every value that is there; open for what is absent |

use std::borrow::Cow;
use std::cmp::Ordering;

use super::expression::{Claim, Expression, Operand, Word};
use super::facts::{Facts, Unseen, Value};
use super::lexer::How;
use super::say;

/// What an assertion says about what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It is true.
    Met,
    /// It is not known to be true. What was seen of the words that this depends on, one sentence without a full stop
    /// for each, at most [`SEEN_LIMIT`] characters long: `status was 503`, `header('x') is not there`.
    Unmet(Vec<String>),
}

impl Judgement {
    /// True for [`Judgement::Met`].
    pub fn is_met(&self) -> bool {
        matches!(self, Self::Met)
    }
}

/// Most characters of one sentence about what was seen.
pub const SEEN_LIMIT: usize = 200;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Met,
    Unmet,
    Open,
}

impl Verdict {
    fn of(holds: bool) -> Self {
        if holds { Self::Met } else { Self::Unmet }
    }
}

/// A verdict, and what it rests on.
struct Finding {
    verdict: Verdict,
    seen: Vec<String>,
}

/// Judges a whole assertion.
pub(super) fn judge(expression: &Expression, facts: &dyn Facts) -> Judgement {
    let finding = find(expression, facts);
    if finding.verdict == Verdict::Met {
        return Judgement::Met;
    }
    let mut seen: Vec<String> = Vec::new();
    for line in finding.seen {
        if !seen.contains(&line) {
            seen.push(line);
        }
    }
    Judgement::Unmet(seen)
}

fn find(expression: &Expression, facts: &dyn Facts) -> Finding {
    match expression {
        Expression::Claim(claim) => claimed(claim, facts),
        Expression::Not(inner) => {
            let finding = find(inner, facts);
            let verdict = match finding.verdict {
                Verdict::Met => Verdict::Unmet,
                Verdict::Unmet => Verdict::Met,
                Verdict::Open => Verdict::Open,
            };
            Finding { verdict, ..finding }
        }
        Expression::All(parts) => gathered(parts, facts, Verdict::Unmet, Verdict::Met),
        Expression::Any(parts) => gathered(parts, facts, Verdict::Met, Verdict::Unmet),
    }
}

/// One part with the deciding verdict decides; else one that is open leaves all open. It rests on the parts that made
/// it so.
fn gathered(parts: &[Expression], facts: &dyn Facts, decides: Verdict, otherwise: Verdict) -> Finding {
    let findings: Vec<Finding> = parts.iter().map(|part| find(part, facts)).collect();
    let has = |verdict| findings.iter().any(|finding| finding.verdict == verdict);
    let verdict = match (has(decides), has(Verdict::Open)) {
        (true, _) => decides,
        (false, true) => Verdict::Open,
        (false, false) => otherwise,
    };
    // Of an `or` that is open, the sides that are unmet are of interest as well: either could have saved it.
    let is_telling = |finding: &Finding| {
        finding.verdict == verdict || (verdict == Verdict::Open && decides == Verdict::Met)
    };
    let seen = findings.into_iter().filter(is_telling).flat_map(|finding| finding.seen).collect();
    Finding { verdict, seen }
}

fn claimed(claim: &Claim, facts: &dyn Facts) -> Finding {
    match claim {
        Claim::Compare(left, how, right) => both(left, right, facts, |a, b| {
            let is_null_asked = matches!(left, Operand::Known(Value::Nothing))
                || matches!(right, Operand::Known(Value::Nothing));
            if is_null_asked { decide(*how, Relation::Same(a == b)) } else { decide(*how, relation(a, b)) }
        }),
        Claim::Contains(left, right) => both(left, right, facts, |a, b| match (a, b) {
            (Value::Text(text), Value::Text(part)) => Verdict::of(text.contains(part.as_str())),
            (Value::List(items), one) => {
                Verdict::of(items.iter().any(|item| decide(How::Equal, relation(item, one)) == Verdict::Met))
            }
            _ => Verdict::Open,
        }),
        Claim::In(one, values) => alone(one, facts, |value| {
            let verdicts = || values.iter().map(|item| decide(How::Equal, relation(value, item)));
            if verdicts().any(|verdict| verdict == Verdict::Met) {
                Verdict::Met
            } else if verdicts().any(|verdict| verdict == Verdict::Unmet) {
                Verdict::Unmet
            } else {
                Verdict::Open
            }
        }),
        Claim::Matches(one, regex) => alone(one, facts, |value| match value {
            Value::Text(text) => Verdict::of(regex.is_match(text.as_bytes())),
            Value::List(items) => Verdict::of(
                items.iter().any(|item| matches!(item, Value::Text(text) if regex.is_match(text.as_bytes()))),
            ),
            _ => Verdict::Open,
        }),
        Claim::Holds(one) => alone(one, facts, |value| match value {
            Value::Flag(flag) => Verdict::of(*flag),
            _ => Verdict::Open,
        }),
        Claim::Exists(one) => {
            let looked = look(one, facts);
            let verdict = match &looked {
                Ok(_) => Verdict::Met,
                Err(Unseen::Absent(_)) => Verdict::Unmet,
                Err(Unseen::Hidden(_)) => Verdict::Open,
            };
            Finding { verdict, seen: say::seen(one, &looked, None).into_iter().collect() }
        }
    }
}

/// A claim about one side.
fn alone(one: &Operand, facts: &dyn Facts, judge: impl Fn(&Value) -> Verdict) -> Finding {
    let looked = look(one, facts);
    let verdict = looked.as_ref().map_or(Verdict::Open, |value| judge(value));
    let mut seen: Vec<String> = say::seen(one, &looked, None).into_iter().collect();
    if let (Verdict::Open, Ok(value), Some(line)) = (verdict, &looked, seen.first_mut()) {
        *line = say::unlike(line, value, None);
    }
    Finding { verdict, seen }
}

/// A claim about two sides.
fn both(
    left: &Operand,
    right: &Operand,
    facts: &dyn Facts,
    judge: impl Fn(&Value, &Value) -> Verdict,
) -> Finding {
    let (a, b) = (look(left, facts), look(right, facts));
    let (verdict, is_unlike) = match (&a, &b) {
        (Ok(a), Ok(b)) => {
            let verdict = judge(a, b);
            (verdict, verdict == Verdict::Open)
        }
        _ => (Verdict::Open, false),
    };
    let mut seen = Vec::new();
    for (operand, own, other) in [(left, &a, &b), (right, &b, &a)] {
        let beside = other.as_ref().ok().map(|value| value.as_ref());
        let Some(line) = say::seen(operand, own, beside) else { continue };
        seen.push(match own {
            Ok(value) if is_unlike => say::unlike(&line, value, beside),
            _ => line,
        });
    }
    Finding { verdict, seen }
}

/// The value of a side.
pub(super) type Looked<'a> = Result<Cow<'a, Value>, Unseen>;

/// Looks at one side.
pub(super) fn look<'a>(operand: &'a Operand, facts: &dyn Facts) -> Looked<'a> {
    let ask = |word: &Word| facts.value(word.term.name, word.argument.as_ref());
    match operand {
        Operand::Known(value) => Ok(Cow::Borrowed(value)),
        Operand::Word(word) => ask(word).map(Cow::Owned),
        Operand::Count(word) => match ask(word) {
            Ok(Value::List(items)) => Ok(Cow::Owned(Value::Number(items.len() as f64))),
            Ok(_) => Ok(Cow::Owned(Value::Number(1.0))),
            Err(Unseen::Absent(_)) => Ok(Cow::Owned(Value::Number(0.0))),
            Err(hidden @ Unseen::Hidden(_)) => Err(hidden),
        },
    }
}

/// How two values stand to each other.
enum Relation {
    /// Both have an order.
    Ordered(Ordering),
    /// They can be the same or not.
    Same(bool),
    /// They are of different kinds.
    Unlike,
}

fn relation(left: &Value, right: &Value) -> Relation {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => a.partial_cmp(b).map_or(Relation::Unlike, Relation::Ordered),
        (Value::Time(a), Value::Time(b)) => Relation::Ordered(a.cmp(b)),
        (Value::Size(a), Value::Size(b)) => Relation::Ordered(a.cmp(b)),
        (Value::Text(a), Value::Text(b)) => Relation::Same(a == b),
        (Value::Flag(a), Value::Flag(b)) => Relation::Same(a == b),
        (Value::Nothing, Value::Nothing) => Relation::Same(true),
        _ => Relation::Unlike,
    }
}

fn decide(how: How, relation: Relation) -> Verdict {
    match (relation, how) {
        (Relation::Unlike, _) => Verdict::Open,
        (Relation::Same(same), How::Equal) => Verdict::of(same),
        (Relation::Same(same), How::Unequal) => Verdict::of(!same),
        (Relation::Same(_), How::Less | How::AtMost | How::More | How::AtLeast) => Verdict::Open,
        (Relation::Ordered(order), how) => Verdict::of(match how {
            How::Equal => order.is_eq(),
            How::Unequal => order.is_ne(),
            How::Less => order.is_lt(),
            How::AtMost => order.is_le(),
            How::More => order.is_gt(),
            How::AtLeast => order.is_ge(),
        }),
    }
}
