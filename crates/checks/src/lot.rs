//! Things of one sort, such as files or the objects of a store: which one of them is looked at, how fast they grow, and what
//! the keys that their kinds share demand of them.

pub(crate) mod rules;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use muster_config::assertion::Assertion;
use muster_config::assertion::facts::{Unseen, Value};
use muster_config::field::{Field, LONGEST, SECOND, Shape};
use muster_core::time::Timestamp;
use muster_core::words::{length, size};

use self::rules::Judged;
use crate::notebook::Notebook;
use crate::probe::{Class, Miss};

/// Most of one thing that is read, in bytes.
pub(crate) const BODY: usize = 1 << 20;

/// `max_age`.
pub(crate) const MAX_AGE: Field = Field::new(
    "max_age",
    Shape::Duration(SECOND, LONGEST),
    "How long ago it may have been modified at most. A time more than a minute in the future is bad as well.",
    "\"26h\"",
);
/// `min_size`.
pub(crate) const MIN_SIZE: Field = Field::new("min_size", Shape::Size(1), "Its least size.", "\"10KiB\"");
/// `max_size`.
pub(crate) const MAX_SIZE: Field = Field::new("max_size", Shape::Size(1), "Its largest size.", "\"2GiB\"");
/// `contains`.
pub(crate) const CONTAINS: Field = Field::new(
    "contains",
    Shape::List(&Shape::Text, 1),
    "Texts that must stand in it, upper and lower case as written. Content is read up to 1 MiB; beyond that the check is \
     blind where it makes a difference.",
    "[\"## Current state\"]",
);
/// `lacks`.
pub(crate) const LACKS: Field =
    Field::new("lacks", Shape::List(&Shape::Text, 1), "Texts that may not stand in it.", "[\"TODO\"]");

/// What `max_growth` holds.
pub(crate) const GROWTH: &[Field] = &[
    Field::new("size", Shape::Size(1), "How much at most.", "\"2MiB\"").required(),
    Field::new("per", Shape::Duration(SECOND, LONGEST), "In how long.", "\"1m\"").required(),
];

/// Why nothing is said of growth at the first look.
const FIRST_LOOK: &str = "how fast it grows is known from the next look on";

/// Which of several things it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Newest,
    Oldest,
    Largest,
    Smallest,
}

impl Which {
    /// As people write them, in the order of [`Which::of`].
    pub(crate) const WORDS: &'static [&'static str] = &["newest", "oldest", "largest", "smallest"];

    pub(crate) fn of(word: &str) -> Self {
        match word {
            "oldest" => Self::Oldest,
            "largest" => Self::Largest,
            "smallest" => Self::Smallest,
            _ => Self::Newest,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Oldest => "oldest",
            Self::Largest => "largest",
            Self::Smallest => "smallest",
        }
    }

    /// True if this one is rather meant than that one: each by time, size and name. Of equal ones, the one whose name comes
    /// first.
    pub(crate) fn prefers<T: Ord, N: Ord + ?Sized>(self, this: (T, u64, &N), that: (T, u64, &N)) -> bool {
        let order = match self {
            Self::Newest => that.0.cmp(&this.0),
            Self::Oldest => this.0.cmp(&that.0),
            Self::Largest => that.1.cmp(&this.1),
            Self::Smallest => this.1.cmp(&that.1),
        };
        order.then_with(|| this.2.cmp(that.2)).is_lt()
    }
}

/// Content as far as it was read.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    /// There is more of it.
    pub(crate) is_cut: bool,
}

/// What was found, as the rules see it.
#[derive(Debug)]
pub(crate) struct Lot<'a> {
    /// How many there are.
    pub(crate) count: u64,
    /// The one that is looked at.
    pub(crate) one: Option<One<'a>>,
    /// Why there is none, as far as that is known: behind "there is none".
    pub(crate) hint: &'a str,
    /// What it is compared with, and how that is called.
    pub(crate) template: Option<(&'a str, &'a Body)>,
}

