//! `retries`: how often a failed run is tried again.

use muster_core::time::Span;

use crate::field::{Field, LONGEST, NO_TIME, Shape};
use crate::plan::retries::Retries;
use crate::section::Section;

/// The keys.
pub(super) const FIELDS: &[Field] = &[
    Field::new("count", Shape::Whole(1, 100), "Attempts after the first one has failed.", "2").required(),
    Field::new("delay", Shape::Duration(NO_TIME, LONGEST), "The wait before the second attempt.", "\"30s\"")
        .default("\"30s\""),
    Field::new("backoff", Shape::Factor(1_000, 10_000), "Each wait is so many times the one before.", "2.0")
        .default("1.0"),
    Field::new("max_delay", Shape::Duration(NO_TIME, LONGEST), "The longest wait.", "\"10m\""),
    Field::new(
        "jitter",
        Shape::Factor(0, 1_000),
        "The part of a wait by which it is shorter or longer, by chance.",
        "0.1",
    )
    .default("0.0"),
    Field::new(
        "on",
        Shape::List(&Shape::Whole(0, 255), 1),
        "Only these exit codes of `muster run` are worth another attempt: the job's own, 124 for its limit, 128 and the \
         number of a signal.",
        "[75, 124]",
    ),
];

/// Reads the table; what is faulty is not tried again.
pub(super) fn read(section: &Section<'_>) -> Retries {
    let Some(table) = section.table("retries") else { return Retries::default() };
    let (delay, max_delay) =
        (table.duration("delay").unwrap_or(Span::seconds(30)), table.duration("max_delay"));
    if let Some(most) = max_delay
        && most < delay
    {
        table.contradiction(
            "max_delay",
            format!("no wait can be {delay} and at most {most}"),
            "make `max_delay` no shorter than `delay`",
        );
    }
    Retries {
        count: table.count("count").unwrap_or(0),
        delay,
        backoff: table.factor("backoff").unwrap_or(1_000),
        max_delay,
        jitter: table.factor("jitter").unwrap_or(0),
        on: table.wholes("on").into_iter().filter_map(|code| u8::try_from(code).ok()).collect(),
    }
}
