//! Sentences, dates and lengths as customers read them. Times are UTC, and say so.

use jiff::tz::TimeZone;
use muster_core::notice::{Extent, Notice, Touched};
use muster_core::time::{Span, Timestamp};

use crate::state::State;

/// Names that one sentence lists before it counts.
const NAMES: usize = 3;

fn civil(at: Timestamp, format: &str) -> String {
    match jiff::Timestamp::from_millisecond(at.millis()) {
        Ok(at) => at.to_zoned(TimeZone::UTC).strftime(format).to_string(),
        Err(_) => String::new(),
    }
}

/// `24 Aug`.
pub fn short_date(at: Timestamp) -> String {
    civil(at, "%-d %b")
}

/// `24 August 2026`.
pub fn date(at: Timestamp) -> String {
    civil(at, "%-d %B %Y")
}

/// `2026-08-24`.
pub fn iso_date(at: Timestamp) -> String {
    civil(at, "%Y-%m-%d")
}

/// `24 Aug 2026, 21:30 UTC`.
pub fn moment(at: Timestamp) -> String {
    civil(at, "%-d %b %Y, %H:%M UTC")
}

/// The same without its date where that is the one of another moment: `21:42 UTC`.
pub fn moment_after(at: Timestamp, other: Timestamp) -> String {
    if iso_date(at) == iso_date(other) { civil(at, "%H:%M UTC") } else { moment(at) }
}

/// A length as a person says it: `less than a minute`, `12 minutes`, `2 hours 10 minutes`, `3 days 4 hours`.
pub fn length(span: Span) -> String {
    let minutes = span.as_millis() / 60_000;
    let count = |n: u64, word: &str| if n == 1 { format!("1 {word}") } else { format!("{n} {word}s") };
    let both = |first: String, n: u64, word: &str| {
        if n == 0 { first } else { format!("{first} {}", count(n, word)) }
    };
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, 0) => "less than a minute".to_owned(),
        (0, 0, minutes) => count(minutes, "minute"),
        (0, hours, minutes) => both(count(hours, "hour"), minutes, "minute"),
        (days, hours, _) => both(count(days, "day"), hours, "hour"),
    }
}

/// A share in percent, rounded down: `99.98 %`. Only the whole is `100 %`.
pub fn percent(share: f64, digits: i32) -> String {
    let scale = 10_f64.powi(digits);
    // A hair more, so that 0.9998 is not made 99.97 by how numbers are kept.
    let floored = (share * 100.0 * scale + 1e-6).floor() / scale;
    if floored >= 100.0 {
        return "100 %".to_owned();
    }
    format!("{floored:.*} %", usize::try_from(digits).unwrap_or(0))
}

/// `API`, `API and Website`, `API, Website and Mail`, `API, Website, Mail and 4 more`.
pub fn list(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] if names.len() <= NAMES + 1 => format!("{} and {last}", first.join(", ")),
        _ => format!("{} and {} more", names[..NAMES].join(", "), names.len() - NAMES),
    }
}

/// What is wrong with these, as a sentence without its full stop.
pub fn trouble(touched: &[Touched], over: bool) -> String {
    let of = |extent: Extent| -> Vec<&str> {
        touched.iter().filter(|one| one.extent == extent).map(|one| one.component.as_str()).collect()
    };
    let (down, trouble) = (of(Extent::Down), of(Extent::Trouble));
    let be = match (over, down.len()) {
        (false, 1) => "is",
        (false, _) => "are",
        (true, 1) => "was",
        (true, _) => "were",
    };
    match (down.is_empty(), trouble.is_empty()) {
        (true, true) => "Trouble".to_owned(),
        (true, false) => format!("Trouble with {}", list(&trouble)),
        (false, true) => format!("{} {be} not available", list(&down)),
        (false, false) => format!("{} {be} not available, trouble with {}", list(&down), list(&trouble)),
    }
}

/// What is said when the last trouble with these is over.
pub fn over(touched: &[Touched], seen: bool) -> String {
    let names: Vec<&str> = touched.iter().map(|one| one.component.as_str()).collect();
    let (names, one) = (list(&names), touched.len() == 1);
    let be = if one { "is" } else { "are" };
    if !seen {
        return format!("It cannot be seen at present whether {names} {be} well again.");
    }
    if touched.iter().any(|one| one.extent == Extent::Down) {
        format!("{names} {be} available again.")
    } else {
        format!("The trouble with {names} is over.")
    }
}

