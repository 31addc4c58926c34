//! `maintenance` of a job, a check and `[defaults]`: planned times in which pages are held back.

use jiff::tz::{AmbiguousOffset, TimeZone};
use muster_core::maintenance::{LONGEST, Maintenance, Spell};
use muster_core::time::Timestamp;

use crate::codes;
use crate::field::{DAY, Field, SECOND, Shape};
use crate::section::Section;
use crate::shape::moment;
use crate::tables::rhythm;

/// The name of the key.
const NAME: &str = "maintenance";

const EXAMPLE: &str = "[{ schedule = \"0 3 * * 0\", for = \"2h\" }]";

/// The row of a job and a check.
pub(crate) const KEY: Field = Field::new(
    NAME,
    Shape::Tables(FIELDS, 0),
    "Planned times in which pages about it are held back: again and again from the instants of `schedule` on `for` so \
     long, or once `from` one moment `until` another. It is watched all the while, an end is told, and what is bad when the \
     maintenance is over is told then. Else `maintenance` of [defaults]; `[]` for none.",
    EXAMPLE,
);

/// The row of `[defaults]`.
pub(crate) const DEFAULT: Field = Field::new(
    NAME,
    Shape::Tables(FIELDS, 0),
    "Planned times in which pages are held back about jobs and checks that have no `maintenance` themselves.",
    EXAMPLE,
);

const FIELDS: &[Field] = &[
    Field::new(
        "schedule",
        Shape::Cron,
        "When it begins, again and again, as five cron fields.",
        "\"0 3 * * 0\"",
    ),
    Field::new("for", Shape::Duration(SECOND, 7 * DAY), "How long it lasts then; at most 7 days.", "\"2h\""),
    Field::new("from", Shape::Moment, "When it begins, if it comes once.", "\"2026-12-01T02:00\""),
    Field::new("until", Shape::Moment, "When that one ends; at most 7 days later.", "\"2026-12-01T06:00\""),
    Field::new("timezone", Shape::Zone, "Time zone of it; else that of [muster].", "\"Europe/Berlin\""),
];

/// Reads the planned times of a table; none if it says nothing of them. `zone` is that of `[muster]`.
pub(crate) fn read(section: &Section<'_>, zone: &str) -> Option<Maintenance> {
    if !section.has(NAME) {
        return None;
    }
    let tables = section.tables(NAME);
    let spells: Vec<Spell> = tables.iter().filter_map(|table| spell(table, zone)).collect();
    if spells.len() < tables.len() {
        return Some(Maintenance::default());
    }
    let planned = Maintenance::new(spells).map_err(|_| {
        section
            .reading()
            .error(
                codes::BAD_VALUE,
                &section.place(NAME),
                format!("these follow each other so closely that pages are held back for more than {LONGEST} on end"),
            )
            .help("leave a gap between them: what is bad is told in it".into());
    });
    Some(planned.unwrap_or_default())
}

fn spell(table: &Section<'_>, zone: &str) -> Option<Spell> {
    match (table.has("schedule"), table.has("from")) {
        (true, true) => {
            table.contradiction(
                "from",
                "a maintenance comes again and again or once, and this one has both `schedule` and `from`",
                "make two of it",
            );
            None
        }
        (false, false) => {
            table.missing(
                format!("[{}] lacks `schedule` or `from`", table.path()),
                "write { schedule = \"0 3 * * 0\", for = \"2h\" } or { from = \"2026-12-01T02:00\", until = \"2026-12-01T06:00\" }",
            );
            None
        }
        (true, false) => recurrent(table, zone),
        (false, true) => once(table, zone),
    }
}

fn recurrent(table: &Section<'_>, zone: &str) -> Option<Spell> {
    if table.has("until") {
        table.contradiction("until", "`until` has no meaning with `schedule`", "write `for` in place of it");
        return None;
    }
    if !table.has("for") {
        table.missing(
            format!("[{}] has no end: it lacks `for`", table.path()),
            "add `for = \"2h\"`: a maintenance always ends by itself",
        );
    }
    let schedule = rhythm::cron(table, zone)?;
    Some(Spell::Recurrent { schedule, lasts: table.duration("for")? })
}

fn once(table: &Section<'_>, zone: &str) -> Option<Spell> {
    if table.has("for") {
        table.contradiction("for", "`for` has no meaning with `from`", "write `until` in place of it");
        return None;
    }
    if !table.has("until") {
        table.missing(
            format!("[{}] has no end: it lacks `until`", table.path()),
            "add `until = \"2026-12-01T06:00\"`: a maintenance always ends by itself",
        );
        return None;
    }
    let zone = if table.has("timezone") { table.text("timezone")? } else { zone.to_owned() };
    // One that is not known is reported where it is written.
    let rules = TimeZone::get(&zone).ok()?;
    let (from, until) = (moment_of(table, "from", &zone, &rules), moment_of(table, "until", &zone, &rules));
    let (from, until) = (from?, until?);
    if until <= from {
        table.refuse("until", "it ends no later than it begins", "let `until` come after `from`");
        return None;
    }
    let lasts = until.since(from);
    if lasts > LONGEST {
        table.refuse(
            "until",
            format!("it lasts {lasts}, and at most {LONGEST} is held back"),
            "end it sooner; `muster pause` holds pages back for longer, with a name and a reason",
        );
        return None;
    }
    Some(Spell::Once { from, until })
}

/// The instant at which the clocks of the zone show what is written.
fn moment_of(table: &Section<'_>, key: &str, zone: &str, rules: &TimeZone) -> Option<Timestamp> {
    let civil = moment::read(&table.text(key)?)?;
    let shown = rules.to_ambiguous_timestamp(civil);
    let (what, help) = match shown.offset() {
        AmbiguousOffset::Unambiguous { .. } => {
            return shown.unambiguous().ok().map(|at| Timestamp::from_seconds(at.as_second()));
        }
        AmbiguousOffset::Gap { .. } => {
            ("does not exist in", "the clock is put forward over it: write a time before or after that")
        }
        AmbiguousOffset::Fold { .. } => (
            "comes twice in",
            "the clock is put back over it: write a time before or after that, or `timezone = \"UTC\"`",
        ),
    };
    table.refuse(key, format!("{} {what} {zone}", civil.strftime("%Y-%m-%d %H:%M")), help);
    None
}
