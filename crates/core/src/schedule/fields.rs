//! The five fields as bit sets, and their grammar: `crontab(5)` of Debian, read strictly.
//!
//! Strictly: what Debian's cron accepts and then ignores or never runs (`5/15`, `0 0 30 2 *`) is refused here, because
//! nobody means it.

use std::ops::Range;

use super::cron::ScheduleError;
use super::dialect;

/// What an expression matches. Bit n stands for the value n.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fields {
    /// Bits 0 to 59.
    pub(super) minutes: u64,
    /// Bits 0 to 23.
    pub(super) hours: u64,
    /// Bits 1 to 31.
    pub(super) days: u64,
    /// Bits 1 to 12.
    pub(super) months: u64,
    /// Bits 0 (Sunday) to 6.
    pub(super) weekdays: u64,
    /// Day of month and day of week must both match, because one of them starts with a star.
    pub(super) both_days: bool,
    /// Minute or hour starts with a star: the job follows the clock on the wall through daylight saving.
    pub(super) follows_clock: bool,
}

/// One of the five places.
pub(super) struct Place {
    pub(super) name: &'static str,
    pub(super) low: u8,
    pub(super) high: u8,
    /// Three-letter names, the first standing for `low`.
    pub(super) names: &'static [&'static str],
}

const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

pub(super) const PLACES: [Place; 5] = [
    Place { name: "minute", low: 0, high: 59, names: &[] },
    Place { name: "hour", low: 0, high: 23, names: &[] },
    Place { name: "day of month", low: 1, high: 31, names: &[] },
    Place { name: "month", low: 1, high: 12, names: MONTHS },
    Place { name: "day of week", low: 0, high: 7, names: WEEKDAYS },
];

/// The most days that each month can have, January first.
const LONGEST: [u8; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// The short forms and what they stand for.
const SHORT: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

impl Fields {
    /// Reads five fields or a short form.
    pub(super) fn parse(text: &str) -> Result<Self, ScheduleError> {
        let words = words(text);
        let Some(first) = words.first() else {
            return fault("an empty schedule", 0..text.len(), "for every night at two: \"0 2 * * *\"");
        };
        let first_word = &text[first.clone()];
        if first_word.starts_with('@') {
            return match Self::long_form(first_word) {
                Some(long) if words.len() == 1 => Self::parse(long),
                Some(_) => fault(
                    format!("words after {first_word}"),
                    first.end..text.trim_end().len(),
                    "the schedule ends here; a command does not belong to it",
                ),
                None => {
                    let (what, help) = dialect::short_form(first_word);
                    fault(what, first.clone(), help)
                }
            };
        }
        if words.len() != 5 || first_word.contains('=') {
            let (what, help) = dialect::field_count(text, &words);
            return fault(what, first.start..text.trim_end().len(), help);
        }
        let mut sets = [0_u64; 5];
        for ((set, place), span) in sets.iter_mut().zip(&PLACES).zip(&words) {
            *set = place.list(text, span.clone())?;
        }
        let [minutes, hours, days, months, weekdays] = sets;
        let starred = |at: usize| text[words[at].clone()].starts_with('*');
        let fields = Self {
            minutes,
            hours,
            days,
            months,
            // Seven is Sunday too.
            weekdays: (weekdays | weekdays >> 7) & 0x7f,
            both_days: starred(2) || starred(4),
            follows_clock: starred(0) || starred(1),
        };
        if fields.both_days && !fields.has_a_day() {
            return fault(
                "a schedule that never comes: none of its months has such a day",
                words[2].start..words[3].end,
                "write a day that exists, such as \"28\" for the end of February",
            );
        }
        Ok(fields)
    }

    /// What a short form stands for.
    pub(super) fn long_form(text: &str) -> Option<&'static str> {
        SHORT.iter().find(|(short, _)| *short == text.trim()).map(|(_, long)| *long)
    }

    /// Some month has one of the days. Every date of the calendar falls on every day of the week some year, so the day
    /// of week cannot rule a date out.
    fn has_a_day(&self) -> bool {
        (1..=12_u8)
            .zip(LONGEST)
            .any(|(month, longest)| self.months >> month & 1 == 1 && self.days & up_to(longest) != 0)
    }
}

