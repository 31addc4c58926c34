//! `[check.NAME]`: something that is looked at or listened to. What is looked at comes with the catalogue; a heartbeat is
//! listened to, and all of it is here.

use muster_core::expectation::{Expectation, Hearing, Rhythm, Severity};
use muster_core::ids::ExpectationId;
use muster_core::time::Span;

use crate::field::{DAY, Field, LONGEST, NO_TIME, SECOND, Shape};
use crate::kind::Entry;
use crate::plan::Vantage;
use crate::section::Section;
use crate::tables::after::{self, After};
use crate::tables::defaults::Defaults;
use crate::tables::rhythm::{self, LEVELS, SEVERITY};
use crate::tables::{Form, TableRow, maintenance};

/// The row of the table.
pub const ROW: TableRow = TableRow {
    name: "check",
    doc: "Something that must look well, or be heard of. A kind that looks does so again and again; `heartbeat` waits to \
          be called.",
    form: Form::Family,
    fields: FIELDS,
    example: "",
};

/// Kinds of the language that are refused, where the catalogue lacks them, because they cannot be carried out yet.
pub const NOT_YET: &[&str] =
    &["http", "tcp", "tls", "dns", "smtp", "imap", "mail", "sql", "file", "flow", "ping"];

/// The keys of every check beside `kind`.
pub const FIELDS: &[Field] = &[
    Field::new(
        "recover",
        Shape::Whole(1, 100),
        "Good ones in a row before the end is told; else `recover` of [defaults], else 2 (a heartbeat 1).",
        "1",
    ),
    Field::new(
        "notify",
        Shape::List(&Shape::Text, 0),
        "Whom to tell; else `notify` of [defaults].",
        "[\"ops\"]",
    ),
    Field::new(
        "escalate",
        Shape::Text,
        "The [escalation] table that says who is told, and who next while nobody answers, in place of `notify`. Where a \
         table says neither, `escalate` of [defaults] holds, else [escalation.default], else `notify` of [defaults].",
        "\"default\"",
    ),
    Field::new(
        "depends_on",
        Shape::List(&Shape::Text, 0),
        "While one of these is in alarm, pages about this one are held back; names such as `check.uplink`.",
        "[\"check.uplink\", \"check.database\"]",
    ),
    maintenance::KEY,
];

/// The keys of every check that looks.
pub const LOOKED: &[Field] = &[
    Field::new("every", Shape::Duration(SECOND, DAY), "From one look to the next.", "\"20s\"").default("\"60s\""),
    Field::new(
        "timeout",
        Shape::Duration(100, DAY),
        "A look that takes longer is cut off and has failed; shorter than `every`. Else a quarter of `every`, from 2s to \
         10s.",
        "\"5s\"",
    ),
    Field::new(
        "retry",
        Shape::Duration(SECOND, DAY),
        "While looks fail and nobody was told yet, the next one begins so long after the last one began, or when that is \
         over. Else as long as `timeout`, and no shorter than a sixth of `every` up to 10s.",
        "\"5s\"",
    ),
    Field::new(
        "after",
        after::SHAPE,
        "Failed looks before a page: so many in a row, or so many of the last ones; else `after` of [defaults], else 3 in a \
         row.",
        "{ bad = 3, of = 5 }",
    ),
    Field::new(
        "severity",
        Shape::Table(LOUDNESS),
        "How loud each kind of bad news is.",
        "{ failed = \"warn\" }",
    )
    .default("{}"),
    Field::new(
        "from",
        Shape::List(&Shape::Text, 1),
        "From where it looks: `host`, `container:NAME` for the network of a Docker container, and `peer:NAME` for the host \
         of a peer that has `looks = true` about us. Firewalls may treat them differently, so each place has an alarm of \
         its own. A peer makes checks of the kinds http, tcp, tls, certificate, domain, dns, ping and smtp, without secrets \
         and files.",
        "[\"host\", \"container:api\", \"peer:fra1\"]",
    )
    .default("[\"host\"]"),
];

const LOUDNESS: &[Field] = &[
    Field::new("failed", Shape::Choice(LEVELS), "It looks bad.", "\"warn\"").default("\"page\""),
    Field::new("missed", Shape::Choice(LEVELS), "Nobody looks.", "\"warn\"").default("\"page\""),
];

/// The kind that listens.
pub(crate) const HEARTBEAT: Entry = Entry {
    name: "heartbeat",
    sentence: "Anything that can send an HTTP request calls its ping URL.",
    example: "[check.nas-sync]\nkind = \"heartbeat\"\nevery = \"1h\"\ngrace = \"10m\"\nnotify = [\"ops\"]\n",
    shared: &[],
    fields: LISTENED,
};

pub(crate) const LISTENED: &[Field] = &[
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
    Field::new(
        "after",
        after::SHAPE,
        "Bad verdicts before a page: so many in a row, or so many of the last ones. Silence does not repeat itself, so \
         `after` of [defaults] does not hold here.",
        "1",
    )
    .default("1"),
];

