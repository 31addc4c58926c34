//! `OnCalendar=` as systemd.time(7) has it: whether systemd takes it, and whether it comes at most once a day. Only what is
//! certainly refused is said to be.

/// Short forms, and whether they come at most once a day.
const SHORT: [(&str, bool); 9] = [
    ("minutely", false),
    ("hourly", false),
    ("daily", true),
    ("weekly", true),
    ("monthly", true),
    ("quarterly", true),
    ("yearly", true),
    ("annually", true),
    ("semiannually", true),
];
/// Days in small letters, long before short.
const DAYS: [(&str, &str); 7] = [
    ("monday", "mon"),
    ("tuesday", "tue"),
    ("wednesday", "wed"),
    ("thursday", "thu"),
    ("friday", "fri"),
    ("saturday", "sat"),
    ("sunday", "sun"),
];

/// What systemd makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Calendar {
    /// It refuses it.
    Refused(&'static str),
    /// It comes at most once a day.
    Rare,
    /// More often, or nobody can tell from here.
    Other,
}

/// Reads one value.
pub(super) fn read(value: &str) -> Calendar {
    let lower = value.trim().to_ascii_lowercase();
    let mut words: Vec<&str> = lower.split_whitespace().collect();
    // A zone is a word of its own at the end: only what could be nothing else is taken for one.
    if words.len() > 1
        && words
            .last()
            .is_some_and(|last| last.starts_with(|c: char| c.is_ascii_lowercase()) && !is_days(last))
    {
        words.pop();
    }
    if let [short] = words[..]
        && let Some((_, rare)) = SHORT.iter().find(|(name, _)| *name == short)
    {
        return if *rare { Calendar::Rare } else { Calendar::Other };
    }
    if words.first().is_some_and(|first| first.starts_with('@')) {
        return Calendar::Other;
    }
    if words.first().is_some_and(|first| is_days(first)) {
        words.remove(0);
    }
    // A year of its own comes once, and is over then.
    let once = words.first().is_some_and(|first| {
        first.split_once('-').is_some_and(|(year, _)| year.len() == 4 && year.parse::<u32>().is_ok())
    });
    match words[..] {
        [] if !lower.is_empty() => Calendar::Rare,
        [one] if one.contains(':') => time(one),
        [one] if one.contains('-') => date(one).map_or(rare(once), Calendar::Refused),
        [one, other] if other.contains(':') => match date(one) {
            Some(why) => Calendar::Refused(why),
            None if once => match time(other) {
                Calendar::Rare => Calendar::Other,
                told => told,
            },
            None => time(other),
        },
        [_, _, _, _, _] => Calendar::Refused("five fields are a line of cron, not a calendar of systemd"),
        [] => Calendar::Other,
        _ => Calendar::Refused("it is neither days, nor YYYY-MM-DD, nor HH:MM:SS"),
    }
}

fn rare(once: bool) -> Calendar {
    if once { Calendar::Other } else { Calendar::Rare }
}

/// `Mon,Wed..Fri`.
fn is_days(word: &str) -> bool {
    let is_day = |day: &str| DAYS.iter().any(|(long, short)| day == *long || day == *short);
    let ends = |range: &str| match range.split_once("..").or_else(|| range.split_once('-')) {
        Some((from, to)) => is_day(from) && is_day(to),
        None => is_day(range),
    };
    word.trim_end_matches(',').split(',').all(ends)
}

/// Why systemd refuses a date.
fn date(text: &str) -> Option<&'static str> {
    let parts: Vec<&str> = text.split(['-', '~']).collect();
    let limits: &[(u32, u32)] = match parts.len() {
        2 => &[(1, 12), (1, 31)],
        3 => &[(0, 9_999), (1, 12), (1, 31)],
        _ => return Some("a date is YYYY-MM-DD or MM-DD"),
    };
    let bad = |(part, limit): (&&str, &(u32, u32))| !is_within(part, limit.0, limit.1);
    parts.iter().zip(limits).any(bad).then_some("the date has a part that no date has")
}

