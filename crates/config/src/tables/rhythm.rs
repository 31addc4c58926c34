//! When something should happen: the keys that jobs and heartbeats share.

use muster_core::expectation::{Level, Rhythm, Severity};
use muster_core::schedule::Schedule;
use muster_core::time::{Span, Timestamp};

use crate::codes;
use crate::field::{Field, Shape};
use crate::section::Section;

/// The words for how loud bad news is.
pub(crate) const LEVELS: &[&str] = &["page", "warn", "ignore"];

/// The keys of `severity`.
pub(crate) const SEVERITY: &[Field] = &[
    Field::new("failed", Shape::Choice(LEVELS), "It ran and went wrong.", "\"page\"").default("\"page\""),
    Field::new("missed", Shape::Choice(LEVELS), "It did not begin, or did not come back.", "\"page\"")
        .default("\"page\""),
    Field::new("skipped", Shape::Choice(LEVELS), "It gave way too often in a row.", "\"warn\"")
        .default("\"page\""),
    Field::new(
        "odd",
        Shape::Choice(LEVELS),
        "It went well and was unlike its last runs: far longer or shorter, far more or less output or artefact.",
        "\"page\"",
    )
    .default("\"warn\""),
];

/// What the keys `schedule` and `every` say.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Read {
    /// The rhythm.
    pub(crate) rhythm: Rhythm,
    /// The shortest time between two due instants, where there is one.
    pub(crate) interval: Option<Span>,
}

/// Reads `schedule` or `every`. The zone is that of the table, else `zone`. `None` after a fault; neither key gives
/// [`Rhythm::OnReport`].
pub(crate) fn read(section: &Section<'_>, zone: &str) -> Option<Read> {
    if section.has("schedule") && section.has("every") {
        section.contradiction(
            "every",
            format!("[{}] has both `schedule` and `every`", section.path()),
            "keep the one that says when it is due",
        );
        return None;
    }
    if section.has("every") {
        let span = section.duration("every")?;
        if section.has("timezone") {
            section.no_effect("timezone", "a time zone has no effect on `every`");
        }
        return Some(Read { rhythm: Rhythm::Every(span), interval: Some(span) });
    }
    if !section.has("schedule") {
        return Some(Read { rhythm: Rhythm::OnReport, interval: None });
    }
    let schedule = cron(section, zone)?;
    let interval = shortest_interval(&schedule);
    Some(Read { rhythm: Rhythm::Cron(schedule), interval })
}

/// Reads the key `schedule`. The zone is that of the table, else `zone`. `None` after a fault.
pub(crate) fn cron(section: &Section<'_>, zone: &str) -> Option<Schedule> {
    let text = section.text("schedule")?;
    let zone = if section.has("timezone") { section.text("timezone")? } else { zone.to_owned() };
    if jiff::tz::TimeZone::get(&zone).is_err() {
        // Reported where the zone is written.
        return None;
    }
    match Schedule::parse(&text, &zone) {
        Ok(schedule) => Some(schedule),
        Err(error) => {
            let mut fault = section.reading().error(
                codes::SCHEDULE,
                &section.inside("schedule", &error.span),
                error.what,
            );
            if let Some(help) = error.help {
                fault.help(help);
            }
            None
        }
    }
}

/// The shortest of the first gaps of a schedule from a fixed day on; a schedule that cannot be computed has none, and
/// is the roll call's alarm.
fn shortest_interval(schedule: &Schedule) -> Option<Span> {
    const GAPS: usize = 8;
    let mut at = schedule.next_after(Timestamp::from_seconds(1_704_067_200)).ok()?;
    let mut shortest: Option<Span> = None;
    for _ in 0..GAPS {
        let Ok(next) = schedule.next_after(at) else { break };
        let gap = next.since(at);
        shortest = Some(shortest.map_or(gap, |least| least.min(gap)));
        at = next;
    }
    shortest
}

/// Warns if what may pass before `key` counts as missed is longer than the time to the next one.
pub(crate) fn check_window(section: &Section<'_>, key: &str, window: Span, interval: Option<Span>) {
    if let Some(interval) = interval
        && section.has(key)
        && window >= interval
    {
        section
            .reading()
            .warning(
                codes::TOO_WIDE,
                &section.place(key),
                format!("`{key}` of {window} is no shorter than the {interval} between two due times"),
            )
            .help("a missed one is noticed only after the next is due; make it shorter".into());
    }
}

/// Reads `severity`.
pub(crate) fn severity(section: &Section<'_>) -> Option<Severity> {
    let Some(table) = section.table("severity") else { return Some(Severity::default()) };
    Some(Severity {
        failed: level(table.choice("failed")?),
        missed: level(table.choice("missed")?),
        skipped: level(table.choice("skipped")?),
        odd: level(table.choice("odd")?),
    })
}

pub(crate) fn level(word: &str) -> Level {
    match word {
        "ignore" => Level::Ignore,
        "warn" => Level::Warn,
        _ => Level::Page,
    }
}
