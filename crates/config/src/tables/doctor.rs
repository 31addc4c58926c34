//! `[doctor]`: what the examination of a host is told.

use crate::field::{Field, Shape};
use crate::plan::Allow;
use crate::section::Section;
use crate::tables::{Form, TableRow};

/// The row of the table.
pub const ROW: TableRow = TableRow {
    name: "doctor",
    doc: "What `muster doctor` is told about this host. A note beside what it is about does the same: \
          `# muster: allow CRON001 until=2027-01-31 reason=\"why\"`.",
    form: Form::Single,
    fields: FIELDS,
    example: "[[doctor.allow]]\nid = \"FW001\"\nsubject = \"*8080*\"\nreason = \"the firewall of the provider\"\nuntil = \
              \"2027-01-31\"\n",
};

const FIELDS: &[Field] = &[Field::new(
    "allow",
    Shape::Tables(ALLOW, 0),
    "Findings that are meant to be so: one [[doctor.allow]] for each. One that is over, or allows nothing, is a finding itself.",
    "[{ id = \"CTR003\", reason = \"built on this host\", until = \"2027-01-31\" }]",
)];

const ALLOW: &[Field] = &[
    Field::new("id", Shape::Text, "The rule; `muster doctor explain` lists them.", "\"FW001\"").required(),
    Field::new(
        "subject",
        Shape::Text,
        "What it is about, as the report in JSON names it; `*` stands for anything. Else all that the rule finds.",
        "\"*8080*\"",
    ),
    Field::new("reason", Shape::Text, "Why it is meant to be so.", "\"the firewall of the provider\"")
        .required(),
    Field::new(
        "until",
        Shape::Text,
        "The day from which it is a finding again, at most a year ahead.",
        "\"2027-01-31\"",
    )
    .required(),
];

/// Reads what is allowed.
pub(crate) fn read(section: &Section<'_>) -> Vec<Allow> {
    section.tables("allow").iter().filter_map(allow).collect()
}

fn allow(table: &Section<'_>) -> Option<Allow> {
    let until = table.text("until")?;
    let Ok(until) = until.parse::<jiff::civil::Date>() else {
        table.refuse("until", format!("{until:?} is no day"), "write it as in `until = \"2027-01-31\"`");
        return None;
    };
    for key in ["id", "reason", "subject"] {
        if table.text(key).is_some_and(|text| text.contains('"') || text.chars().any(char::is_control)) {
            table.refuse(key, "it is text on one line, without quotes", "leave them out");
            return None;
        }
    }
    Some(Allow {
        id: table.text("id")?,
        subject: table.text("subject"),
        reason: table.text("reason")?,
        until: until.to_string(),
        at: table.place("id").start,
    })
}