/// The title of a notice: a person's, or what was seen.
pub fn title(notice: &Notice) -> String {
    notice.title.clone().unwrap_or_else(|| trouble(&notice.touched, notice.ended.is_some()))
}

/// How all of it stands, in one sentence; that all is well only if it is known of everything.
pub fn sentence(components: &[(&str, State)]) -> String {
    let of = |wanted: State| -> Vec<&str> {
        components.iter().filter(|(_, state)| *state == wanted).map(|(name, _)| *name).collect()
    };
    let (down, trouble, unknown) = (of(State::Down), of(State::Trouble), of(State::Unknown));
    let (all, bad) = (components.len(), down.len() + trouble.len());
    let be = |count: usize| if count == 1 { "is" } else { "are" };
    if all == 0 || unknown.len() == all {
        return "Nothing is known about the systems at present".to_owned();
    }
    if bad > NAMES {
        return match down.len() {
            gone if gone == all => "None of the systems is available".to_owned(),
            0 => format!("{bad} of {all} systems have trouble"),
            gone => format!("{bad} of {all} systems have trouble, {gone} of them {} not available", be(gone)),
        };
    }
    match (down.as_slice(), trouble.as_slice(), unknown.as_slice()) {
        ([], [], []) => match of(State::Maintenance).as_slice() {
            [] => "All systems operational".to_owned(),
            some => format!("{} {} under maintenance, all else operational", list(some), be(some.len())),
        },
        ([], [], some) => {
            format!("No known trouble, but it is not known how {} {}", list(some), be(some.len()))
        }
        ([], some, _) => format!("Trouble with {}", list(some)),
        (some, [], _) => format!("{} {} not available", list(some), be(some.len())),
        (some, more, _) => {
            format!("{} {} not available, trouble with {}", list(some), be(some.len()), list(more))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_well_only_if_all_is_known_and_well() {
        use State::{Down, Maintenance, Trouble, Unknown, Well};
        for (states, said) in [
            (&[Well, Well][..], "All systems operational"),
            (&[Well, Unknown], "No known trouble, but it is not known how B is"),
            (&[Unknown, Unknown], "Nothing is known about the systems at present"),
            (&[], "Nothing is known about the systems at present"),
            (&[Maintenance, Well], "A is under maintenance, all else operational"),
            (&[Down, Unknown], "A is not available"),
            (&[Down, Trouble, Down], "A and C are not available, trouble with B"),
            (&[Trouble, Well], "Trouble with A"),
            (&[Down, Down, Down, Trouble, Well], "4 of 5 systems have trouble, 3 of them are not available"),
            (&[Down, Down, Down, Down], "None of the systems is available"),
        ] {
            let named: Vec<_> = ["A", "B", "C", "D", "E"].into_iter().zip(states.iter().copied()).collect();
            assert_eq!(sentence(&named), said);
        }
    }

    #[test]
    fn shares_are_never_rounded_up() {
        for (share, said) in [(1.0, "100 %"), (0.99999, "99.99 %"), (0.9998, "99.98 %"), (0.0, "0.00 %")] {
            assert_eq!(percent(share, 2), said);
        }
        assert_eq!((percent(0.999, 0), percent(1.0, 0)), ("99 %".to_owned(), "100 %".to_owned()));
    }

    #[test]
    fn lengths_and_dates_are_those_of_people() {
        for (span, said) in [
            (Span::seconds(20), "less than a minute"),
            (Span::minutes(1), "1 minute"),
            (Span::minutes(130), "2 hours 10 minutes"),
            (Span::hours(1), "1 hour"),
            (Span::hours(76), "3 days 4 hours"),
        ] {
            assert_eq!(length(span), said);
        }
        let at = Timestamp::from_seconds(1_795_246_920);
        assert_eq!((moment(at).as_str(), short_date(at).as_str()), ("21 Nov 2026, 07:42 UTC", "21 Nov"));
    }

    #[test]
    fn long_lists_are_counted() {
        assert_eq!(list(&["A", "B", "C"]), "A, B and C");
        assert_eq!(list(&["A", "B", "C", "D"]), "A, B, C and D");
        assert_eq!(list(&["A", "B", "C", "D", "E"]), "A, B, C and 2 more");
    }
}
