//! `[check.NAME]`: something that is looked at or listened to. This release listens only: `kind = "heartbeat"`.

use muster_core::expectation::{Expectation, Hearing, Rhythm};
use muster_core::ids::ExpectationId;

use crate::field::{Field, LONGEST, NO_TIME, SECOND, Shape};
use crate::section::Section;
use crate::tables::rhythm::{self, SEVERITY};
use crate::tables::{Form, TableRow};

/// The row of the table.
pub const ROW: TableRow = TableRow {
    name: "check",
    doc: "Something that must be heard or look well; this release has the kind `heartbeat`: anything that can send an \
          HTTP request to its ping URL.",
    form: Form::Named,
    fields: FIELDS,
    example: "[check.nas-sync]\nkind = \"heartbeat\"\nevery = \"1h\"\ngrace = \"10m\"\nnotify = [\"ops\"]\n",
};

/// The kind that this release has.
pub(crate) const HEARTBEAT: &str = "heartbeat";

/// Kinds of the language that this release refuses because it cannot carry them out yet.
pub const NOT_YET: &[&str] =
    &["http", "tcp", "tls", "dns", "smtp", "imap", "mail", "sql", "file", "flow", "ping"];

pub(crate) const FIELDS: &[Field] = &[
    Field::new("kind", Shape::Choice(&[HEARTBEAT]), "Which kind it is.", "\"heartbeat\"").required(),
    Field::new("every", Shape::Duration(SECOND, LONGEST), "It is heard again within this time.", "\"1h\""),
    Field::new("schedule", Shape::Cron, "When it is due, as five cron fields, instead of `every`.", "\"0 3 * * *\""),
    Field::new("timezone", Shape::Zone, "Time zone of `schedule`; else that of [muster].", "\"Europe/Berlin\""),
    Field::new(
        "grace",
        Shape::Duration(NO_TIME, LONGEST),
        "How much later than due it may be heard before it counts as missed.",
        "\"10m\"",
    )
    .default("\"5m\""),
    Field::new(
        "max_runtime",
        Shape::Duration(SECOND, LONGEST),
        "From a start to its success or failure it takes no longer, if it reports starts.",
        "\"30m\"",
    ),
    Field::new("severity", Shape::Table(SEVERITY), "How loud each kind of bad news is.", "{ missed = \"warn\" }").default("{}"),
    Field::new("notify", Shape::List(&Shape::Text, 0), "Whom to tell; else `notify` of [defaults].", "[\"ops\"]"),
    Field::new(
        "after",
        Shape::Whole(1, 100),
        "Bad verdicts in a row before a page; silence does not repeat itself, so `after` of [defaults] does not hold \
         here.",
        "1",
    )
    .default("1"),
    Field::new("recover", Shape::Whole(1, 100), "Good reports in a row before the end is told; else `recover` of [defaults], else 1.", "1"),
    Field::new(
        "depends_on",
        Shape::List(&Shape::Text, 0),
        "While that one is in alarm, pages about this one are held back; one name such as `check.uplink`.",
        "[\"check.uplink\"]",
    ),
];

/// Reads a heartbeat; names are resolved later. `zone` is that of `[muster]`.
pub(crate) fn expectation(
    section: &Section<'_>,
    id: &ExpectationId,
    zone: &str,
    recover: Option<u32>,
) -> Option<Expectation> {
    let rhythm = rhythm::read(section, zone)?;
    if rhythm.rhythm == Rhythm::OnReport {
        section.missing(
            format!("[{}] lacks `every` or `schedule`", section.path()),
            "add `every = \"1h\"`: without it, its silence could not be noticed",
        );
        return None;
    }
    let grace = section.duration("grace")?;
    rhythm::check_window(section, "grace", grace, rhythm.interval);
    let mut expectation = Expectation::new(id.clone(), rhythm.rhythm, grace);
    expectation.max_runtime = section.duration("max_runtime");
    expectation.after = section.count("after")?;
    expectation.recover = section.count("recover").or(recover).unwrap_or(1);
    expectation.severity = rhythm::severity(section)?;
    expectation.hearing = Hearing::Direct;
    Some(expectation)
}