fn time(text: &str) -> Calendar {
    let parts: Vec<&str> = text.split(':').collect();
    if parts.len() > 3 {
        return Calendar::Refused("a time is HH:MM:SS");
    }
    // Seconds may have fractions and ranges, both with dots: of them only a plain number is judged.
    let fits = parts.iter().zip([23, 59]).all(|(part, most)| is_within(part, 0, most));
    if !fits {
        return Calendar::Refused("the time has a part that no day has");
    }
    if parts.get(2).is_some_and(|part| part.parse::<u32>().is_ok_and(|second| second > 59)) {
        return Calendar::Refused("the time has a part that no day has");
    }
    let single = |part: &&&str| part.bytes().all(|byte| byte.is_ascii_digit());
    match parts.iter().take(2).filter(single).count() {
        2 => Calendar::Rare,
        _ => Calendar::Other,
    }
}

/// A list of numbers, ranges and steps whose numbers lie within limits.
fn is_within(part: &str, least: u32, most: u32) -> bool {
    let fits = |number: &str| number.parse::<u32>().is_ok_and(|number| (least..=most).contains(&number));
    part.split(',').all(|item| {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (item, None),
        };
        let begins = match range.split_once("..") {
            Some((from, to)) => fits(from) && fits(to),
            None => range == "*" || fits(range),
        };
        begins && step.is_none_or(|step| step.parse::<u32>().is_ok_and(|step| step > 0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What systemd 252 takes and refuses (`systemd-analyze calendar`).
    const TAKEN: [&str; 34] = [
        "daily",
        "hourly",
        "minutely",
        "weekly",
        "monthly",
        "quarterly",
        "yearly",
        "semiannually",
        "Daily",
        "daily UTC",
        "02:00",
        "*-*-* 02:00:00",
        "Mon *-*-* 02:00",
        "Mon..Fri 22:30",
        "Mon,Wed 08:00",
        "Mon",
        "*:0/15",
        "*-*-01 00:00:00",
        "*:0,15,30,45",
        "2026-01-01",
        "01-01",
        "Sat,Sun 12:05",
        "*-*-* *:00:00",
        "Mon *-*-* 02:00:00 Europe/Berlin",
        "*-*~01 03:00",
        "0..12:00",
        "*-*-1/2 00:00",
        "00/2:00",
        "*-*-* 02:00:00.5",
        "Monday 08:00",
        "fri",
        "*-1,7-* 00:00",
        "*-*-* 00..05:00:00",
        "2003-03-05 05:40",
    ];
    const REFUSED: [&str; 14] = [
        "0 2 * * *",
        "25:00",
        "*-13-01 00:00",
        "02:60",
        "dayly",
        "every day",
        "Mon 02",
        "*-*-32",
        "1:2:3:4",
        "02:00:75",
        "Foo 02:00",
        "*:0/0",
        "* * * * *",
        "24:00",
    ];

    #[test]
    fn it_takes_what_systemd_takes() {
        for value in TAKEN {
            assert!(!matches!(read(value), Calendar::Refused(_)), "{value}: {:?}", read(value));
        }
        for value in REFUSED {
            assert!(matches!(read(value), Calendar::Refused(_)), "{value}: {:?}", read(value));
        }
        for value in ["", " ", ",", ":", "-", "..", "/", "@1", "ä", "~"] {
            let _seen = read(value);
        }
    }

    #[test]
    fn once_a_day_or_less_is_rare() {
        for (value, rare) in [
            ("daily", true),
            ("Mon", true),
            ("02:00", true),
            ("Mon..Fri 22:30:00", true),
            ("*-*-01 00:00:00", true),
            ("2020-01-01", false),
            ("2020-01-01 02:00", false),
            ("hourly", false),
            ("*:0/15", false),
            ("00/2:00", false),
            ("8,20:00", false),
        ] {
            assert_eq!(read(value) == Calendar::Rare, rare, "{value}");
        }
    }
}
