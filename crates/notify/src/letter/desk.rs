//! Writes letters.

use std::fmt::Write as _;

use jiff::tz::TimeZone;
use muster_core::effect::{News, Page, Reason};
use muster_core::outbox::{Dispatch, Entry};
use muster_core::signal::Outcome;
use muster_core::time::{Span, Timestamp};
use muster_core::words;

use super::sheet::{Event, Letter};

/// Longest title in characters.
const TITLE: usize = 200;
/// Longest body in bytes.
const BODY: usize = 8 * 1024;
/// Lines of a digest.
const LISTED: usize = 40;

/// Where letters are written: for which installation, on which host, in which time zone.
#[derive(Debug, Clone)]
pub struct Desk {
    /// Name of the installation, as in `[muster].name`.
    pub site: String,
    /// Name of this host.
    pub host: String,
    /// IANA time zone; UTC if it is not known.
    pub zone: String,
}

impl Desk {
    /// Writes the letter of a page, or of several.
    pub fn write(&self, dispatch: &Dispatch) -> Letter {
        let entry = &dispatch.entry;
        let (event, title, body) =
            if entry.digest { self.digest(dispatch) } else { self.single(entry, &dispatch.folded) };
        let title: String = words::harmless(&title).chars().take(TITLE).collect();
        Letter { key: dispatch.key.clone(), event, title, body: cut(body), dispatch: dispatch.clone() }
    }

    fn single(&self, entry: &Entry, folded: &[Entry]) -> (Event, String, String) {
        let page = &entry.page;
        let name = page.about.as_str();
        let at = |moment| self.moment(moment);
        let mut body = String::new();
        let (event, title) = match &page.news {
            News::Opened { since, reason } => {
                self.bad(&mut body, page, *since, reason);
                (Event::Opened, format!("FIRING {name} on {}: {}", self.place(page), gist(reason, page)))
            }
            News::Reminder { since, reason, nth } => {
                self.bad(&mut body, page, *since, reason);
                line(&mut body, &format!("This is reminder {nth}."));
                let lasted = page.at.since(*since);
                (Event::Reminder, format!("STILL FIRING {name} after {lasted}: {}", gist(reason, page)))
            }
            News::AcknowledgementExpired { since, reason, by } => {
                self.bad(&mut body, page, *since, reason);
                let by = words::harmless(by);
                line(&mut body, &format!("{by} had acknowledged it; that has run out. Still on it?"));
                (Event::AcknowledgementExpired, format!("STILL ON IT? {name}: {}", gist(reason, page)))
            }
            News::Flapping { since, reason, times, window } => {
                self.bad(&mut body, page, *since, reason);
                line(
                    &mut body,
                    &format!(
                        "It went bad {times} times within {window}. This page stands for all of it until it has been quiet for {window}."
                    ),
                );
                (
                    Event::Flapping,
                    format!("FLAPPING {name} on {}: bad {times} times within {window}", self.place(page)),
                )
            }
            News::Resolved { since, until, reason } => {
                let lasted = words::length(until.since(*since));
                if entry.late {
                    line(
                        &mut body,
                        &format!(
                            "It was bad from {} to {} ({lasted}) and is well again.",
                            at(*since),
                            at(*until)
                        ),
                    );
                    line(
                        &mut body,
                        "This could not be told in time: the channel did not work while it lasted.",
                    );
                } else {
                    line(
                        &mut body,
                        &format!(
                            "Well again since {}. It was bad since {} ({lasted}).",
                            at(*until),
                            at(*since)
                        ),
                    );
                }
                line(&mut body, &format!("What had been wrong: {}.", words::reason(reason, &at)));
                for told in folded.iter().filter(|_| entry.late).take(1) {
                    self.evidence(&mut body, told.page.evidence.as_ref());
                }
                let title = if entry.late {
                    format!(
                        "RESOLVED {name}: was bad {}–{} ({lasted})",
                        self.clock(*since),
                        self.clock(*until)
                    )
                } else {
                    format!("RESOLVED {name}: well again, was bad for {lasted}")
                };
                (Event::Resolved, title)
            }
            News::Withdrawn { since, reason } => {
                line(
                    &mut body,
                    &format!(
                        "It is no longer in the configuration, so nobody waits for it. It was bad since {}.",
                        at(*since)
                    ),
                );
                line(&mut body, &format!("What had been wrong: {}.", words::reason(reason, &at)));
                (Event::Withdrawn, format!("WITHDRAWN {name}: no longer expected"))
            }
            News::Test { by } => {
                line(
                    &mut body,
                    &format!(
                        "{} asked for this test of {}. Pages will look like this.",
                        words::harmless(by),
                        entry.channel
                    ),
                );
                (Event::Test, format!("TEST from muster on {}", self.host))
            }
        };
        if let Some(broken) = &entry.fallback_for {
            line(&mut body, &format!("You get this because {broken} could not be reached."));
        }
        self.sign(&mut body, page);
        (event, title, body)
    }

