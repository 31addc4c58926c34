//! CRON024: a line that Debian's cron cannot read, which costs the whole file.

use super::{each_table, is_debian, place, subject, whole};
use crate::facts::Facts;
use crate::facts::cron::Line;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file, program};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CRON024",
    severity: Severity::Critical,
    outlook: Outlook::Failing,
    title: "one line that cron cannot read takes the whole file with it",
    silent: "Such a line is refused by crontab(1), but not by an editor or a deployment. Debian's cron writes one line to its log when it \
             reads the file, and ignores all of it, the good lines before and after too.",
    cure: "Correct the time: minutes 0-59, hours 0-23, days 1-31, months 1-12, weekdays 0-7, names of three letters, steps of at least \
           1 behind a range or `*`. `crontab -T FILE` judges a user's own crontab where it is known.",
    fix: Fix::Told,
    unless: "Another cron than Debian's reads the file: others pass over the line and run the rest, or read more than Debian's.",
    judge,
    bad: Fixture::files(
        "an hour that no day has, below a good line",
        &[file(
            "/etc/cron.d/shop",
            "0 2 * * * root muster run n -- /bin/true\n0 25 * * * root muster run m -- /bin/true\n",
        )],
    ),
    good: [
        Fixture::files(
            "names, lists, steps longer than the hour, Sunday as 7",
            &[file(
                "/etc/cron.d/shop",
                "0,10-20/5,59 */25 1-10/3 jan-MAR mon-FRI root muster run n -- /bin/true\n*/100 007 * * 5-7 root muster run m -- /bin/true\n@midnight root muster run o -- /bin/true\n",
            )],
        ),
        Fixture::files(
            "the same line, and another cron",
            &[
                program("/usr/lib/systemd/system-generators/systemd-crontab-generator", ""),
                file("/etc/cron.d/shop", "0 25 * * * root muster run m -- /bin/true\n"),
            ],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each_table(facts, |cron, table, answer| {
        if !is_debian(cron) {
            return;
        }
        let lost = "cron ignores the whole file";
        // A missing user or command is told by a rule of its own.
        let told = |what: &str| what.contains("after the user") || what.contains("no user");
        for (line, what) in table.faults.iter().filter(|(_, what)| !told(what)) {
            let finding = whole(table, format!("{what}: {lost}"));
            answer.find(Finding { place: Place::line(&table.path, *line, ""), ..finding });
        }
        for line in &table.lines {
            if let Some(why) = refusal(line) {
                let observed = format!("{why}: {lost}");
                answer.find(Finding::new(subject(table, line), place(table, line), observed));
            }
        }
    })
}

/// Short forms that Debian's cron knows, in small letters only.
const SHORT: [&str; 8] =
    ["@reboot", "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// One of the five fields.
struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    names: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field { name: "minute", least: 0, most: 59, names: &[] },
    Field { name: "hour", least: 0, most: 23, names: &[] },
    Field { name: "day of the month", least: 1, most: 31, names: &[] },
    Field { name: "month", least: 1, most: 12, names: &MONTHS },
    Field { name: "day of the week", least: 0, most: 7, names: &DAYS },
];

/// Why Debian's cron cannot read the time of a line; none where it can.
pub(super) fn refusal(line: &Line) -> Option<String> {
    if line.schedule.starts_with('@') {
        let known = SHORT.contains(&line.schedule.as_str());
        return (!known).then(|| format!("cron knows no {}", line.schedule));
    }
    let written: Vec<&str> = line.schedule.split(' ').collect();
    FIELDS.iter().zip(written).find_map(|(field, text)| {
        let (why, _) = field.read(text).err()?;
        Some(format!("{text} is no {}: {why}", field.name))
    })
}

/// A field of which Debian's cron reads only the beginning, and that beginning: it passes over what stands behind a
/// complete range without a word. Some versions know `~`.
pub(super) fn half_read(line: &Line) -> Option<(&str, &str)> {
    FIELDS.iter().zip(line.schedule.split(' ')).find_map(|(field, text)| {
        let end = field.read(text).ok()?;
        let rest = text.get(end..)?;
        (!rest.is_empty() && !rest.starts_with('~')).then(|| (text, text.get(..end).unwrap_or(text)))
    })
}

impl Field {
    /// Reads a list of ranges as cron's `entry.c` does; the length of what it takes.
    ///
    /// # Errors
    /// What it stumbles over, and where.
    fn read(&self, text: &str) -> Result<usize, (String, usize)> {
        let mut at = 0;
        loop {
            let rest = text.get(at..).unwrap_or_default();
            at = match rest.strip_prefix('*') {
                Some(_) => self.step(text, at + 1)?,
                None => {
                    let after = self.number(text, at)?;
                    let sign = text.get(after..).unwrap_or_default();
                    match sign.chars().next() {
                        Some('-') => {
                            let end = self.number(text, after + 1)?;
                            self.step(text, end)?
                        }
                        Some('/') => {
                            return Err(("a step needs a range before it, or `*`".to_owned(), after));
                        }
                        _ => after,
                    }
                }
            };
            if !text.get(at..).unwrap_or_default().starts_with(',') {
                return Ok(at);
            }
            at += 1;
        }
    }

    fn step(&self, text: &str, at: usize) -> Result<usize, (String, usize)> {
        let Some(rest) = text.get(at..).and_then(|rest| rest.strip_prefix('/')) else { return Ok(at) };
        let word = word(rest);
        match word.parse::<u32>() {
            Ok(0) => Err(("a step of 0 leads nowhere".to_owned(), at)),
            Ok(_) => Ok(at + 1 + word.len()),
            Err(_) if word.is_empty() => Err(("no step behind the `/`".to_owned(), at)),
            Err(_) => Err((format!("{word} is no step"), at)),
        }
    }

    fn number(&self, text: &str, at: usize) -> Result<usize, (String, usize)> {
        let word = word(text.get(at..).unwrap_or_default());
        if word.is_empty() {
            return Err(("a number is missing".to_owned(), at));
        }
        let is_name = self.names.iter().any(|name| word.eq_ignore_ascii_case(name));
        let fits = word.bytes().all(|byte| byte.is_ascii_digit())
            && word.parse::<u32>().is_ok_and(|number| (self.least..=self.most).contains(&number));
        if is_name || fits {
            return Ok(at + word.len());
        }
        Err((format!("{word} is not within {}-{}", self.least, self.most), at))
    }
}

/// Letters and digits at the beginning.
fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(schedule: &str) -> Line {
        Line {
            line: 1,
            begins: 0,
            at: 0,
            schedule: schedule.to_owned(),
            cron: None,
            user: None,
            command: String::new(),
            shell: String::new(),
            percents: Vec::new(),
        }
    }

    /// What cron 3.0pl1-162 of Debian 12 was seen to take and to refuse.
    #[test]
    fn it_reads_as_cron_does() {
        let taken = "5,*/10|*/5,7|*,5|*/5/2|5;|1.5|1#2|1:3|*5|**|1-2-3|1-5;9|*/5;|*/2-5|*/61|0-10~20|1~5,9|*~5|0~30|0~|0-59/70|*/100|00000001|30-10";
        let refused = "~|~30|,|1-|1-*|*/|*/x|*/-1|1--3|+1|\"5\"|1-5x|x|5a|~/5|5/10|1,,2|,2|2,|*/0|1-10/0|61|60|0-61|99999999999|-5|H";
        let (days_taken, days_refused) = (
            "0-7|7-1|sun-tue|Mon,1|1,MON-3|MON#2|mon.|tue-5|0~7|mon-fri/2|sun-7|6-0|fri-mon",
            "8|1-8|L|5L|mond|mon-|mon/2|monday|?",
        );
        let (months_taken, months_refused) =
            ("jan|JAN-dec|12-1|jan-dec/2|oct,nov", "0|13|0-3|jan/2|Sept|january|x");
        let of_month = ("31|1-31|*/40|01|1-10/3", "0|32|15-|LW|1,15,|15W|?|L");
        let hours = ("0-23|23-1|*/24|007", "24|25|0-24|sun");
        let rows = [
            ("F * * * *", taken, refused),
            ("0 F * * *", hours.0, hours.1),
            ("0 0 F * *", of_month.0, of_month.1),
            ("0 0 1 F *", months_taken, months_refused),
            ("0 0 * * F", days_taken, days_refused),
            (
                "F",
                "@reboot|@yearly|@annually|@monthly|@weekly|@daily|@midnight|@hourly",
                "@|@dayly|@Daily|@every_minute|@reboot2",
            ),
        ];
        for (frame, taken, refused) in rows {
            for (fields, is_refused) in [(taken, false), (refused, true)] {
                for field in fields.split('|') {
                    let line = line(&frame.replace('F', field));
                    assert_eq!(refusal(&line).is_some(), is_refused, "{}", line.schedule);
                }
            }
        }
    }

    #[test]
    fn what_is_passed_over_is_named() {
        for (schedule, read) in [
            ("0 0 * * 1#2", Some(("1#2", "1"))),
            ("1.5 * * * *", Some(("1.5", "1"))),
            ("*5 * * * *", Some(("*5", "*"))),
            ("1-5;9 * * * *", Some(("1-5;9", "1-5"))),
            ("0~30 * * * *", None),
            ("0,10-20/5 * * * *", None),
            ("61 * * * *", None),
            ("@daily", None),
            ("ä * * * *", None),
        ] {
            assert_eq!(half_read(&line(schedule)), read, "{schedule}");
        }
    }
}
