//! systemd's calendar times as cron fields, where both can say the same (`systemd.time(7)`).

const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// Five cron fields that mean the same as a normalised calendar time such as `Mon..Fri *-*-* 06:00:00`; none where cron
/// has no words for it (seconds, years, a zone, the end of a month, weekday and day together).
pub(super) fn cron_of(calendar: &str) -> Option<String> {
    let mut words: Vec<&str> = calendar.split_whitespace().collect();
    let weekday = if words.first()?.starts_with(|c: char| c.is_ascii_alphabetic()) {
        words.remove(0).split(',').map(weekdays).collect::<Option<Vec<_>>>()?.join(",")
    } else {
        "*".to_owned()
    };
    let [date, time] = words[..] else { return None };
    let mut date = date.split('-');
    let (year, month, day) = (date.next()?, date.next()?, date.next()?);
    let mut time = time.split(':');
    let (hour, minute, second) = (time.next()?, time.next()?, time.next()?);
    if year != "*"
        || !second.trim_start_matches('0').is_empty()
        || date.next().is_some()
        || time.next().is_some()
    {
        return None;
    }
    let (day, month) = (part(day, 31)?, part(month, 12)?);
    // In cron a star in one of the two days would be right, but "either" would not.
    if weekday != "*" && day != "*" {
        return None;
    }
    Some(format!("{} {} {day} {month} {weekday}", part(minute, 59)?, part(hour, 23)?))
}

fn weekdays(word: &str) -> Option<String> {
    let name =
        |day: &str| DAYS.iter().find(|name| day.get(..3).is_some_and(|d| d.eq_ignore_ascii_case(name)));
    match word.split_once("..") {
        None => Some((*name(word)?).to_owned()),
        Some((from, to)) => {
            let (from, to) = (name(from)?, name(to)?);
            let number = |day: &str| DAYS.iter().position(|name| *name == day);
            match (number(from)?, number(to)?) {
                (first, 0) => Some(format!("{first}-7")),
                (first, last) if first <= last => Some(format!("{from}-{to}")),
                _ => None,
            }
        }
    }
}

/// `00/15`, `1..5`, `06,18`, `*`.
fn part(text: &str, last: u8) -> Option<String> {
    let one = |text: &str| text.parse::<u8>().ok();
    let items: Option<Vec<String>> = text
        .split(',')
        .map(|item| {
            let (range, step) = match item.split_once('/') {
                Some((range, step)) => (range, Some(one(step)?)),
                None => (item, None),
            };
            Some(match (range.split_once(".."), step) {
                (Some((from, to)), None) => format!("{}-{}", one(from)?, one(to)?),
                (Some((from, to)), Some(step)) => format!("{}-{}/{step}", one(from)?, one(to)?),
                (None, None) if range == "*" => "*".to_owned(),
                (None, Some(step)) if range == "*" || (one(range)? == 0 && last > 12 && last != 31) => {
                    format!("*/{step}")
                }
                (None, Some(step)) => format!("{}-{last}/{step}", one(range)?),
                (None, None) => one(range)?.to_string(),
            })
        })
        .collect();
    Some(items?.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cron_can_say_is_said_in_cron() {
        for (calendar, cron) in [
            ("*-*-* 00:00:00", Some("0 0 * * *")),
            ("*-*-* *:00:00", Some("0 * * * *")),
            ("*-*-* 06,18:00:00", Some("0 6,18 * * *")),
            ("*-*-* *:00/15:00", Some("*/15 * * * *")),
            ("*-*-* *:05/10:00", Some("5-59/10 * * * *")),
            ("Mon *-*-* 00:00:00", Some("0 0 * * mon")),
            ("Mon..Fri *-*-* 22:30:00", Some("30 22 * * mon-fri")),
            ("Sat..Sun *-*-* 22:30:00", Some("30 22 * * 6-7")),
            ("*-*-01 00:00:00", Some("0 0 1 * *")),
            ("*-01,07-01 00:00:00", Some("0 0 1 1,7 *")),
            ("*-*-* 00:00:30", None),
            ("*-*-* *:*:00/10", None),
            ("Mon *-*-01 00:00:00", None),
            ("*-*~01 00:00:00", None),
            ("2026-*-* 00:00:00", None),
            ("*-*-* 00:00:00 Europe/Berlin", None),
            ("", None),
        ] {
            assert_eq!(cron_of(calendar).as_deref(), cron, "{calendar}");
        }
    }
}