/// Reads a heartbeat; names are resolved later. `zone` is that of `[muster]`.
pub(crate) fn listened(
    section: &Section<'_>,
    id: &ExpectationId,
    zone: &str,
    defaults: &Defaults,
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
    let after = after::read(section)?;
    (expectation.after, expectation.of) = (after.bad, after.of);
    expectation.recover = section.count("recover").or(defaults.recover).unwrap_or(1);
    expectation.severity = rhythm::severity(section)?;
    expectation.hearing = Hearing::Direct;
    Some(expectation)
}

/// How much longer than its own time a look may take to be heard of: the rest is muster's own fault.
const SLACK: Span = Span::seconds(5);

/// The most that a default leaves to a look: the rest of `every` is for the look to be heard of.
fn unhurried(every: Span) -> Span {
    every.times(4).over(5)
}

/// How long a look may take where neither the file nor the kind says so.
fn default_timeout(every: Span) -> Span {
    every.over(4).clamp(Span::seconds(2), Span::seconds(10))
}

/// When a check looks, and from where.
#[derive(Debug)]
pub(crate) struct Looks {
    pub(crate) every: Span,
    pub(crate) timeout: Span,
    pub(crate) retry: Span,
    pub(crate) from: Vec<Vantage>,
    pub(crate) after: After,
    recover: u32,
    severity: Severity,
}

impl Looks {
    /// Reads the keys of a check that looks.
    pub(crate) fn read(section: &Section<'_>, defaults: &Defaults) -> Option<Self> {
        let every = section.duration("every")?;
        let timeout = match section.has("timeout") {
            true => section.duration("timeout")?,
            false => unhurried(every).min(section.duration("timeout").unwrap_or(default_timeout(every))),
        };
        if timeout >= every {
            section.contradiction(
                "timeout",
                format!("a look may take {timeout}, and the next one begins after {every}"),
                "make `timeout` shorter than `every`",
            );
            return None;
        }
        let retry = match section.has("retry") {
            true => section.duration("retry")?,
            // No shorter than a look may take, so that a target that hangs is told as soon as one that refuses.
            false => every.over(6).clamp(Span::seconds(1), Span::seconds(10)).max(timeout),
        };
        let loudness = section.table("severity")?;
        let severity = Severity {
            failed: rhythm::level(loudness.choice("failed")?),
            missed: rhythm::level(loudness.choice("missed")?),
            ..Severity::default()
        };
        Some(Self {
            every,
            timeout,
            retry: retry.min(every),
            from: vantages(section)?,
            after: after::read(section).or(defaults.after).unwrap_or(After::in_a_row(3)),
            recover: section.count("recover").or(defaults.recover).unwrap_or(2),
            severity,
        })
    }

    /// What is expected of it from one of its places.
    pub(crate) fn expectation(&self, id: ExpectationId) -> Expectation {
        let mut expectation = Expectation::new(id, Rhythm::Every(self.every), self.timeout + SLACK);
        (expectation.after, expectation.of) = (self.after.bad, self.after.of);
        expectation.recover = self.recover;
        expectation.severity = self.severity;
        expectation.hearing = Hearing::Looked;
        expectation
    }

    /// The name of the check at one of its places: the first has the plain one.
    pub(crate) fn name(&self, name: &str, from: &Vantage) -> String {
        if self.from.first() == Some(from) { name.to_owned() } else { format!("{name}@{}", from.word()) }
    }
}

/// Keys of kinds that name the host which is looked at.
const PLACES: &[&str] = &["url", "address", "host", "server", "smtp", "imap"];

/// The host that a check looks at, where one of its keys names it in the open.
pub(crate) fn target(section: &Section<'_>) -> Option<String> {
    let written = PLACES.iter().find(|key| section.has(key)).and_then(|key| section.text(key))?;
    let rest = written.split_once("://").map_or(written.as_str(), |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next()?;
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    let bare = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None if place.matches(':').count() == 1 => place.split(':').next()?,
        None => place,
    };
    (!bare.is_empty()).then(|| bare.to_ascii_lowercase())
}

fn vantages(section: &Section<'_>) -> Option<Vec<Vantage>> {
    let mut found = Vec::new();
    for word in section.texts("from") {
        let Some(vantage) = Vantage::of_word(&word) else {
            let place = section
                .items("from")
                .into_iter()
                .find(|(text, _)| *text == word)
                .map_or_else(|| section.place("from"), |(_, place)| place);
            section
                .reading()
                .error(crate::codes::BAD_VALUE, &place, "no place to look from is called so".into())
                .help("write \"host\", \"container:NAME\" or \"peer:NAME\"".into());
            return None;
        };
        if !found.contains(&vantage) {
            found.push(vantage);
        }
    }
    Some(found)
}