impl Place {
    /// A list: `1,2-5,*/10`.
    fn list(&self, text: &str, span: Range<usize>) -> Result<u64, ScheduleError> {
        let word = &text[span.clone()];
        if let Some((what, help)) = dialect::field(word, self) {
            return fault(what, span, help);
        }
        let mut set = 0;
        let mut start = span.start;
        for item in word.split(',') {
            set |= self.item(item, start)?;
            start += item.len() + 1;
        }
        Ok(set)
    }

    /// One item of a list: a star, a value or a range, the first and the last with an optional step.
    fn item(&self, item: &str, start: usize) -> Result<u64, ScheduleError> {
        let all = start..start + item.len();
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (item, None),
        };
        let (low, high) = if range == "*" {
            (self.low, self.high)
        } else if let Some((low, high)) = range.split_once('-') {
            (self.value(low, start)?, self.value(high, start + low.len() + 1)?)
        } else {
            let value = self.value(range, start)?;
            if let Some(step) = step {
                return fault(
                    format!("a step after a single value: Debian's cron ignores the \"/{step}\""),
                    all,
                    format!("for \"from {range} on\" write \"{range}-{}/{step}\"", self.high),
                );
            }
            (value, value)
        };
        if low > high {
            return fault(
                format!("a range that runs backwards: {range}"),
                all,
                if self.name == "day of week" && high == 0 {
                    format!("Sunday at the end of a range is 7: write \"{low}-7\"")
                } else {
                    format!("write two ranges: \"{low}-{},{}-{high}\"", self.high, self.low)
                },
            );
        }
        let step = match step {
            None => 1,
            Some(step) => {
                let place = start + range.len() + 1;
                match step.parse::<usize>() {
                    Ok(number) if number > 0 && digits(step) => number,
                    _ => {
                        return fault(
                            format!("{step:?} is not a step"),
                            place..all.end.max(place),
                            "a step is a number from 1 on: \"*/5\"",
                        );
                    }
                }
            }
        };
        Ok((low..=high).step_by(step).fold(0, |set, value| set | 1 << value))
    }

    /// A number within the limits, or a name.
    fn value(&self, word: &str, start: usize) -> Result<u8, ScheduleError> {
        let span = start..start + word.len();
        if word.is_empty() {
            return fault(format!("a value is missing in the {}", self.name), span, self.limits());
        }
        if digits(word) {
            return match word.parse::<u8>() {
                Ok(value) if (self.low..=self.high).contains(&value) => Ok(value),
                _ => fault(format!("{word} is not a valid {}", self.name), span, self.limits()),
            };
        }
        match (self.low..).zip(self.names).find(|(_, name)| word.eq_ignore_ascii_case(name)) {
            Some((value, _)) => Ok(value),
            None => {
                let help = self
                    .names
                    .iter()
                    .find(|name| word.get(..3).is_some_and(|head| head.eq_ignore_ascii_case(name)))
                    .map_or_else(
                        || self.limits(),
                        |name| format!("write {name:?}: cron knows three letters"),
                    );
                fault(format!("{word:?} is not a valid {}", self.name), span, help)
            }
        }
    }

    fn limits(&self) -> String {
        match self.names {
            [] => format!("the {} is {} to {}", self.name, self.low, self.high),
            [first, .., last] => {
                format!("the {} is {} to {} or {first} to {last}", self.name, self.low, self.high)
            }
            [only] => format!("the {} is {only}", self.name),
        }
    }
}

/// Bits 0 to `last`.
pub(super) const fn up_to(last: u8) -> u64 {
    u64::MAX >> (63 - last)
}

fn digits(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit())
}

/// The words of a text, divided by blanks as cron divides them.
fn words(text: &str) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut start = None;
    for (at, letter) in text.char_indices().chain([(text.len(), ' ')]) {
        match (letter.is_ascii_whitespace(), start) {
            (true, Some(from)) => {
                words.push(from..at);
                start = None;
            }
            (false, None) => start = Some(at),
            _ => {}
        }
    }
    words
}

fn fault<T>(
    what: impl Into<String>,
    span: Range<usize>,
    help: impl Into<String>,
) -> Result<T, ScheduleError> {
    Err(ScheduleError { what: what.into(), span, help: Some(help.into()) })
}
