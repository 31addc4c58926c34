//! The words of other crons. They are refused, but by name: a person who pastes a Quartz or Jenkins line learns what
//! it is and what to write instead.

use std::ops::Range;

use super::fields::{PLACES, Place};

/// A short form that is not one of Debian's: what it is, and what to write.
pub(super) fn short_form(word: &str) -> (String, String) {
    let lower = word.to_ascii_lowercase();
    match lower.as_str() {
        "@reboot" => (
            "@reboot has no time at which it is due".to_owned(),
            "leave the schedule out: only the reports of this job are judged then".to_owned(),
        ),
        "@every" => (
            "@every is a word of Go's cron libraries".to_owned(),
            "use `every = \"15m\"` instead of a schedule".to_owned(),
        ),
        "@minutely" | "@every_minute" => {
            (format!("{word} is a word of another cron"), "write \"* * * * *\"".to_owned())
        }
        "@quarterly" => {
            (format!("{word} is a word of another cron"), "write \"0 0 1 1,4,7,10 *\"".to_owned())
        }
        "@hourly" | "@daily" | "@midnight" | "@weekly" | "@monthly" | "@yearly" | "@annually" => {
            (format!("{word} is written in small letters"), format!("write \"{lower}\""))
        }
        _ => (
            format!("{word} is not a short form of cron"),
            "the short forms are @hourly @daily @midnight @weekly @monthly @yearly @annually".to_owned(),
        ),
    }
}

/// Not five words: what it looks like, and what to write.
pub(super) fn field_count(text: &str, words: &[Range<usize>]) -> (String, String) {
    let word = |at: usize| words.get(at).map_or("", |span| &text[span.clone()]);
    if word(0).starts_with("CRON_TZ=") || word(0).starts_with("TZ=") {
        return (
            format!("{} belongs to another cron: Debian's does not read a zone here", word(0)),
            "take it away and set `timezone` in [muster], or write the times in that zone".to_owned(),
        );
    }
    let fields = words.iter().take_while(|span| looks_like_a_field(&text[(*span).clone()])).count();
    match words.len() {
        6 | 7 if fields == words.len() => (
            format!("{} fields: this is a dialect with seconds (or years)", words.len()),
            "cron has five: minute, hour, day of month, month, day of week; `every = \"30s\"` can be shorter than a minute"
                .to_owned(),
        ),
        count if count > 5 => (
            "more than five fields".to_owned(),
            format!(
                "keep the first five, \"{}\"; a user or a command does not belong to the schedule",
                &text[words.first().map_or(0, |w| w.start)..words.get(4).map_or(0, |w| w.end)]
            ),
        ),
        count => (
            format!("{count} of five fields"),
            format!(
                "cron wants {}, each may be \"*\"",
                PLACES.iter().map(|place| place.name).collect::<Vec<_>>().join(", ")
            ),
        ),
    }
}

/// A field that belongs to another dialect, if it does.
pub(super) fn field(word: &str, place: &Place) -> Option<(String, String)> {
    let upper = word.to_ascii_uppercase();
    let digit_before = |mark: char| {
        upper
            .char_indices()
            .any(|(at, c)| c == mark && upper[..at].bytes().next_back().is_some_and(|b| b.is_ascii_digit()))
    };
    let plain = |c: char| upper.split([',', '-']).any(|part| part.starts_with(c) && part.len() <= 2);
    if word.contains('?') {
        return foreign("\"?\" is Quartz's \"any day\"", "write \"*\"");
    }
    if word.contains('#') {
        return foreign(
            "\"#\" is Quartz's \"the n-th such weekday of the month\"",
            "give the seven days instead (second Friday: \"8-14\") and test the weekday in the command",
        );
    }
    if word.contains('~') {
        return foreign("\"~\" is the random range of OpenBSD and cronie", "choose one value of the range");
    }
    if upper == "H" || upper.starts_with("H/") || upper.starts_with("H(") {
        return foreign("\"H\" is the hashed value of Jenkins", "choose a value yourself");
    }
    if place.name == "day of month" && (digit_before('W') || upper.contains("LW")) {
        return foreign(
            "\"W\" is Quartz's \"nearest working day\"",
            "use a range of days and test the weekday in the command",
        );
    }
    if place.name.starts_with("day") && (plain('L') || digit_before('L')) {
        return foreign(
            "\"L\" is Quartz's \"last\"",
            "run on \"28-31\" and test in the command whether tomorrow is the first",
        );
    }
    if word.len() > 1 && (word.starts_with('"') || word.starts_with('\'')) {
        return foreign("a quotation mark", "cron fields are not quoted");
    }
    None
}

fn foreign(what: &str, help: &str) -> Option<(String, String)> {
    Some((what.to_owned(), help.to_owned()))
}

/// Only characters that a field may have, and at least one digit or star.
fn looks_like_a_field(word: &str) -> bool {
    word.bytes().all(|b| b.is_ascii_alphanumeric() || b"*,-/?#".contains(&b))
        && (word.bytes().any(|b| b.is_ascii_digit() || b == b'*' || b == b'?') || word.len() == 3)
}
