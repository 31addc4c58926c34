//! CRON017: a schedule that does not say what was meant.

use super::refused_line::{half_read, refusal};
use super::{each_table, is_debian, place, subject};
use crate::facts::Facts;
use crate::facts::cron::Line;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CRON017",
    severity: Severity::Medium,
    outlook: Outlook::Failing,
    title: "a job runs never, or at times that nobody meant",
    silent: "Cron does what is written: a day that no month has never comes, day of month and day of week count as either-or, and a step \
             starts again with each hour. Nobody counts the runs.",
    cure: "Write the times that are meant; test the day of the week in the command where both days must fit.",
    fix: Fix::Told,
    unless: "The times are meant: allow it with a reason.",
    judge,
    bad: Fixture::files(
        "a day of the month and one of the week",
        &[file("/etc/cron.d/shop", "0 2 1 * 1 root muster run n -- /bin/true\n")],
    ),
    good: [
        Fixture::files(
            "each minute of the working day, and steps that fit",
            &[file(
                "/etc/cron.d/shop",
                "* 8-18 * * 1-5 root muster run n -- /bin/true\n*/20 * */2 * * root muster run m -- /bin/true\n",
            )],
        ),
        Fixture::files(
            "the first Monday, tested in the command",
            &[file(
                "/etc/cron.d/shop",
                "0 2 1-7 * * root [ $(date +\\%u) = 1 ] && muster run n -- /bin/true\n",
            )],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each_table(facts, |cron, table, answer| {
        if table.package.is_some() {
            return;
        }
        if is_debian(cron)
            && let Some((line, _, zone)) = table.settings.iter().find(|(_, name, _)| name == "CRON_TZ")
        {
            let place = Place::line(&table.path, *line, format!("CRON_TZ={zone}"));
            let observed = "Debian's cron does not know CRON_TZ: the times are those of the host's zone";
            answer.find(Finding::new(format!("CRON_TZ of {}", table.path), place, observed));
        }
        for line in &table.lines {
            // What cron cannot read runs at no time at all, and is told as that.
            if is_debian(cron) && refusal(line).is_some() {
                continue;
            }
            let debian = is_debian(cron).then(|| backward(line).or_else(|| half(line))).flatten();
            if let Some(observed) = debian.or_else(|| odd(line)) {
                answer.find(Finding::new(subject(table, line), place(table, line), observed));
            }
        }
    })
}

fn odd(line: &Line) -> Option<String> {
    let fields: Vec<&str> = line.schedule.split(' ').collect();
    let [minute, hour, day, month, weekday] = fields[..] else { return None };
    if let Some(last) = never(day, month).filter(|_| weekday == "*") {
        return Some(format!("day {day} never comes: month {month} has {last} days, so the job never runs"));
    }
    // A field that begins with a star leaves the choice to the other one.
    if !day.starts_with('*') && !weekday.starts_with('*') {
        return Some(format!(
            "runs on day {day} of the month, and also on each weekday {weekday}: either is enough"
        ));
    }
    if minute == "*" && hour.bytes().all(|b| b.is_ascii_digit()) {
        return Some(format!("runs 60 times, at each minute of hour {hour}"));
    }
    for (field, range, unit) in [(minute, 60, "minutes"), (hour, 24, "hours")] {
        let step = field.strip_prefix("*/").and_then(|step| step.parse::<u32>().ok());
        if let Some(step) = step.filter(|step| *step > range / 2) {
            return Some(match step < range {
                true => format!(
                    "*/{step} is not each {step} {unit}: it runs at 0 and at {step}, then begins again"
                ),
                false => format!("*/{step} is not each {step} {unit}: it runs at 0 only"),
            });
        }
    }
    None
}

/// A field of ranges that all end before they begin: Debian's cron takes it without a word, as no time at all.
fn backward(line: &Line) -> Option<String> {
    let is_backward = |range: &str| {
        let ends = range.split('/').next().unwrap_or(range).split_once('-');
        let ends = ends.and_then(|(from, to)| Some((from.parse::<u32>().ok()?, to.parse::<u32>().ok()?)));
        ends.is_some_and(|(from, to)| from > to)
    };
    let field = line.schedule.split(' ').find(|field| field.split(',').all(is_backward))?;
    Some(format!("{field} ends before it begins: cron takes it for no time at all, so the job never runs"))
}

/// A field of which Debian's cron takes the beginning only, without a word: `1#2` is each Monday.
fn half(line: &Line) -> Option<String> {
    let (field, read) = half_read(line)?;
    Some(format!("cron reads {read} of {field} and passes over the rest without a word"))
}

/// The length of the only months in which a day should come, where that is too short.
fn never(day: &str, month: &str) -> Option<u32> {
    let days: Vec<u32> = day.split(',').map(|day| day.parse().ok()).collect::<Option<_>>()?;
    let length = |month: &str| match month.to_ascii_lowercase().as_str() {
        "2" | "02" | "feb" => 29,
        "4" | "04" | "apr" | "6" | "06" | "jun" | "9" | "09" | "sep" | "11" | "nov" => 30,
        _ => 31,
    };
    let longest = month.split(',').map(length).max()?;
    days.iter().all(|day| *day > longest).then_some(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_are_meant_pass() {
        let line = |schedule: &str| Line {
            line: 1,
            begins: 0,
            at: 0,
            schedule: schedule.to_owned(),
            cron: None,
            user: None,
            command: String::new(),
            shell: String::new(),
            percents: Vec::new(),
        };
        for (schedule, is_odd) in [
            ("0 0 30 2 *", true),
            ("0 0 31 4,6 *", true),
            ("* 2 * * *", true),
            ("*/45 * * * *", true),
            ("*/90 * * * *", true),
            ("0 2 13 * 5", true),
            ("0 22-5 * * *", true),
            ("0 0 31 4,5 *", false),
            ("0 0 29 2 *", false),
            ("0 0 30 2 1", true),
            ("*/30 */12 * * *", false),
            ("* 8-17 * * *", false),
            ("0 2 */2 * 1", false),
            ("0 22-23,0-5 * * *", false),
            ("@daily", false),
            ("@reboot", false),
        ] {
            let line = line(schedule);
            assert_eq!(backward(&line).or_else(|| odd(&line)).is_some(), is_odd, "{schedule}");
        }
    }
}