/// The thing that is looked at.
#[derive(Debug)]
pub(crate) struct One<'a> {
    pub(crate) name: String,
    pub(crate) modified: Timestamp,
    pub(crate) size: u64,
    /// Its content, where that is asked for.
    pub(crate) body: Option<&'a Body>,
}

/// How fast all of them grow, from one look to the next. It is kept in memory only.
#[derive(Debug, Default)]
pub(crate) struct Growth(Mutex<Option<(Instant, u64)>>);

impl Growth {
    /// Bytes for each minute since the look before. Two looks within a second are one.
    pub(crate) fn measure(&self, bytes: u64, now: Instant) -> Option<f64> {
        let mut earlier = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((before, had)) = *earlier else {
            *earlier = Some((now, bytes));
            return None;
        };
        let took = now.saturating_duration_since(before);
        if took < Duration::from_secs(1) {
            return None;
        }
        *earlier = Some((now, bytes));
        Some(bytes.saturating_sub(had) as f64 * 60.0 / took.as_secs_f64())
    }
}

/// Writes down what is known of all of them; `word` is how their number is called.
pub(crate) fn note_all(notebook: &Notebook, word: &'static str, count: u64, bytes: u64, growth: Option<f64>) {
    notebook.fact(word, Value::Number(count as f64));
    notebook.fact("total", Value::Size(bytes));
    match growth {
        Some(growth) => notebook.fact("growth", Value::Size(growth as u64)),
        None => notebook.lacks("growth", Unseen::Hidden("this was the first look".into())),
    }
}

/// Writes down how old and how large the one is that is looked at.
pub(crate) fn note_age(notebook: &Notebook, name: &str, modified: Timestamp, bytes: u64, now: Timestamp) {
    match rules::age(modified, now) {
        Ok(age) => {
            notebook.say(format!("{name}: {} old, {}", length(age), size(bytes)));
            notebook.fact("age", Value::Time(i64::try_from(age.as_millis()).unwrap_or(i64::MAX)));
        }
        Err(ahead) => notebook.lacks("age", Unseen::Hidden(rules::ahead(name, ahead))),
    }
}

/// Writes down its content, as far as it was read.
pub(crate) fn note_body(notebook: &Notebook, body: Option<&Body>) {
    if let Some(body) = body {
        notebook.body(body.bytes.clone(), body.is_cut.then_some(BODY));
    }
}

/// What a look comes to: something that is bad goes before something that is not known.
pub(crate) fn verdict(
    judged: Judged,
    is_there: bool,
    growth: Option<f64>,
    assertions: &[Assertion],
) -> Result<(), Miss> {
    if !judged.unmet.is_empty() {
        let class = if is_there { Class::Unmet } else { Class::Absent };
        return Err(Miss::down(class, judged.unmet.join("; ")));
    }
    if let Some(why) = judged.blind {
        return Err(Miss::blind(why));
    }
    if growth.is_none() && assertions.iter().any(|one| one.asks("growth")) {
        return Err(Miss::blind(FIRST_LOOK));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_known_from_the_second_look_on_and_shrinking_is_none() {
        let (growth, start) = (Growth::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs_f64(seconds);
        assert_eq!(growth.measure(1000, at(0.0)), None);
        assert_eq!(growth.measure(9000, at(0.5)), None, "two looks within a second are one");
        assert_eq!(growth.measure(1600, at(60.0)), Some(600.0));
        assert_eq!(growth.measure(10, at(90.0)), Some(0.0));
        assert_eq!(growth.measure(40, at(120.0)), Some(60.0));
    }

    #[test]
    fn the_one_that_is_meant_is_found_whatever_the_order() {
        let things = [(3, 10, "b"), (1, 30, "a"), (3, 20, "c"), (2, 10, "d")];
        for (which, name) in
            [(Which::Newest, "b"), (Which::Oldest, "a"), (Which::Largest, "a"), (Which::Smallest, "b")]
        {
            for turn in 0..things.len() {
                let mut turned = things;
                turned.rotate_left(turn);
                let best =
                    turned.into_iter().reduce(|best, one| if which.prefers(one, best) { one } else { best });
                assert_eq!(best.map(|one| one.2), Some(name), "{which:?}");
            }
        }
    }
}
