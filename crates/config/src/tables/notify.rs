//! `[notify.NAME]`: ways to tell people. The kinds themselves come with the catalogue.

use std::collections::BTreeMap;
use std::ops::Range;

use muster_core::ids::ChannelName;

use crate::codes;
use crate::field::{Field, Shape};
use crate::kind::{KIND, Kind};
use crate::nearest::nearest;
use crate::plan::ChannelPlan;
use crate::section::{Reading, Section};
use crate::shape::shown;
use crate::tables::names::{Names, circle_fault, circles};
use crate::tables::{Form, TableRow, named};
use crate::tree::{Entry, Table, Value};

/// The row of the table.
pub const ROW: TableRow = TableRow {
    name: "notify",
    doc: "Ways to tell people; jobs and checks refer to them by name.",
    form: Form::Family,
    fields: FIELDS,
    example: "",
};

/// The keys of every channel beside `kind`.
pub const FIELDS: &[Field] = &[
    Field::new(
        "fallback",
        Shape::Text,
        "The [notify] table that takes over when this one cannot deliver.",
        "\"phone\"",
    ),
    Field::new(
        "quota",
        Shape::Whole(10, 1_000_000),
        "Messages a day that its receiver takes. The last fifth is kept for first news: reminders and ends are then told \
         in one message an hour. When nothing is left, the fallback takes over as well, and the other channels say so. Else 250 for https://ntfy.sh, \
         and no limit for others.",
        "250",
    ),
];

/// Reads every channel, and refuses fallbacks that lead back to themselves.
pub(crate) fn channels<C>(
    reading: &Reading<'_>,
    document: &Table,
    kinds: &'static [Kind<C>],
    names: &Names,
) -> Vec<ChannelPlan<C>> {
    let mut plans = Vec::new();
    let mut fallbacks = BTreeMap::new();
    for (entry, table) in named(reading, document, "notify") {
        let path = format!("notify.{}", entry.key);
        let Some(kind) = kind_of(reading, entry, table, kinds, &[], &path) else { continue };
        let rows = vec![KIND, FIELDS, kind.fields];
        let section = Section::open(reading, table, rows, path, entry.node.span.clone());
        let fallback = section
            .text("fallback")
            .and_then(|text| names.channel(reading, &text, &section.place("fallback")));
        let Ok(name) = ChannelName::new(&entry.key) else { continue };
        if let Some(fallback) = &fallback {
            fallbacks.insert(name.clone(), vec![fallback.clone()]);
        }
        if let Some(part) = (kind.read)(&section) {
            plans.push(ChannelPlan { name, kind: kind.name, fallback, quota: section.count("quota"), part });
        }
    }
    for circle in circles(&fallbacks) {
        let places: Vec<&Range<usize>> = circle.iter().filter_map(|name| names.channels.get(name)).collect();
        circle_fault(
            reading,
            "the fallbacks",
            circle.iter().map(ChannelName::as_str).collect(),
            places.first(),
        );
    }
    plans
}

/// The kind that a table names; its other keys mean nothing without it. `also` are kinds that somebody else reads.
pub(crate) fn kind_of<C>(
    reading: &Reading<'_>,
    entry: &Entry,
    table: &Table,
    kinds: &'static [Kind<C>],
    also: &[&'static str],
    path: &str,
) -> Option<&'static Kind<C>> {
    let names = || also.iter().copied().chain(kinds.iter().map(|kind| kind.name));
    let list = || names().collect::<Vec<_>>().join(", ");
    let Some(written) = table.get("kind") else {
        reading
            .error(codes::MISSING, &entry.node.span, format!("[{}] lacks `kind`", shown(path)))
            .help(format!("kind is one of {}", list()));
        return None;
    };
    let Value::Text(word) = &written.node.value else {
        let what = format!("expected a text, found {}", written.node.value.found());
        reading.error(codes::WRONG_TYPE, &written.node.span, what).help(format!("kind is one of {}", list()));
        return None;
    };
    let found = kinds.iter().find(|kind| kind.name == word);
    if found.is_none() {
        let mut fault = reading.error(
            codes::UNKNOWN_KIND,
            &written.node.span,
            format!("no kind is called \"{}\"", shown(word)),
        );
        match nearest(word, names()) {
            Some(meant) => fault.help(format!("did you mean \"{meant}\"?")),
            None => fault.help(format!("kind is one of {}", list())),
        }
    }
    found
}