    fn digest(&self, dispatch: &Dispatch) -> (Event, String, String) {
        let mut entries: Vec<&Entry> = dispatch.folded.iter().collect();
        entries.push(&dispatch.entry);
        let bad = entries.iter().filter(|entry| !entry.page.news.is_end()).count();
        let over = entries.len() - bad;
        let mut body = String::new();
        line(&mut body, "Many things changed in a short time; here they are in one message.");
        for entry in entries.iter().take(LISTED) {
            let (event, title, _) = self.single(entry, &[]);
            line(&mut body, &format!("{} {title} [{}]", self.clock(entry.page.at), event.word()));
        }
        if entries.len() > LISTED {
            line(&mut body, &format!("and {} more; `muster status` shows all.", entries.len() - LISTED));
        }
        self.sign(&mut body, &dispatch.entry.page);
        (Event::Digest, format!("DIGEST from {}: {bad} bad, {over} well again", self.host), body)
    }

    fn bad(&self, body: &mut String, page: &Page, since: Timestamp, reason: &Reason) {
        let at = |moment| self.moment(moment);
        line(body, &format!("{}: {}.", page.about, words::reason(reason, &at)));
        if let Some(outcome) = &page.evidence {
            line(body, &format!("Ended: {}", words::outcome(outcome)));
        }
        line(body, &format!("Since: {}", at(since)));
        self.evidence(body, page.evidence.as_ref());
    }

    fn evidence(&self, body: &mut String, outcome: Option<&Outcome>) {
        let Some(outcome) = outcome else { return };
        for note in &outcome.notes {
            line(body, &format!("Note: {}", words::harmless(note)));
        }
        if let Some(log) = &outcome.log {
            line(body, &format!("Log: {}", words::harmless(log)));
        }
        if !outcome.tail.trim().is_empty() {
            line(body, "Last output:");
            for text in last_lines(&outcome.tail) {
                line(body, &format!("  {}", words::harmless(text)));
            }
        }
    }

    fn sign(&self, body: &mut String, page: &Page) {
        line(body, &format!("Host: {} ({})", self.place(page), words::harmless(&self.site)));
        match &page.news {
            News::Resolved { .. } | News::Withdrawn { .. } | News::Test { .. } => {}
            News::Opened { .. }
            | News::Reminder { .. }
            | News::AcknowledgementExpired { .. }
            | News::Flapping { .. } => {
                if page.about.table() == "job" {
                    line(body, &format!("Look: muster jobs log {}", page.about.name()));
                }
                line(body, &format!("Seen it? muster ack {}", page.about));
            }
        }
    }

    /// The host that the evidence names, or this one.
    fn place(&self, page: &Page) -> String {
        page.evidence
            .as_ref()
            .and_then(|outcome| outcome.host.as_deref())
            .map_or_else(|| self.host.clone(), words::harmless)
    }

    /// `2026-11-21 03:10:04 +01:00`.
    fn moment(&self, at: Timestamp) -> String {
        self.zoned(at, "%Y-%m-%d %H:%M:%S %:z")
    }

    /// `03:10`.
    fn clock(&self, at: Timestamp) -> String {
        self.zoned(at, "%H:%M")
    }

    fn zoned(&self, at: Timestamp, format: &str) -> String {
        let zone = TimeZone::get(&self.zone).unwrap_or(TimeZone::UTC);
        match jiff::Timestamp::from_second(at.seconds()) {
            Ok(moment) => moment.to_zoned(zone).strftime(format).to_string(),
            Err(_) => at.to_string(),
        }
    }
}

/// The shortest way to say why.
fn gist(reason: &Reason, page: &Page) -> String {
    match (reason, &page.evidence) {
        (Reason::Failed { times }, Some(outcome)) if *times > 1 => {
            format!("{} ({times} in a row)", words::outcome(outcome))
        }
        (Reason::Failed { .. }, Some(outcome)) => words::outcome(outcome),
        (Reason::Failed { .. }, None) => "it failed".to_owned(),
        (Reason::Missed { .. }, _) => "it was due and did not report".to_owned(),
        (Reason::NeverReported { .. }, _) => "it has never reported".to_owned(),
        (Reason::TooLong { limit, .. }, _) => format!("still running past its limit of {limit}"),
        (Reason::TooShort { took, .. }, _) => format!("ended well after {}, too fast", words::length(*took)),
        (Reason::Skipped { times, .. }, _) => format!("skipped {times} times in a row"),
        (Reason::NoSuccess { every, .. }, _) => format!("no success for more than {every}"),
        (Reason::Unschedulable { .. }, _) => "nobody knows when it is due".to_owned(),
        (Reason::Unseen { since, .. }, _) => {
            format!("not seen for {}", page.at.since(*since).max(Span::seconds(1)))
        }
    }
}

/// The last lines of output: what fits into a page.
fn last_lines(tail: &str) -> Vec<&str> {
    const LINES: usize = 20;
    let lines: Vec<&str> = tail.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].to_vec()
}

fn line(body: &mut String, text: &str) {
    // Writing to a string cannot fail.
    drop(writeln!(body, "{text}"));
}

fn cut(mut body: String) -> String {
    if body.len() > BODY {
        let mut end = BODY;
        while !body.is_char_boundary(end) {
            end -= 1;
        }
        body.truncate(end);
        body.push_str("\n[cut]\n");
    }
    body
}
