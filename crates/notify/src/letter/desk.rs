//! Writes letters.

use jiff::tz::TimeZone;
use muster_core::effect::{News, Page, Reason};
use muster_core::outbox::{Dispatch, Entry};
use muster_core::signal::Outcome;
use muster_core::time::{Span, Timestamp};
use muster_core::words;

use super::sheet::{Event, Letter};

/// Longest title in characters.
const TITLE: usize = 200;
/// Longest body in bytes, where all else failed.
const BODY: usize = 8 * 1024;
/// Lines of a digest.
const LISTED: usize = 50;
/// Longest foreign sentence in bytes. Everything foreign is bounded by itself, so that what to do next, which comes
/// last, is never cut off.
const LONG: usize = 300;
/// Longest foreign name in bytes.
const SHORT: usize = 80;
/// Most notes of an outcome that are told.
const NOTES: usize = 5;
/// Most bytes and lines of output that are told.
const OUTPUT: (usize, usize) = (3000, 20);

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
                (Event::Opened, format!("FIRING {name} on {}: {}", self.place(page), self.gist(reason, page)))
            }
            News::Reminder { since, reason, nth } => {
                self.bad(&mut body, page, *since, reason);
                line(&mut body, &format!("This is reminder {nth}."));
                let lasted = page.at.since(*since);
                (Event::Reminder, format!("STILL FIRING {name} for {lasted}: {}", self.gist(reason, page)))
            }
            News::AcknowledgementExpired { since, reason, by } => {
                self.bad(&mut body, page, *since, reason);
                let by = clip(&words::harmless(by), SHORT);
                line(&mut body, &format!("{by} had acknowledged it; that has run out and it is still bad."));
                (Event::AcknowledgementExpired, format!("STILL ON IT? {name}: {}", self.gist(reason, page)))
            }
            News::Escalated { since, reason, step, of, unanswered } => {
                self.bad(&mut body, page, *since, reason);
                line(
                    &mut body,
                    &format!(
                        "Nobody has answered for {unanswered}. This is step {step} of {of} of its escalation."
                    ),
                );
                (
                    Event::Escalated,
                    format!(
                        "NO ANSWER for {unanswered}, step {step} of {of}: {name} on {}: {}",
                        self.place(page),
                        self.gist(reason, page)
                    ),
                )
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
                line(
                    &mut body,
                    &format!("What had been wrong: {}.", clip(&words::reason(reason, &at), LONG)),
                );
                for told in folded.iter().filter(|_| entry.late).take(1) {
                    self.evidence(&mut body, told.page.evidence.as_ref());
                }
                let title = if entry.late {
                    format!("RESOLVED {name}: was bad {} ({lasted})", self.interval(*since, *until))
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
                line(
                    &mut body,
                    &format!("What had been wrong: {}.", clip(&words::reason(reason, &at), LONG)),
                );
                (Event::Withdrawn, format!("WITHDRAWN {name}: no longer expected"))
            }
            News::Test { by } => {
                line(
                    &mut body,
                    &format!(
                        "{} asked for this test of {}. You read it, so it works.",
                        clip(&words::harmless(by), SHORT),
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

    /// What is bad now comes first, then what is over; one line for each incident, its latest page.
    fn digest(&self, dispatch: &Dispatch) -> (Event, String, String) {
        let mut entries: Vec<&Entry> = Vec::new();
        for entry in dispatch.folded.iter().chain([&dispatch.entry]) {
            match entries.iter_mut().find(|known| known.page.incident == entry.page.incident) {
                Some(known) if known.page.number <= entry.page.number => *known = entry,
                Some(_) => {}
                None => entries.push(entry),
            }
        }
        let (bad, over): (Vec<&Entry>, Vec<&Entry>) =
            entries.iter().copied().partition(|entry| !entry.page.news.is_end());
        let mut body = String::new();
        line(
            &mut body,
            if dispatch.entry.gathered.is_some() {
                "These have a cause in common with the message before, and came within seconds of it."
            } else {
                "Many things changed; here they are in one message."
            },
        );
        let mut room = LISTED;
        for (heading, part) in [("bad now:", &bad), ("over again:", &over)] {
            if part.is_empty() {
                continue;
            }
            line(&mut body, &format!("\n{} {heading}", part.len()));
            for entry in part.iter().take(room) {
                let (_, title, _) = self.single(entry, &[]);
                line(&mut body, &format!("  {} {}", self.clock(entry.page.at), clip(&title, 120)));
            }
            if part.len() > room {
                line(&mut body, &format!("  and {} more; `muster status` shows all.", part.len() - room));
            }
            room = room.saturating_sub(part.len());
        }
        line(&mut body, &format!("\nHost: {} ({})", self.host, words::harmless(&self.site)));
        line(&mut body, "All of it: muster status");
        (
            Event::Digest,
            format!("DIGEST from {}: {} bad, {} over again", self.host, bad.len(), over.len()),
            body,
        )
    }

    fn bad(&self, body: &mut String, page: &Page, since: Timestamp, reason: &Reason) {
        let at = |moment| self.moment(moment);
        let name = &page.about;
        let ended = page.evidence.as_ref().map(|outcome| clip(&words::outcome(outcome), LONG));
        match (reason, ended) {
            (Reason::Failed { times: 0 | 1 }, Some(ended)) => line(body, &format!("{name} failed: {ended}")),
            (Reason::Failed { times }, Some(ended)) => {
                line(body, &format!("{name} failed {times} times in a row, the last time: {ended}"));
            }
            (Reason::Often { bad, of, hearing }, Some(ended)) => {
                let often = words::often(*bad, *of, *hearing);
                line(body, &format!("{name}: {often}, the last bad one: {ended}"));
            }
            (_, ended) => {
                line(body, &format!("{name}: {}.", clip(&words::reason(reason, &at), LONG)));
                if let Some(ended) = ended {
                    line(body, &format!("Ended: {ended}"));
                }
            }
        }
        line(body, &format!("Since: {}", at(since)));
        self.evidence(body, page.evidence.as_ref());
    }

    fn evidence(&self, body: &mut String, outcome: Option<&Outcome>) {
        let Some(outcome) = outcome else { return };
        if let Some(attempts) = words::attempts(outcome) {
            line(body, &format!("Tried again: {}", clip(&attempts, LONG)));
        }
        for unmet in outcome.unmet.iter().take(NOTES) {
            line(body, &format!("Not as expected: {}", clip(&words::harmless(unmet), LONG)));
        }
        for note in outcome.notes.iter().take(NOTES) {
            line(body, &format!("Note: {}", clip(&words::harmless(note), LONG)));
        }
        if let Some(log) = &outcome.log {
            line(body, &format!("Log: {}", clip(&words::harmless(log), LONG)));
        }
        let last = last_lines(&outcome.tail);
        if !last.is_empty() {
            line(body, "Last output:");
            for text in last.lines() {
                line(body, &format!("  {text}"));
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
            | News::Escalated { .. }
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
            .map_or_else(|| self.host.clone(), |host| clip(&words::harmless(host), SHORT))
    }

    /// The shortest way to say why.
    fn gist(&self, reason: &Reason, page: &Page) -> String {
        match (reason, &page.evidence) {
            (Reason::Failed { times }, Some(outcome)) if *times > 1 => {
                format!("{} ({times} in a row)", words::outcome(outcome))
            }
            (Reason::Failed { .. }, Some(outcome)) => words::outcome(outcome),
            (Reason::Failed { times: 0 | 1 }, None) => "it failed".to_owned(),
            (Reason::Failed { times }, None) => format!("it failed {times} times in a row"),
            (Reason::Often { bad, of, hearing }, Some(outcome)) => {
                format!("{}; {}", words::often(*bad, *of, *hearing), words::outcome(outcome))
            }
            (Reason::Often { bad, of, hearing }, None) => words::often(*bad, *of, *hearing),
            (Reason::Missed { due, .. }, _) => format!("was due {} and did not report", self.clock(*due)),
            (Reason::NeverReported { .. }, _) => "has never reported".to_owned(),
            (Reason::TooLong { limit, .. }, _) => format!("still running past its limit of {limit}"),
            (Reason::TooShort { took, .. }, _) => {
                format!("ended well after {}, too fast", words::length(*took))
            }
            (Reason::Odd { measure, observed, usual, running, .. }, _) => {
                words::odd(*measure, *observed, usual, *running)
            }
            (Reason::Skipped { times: 0 | 1, .. }, _) => "gave way instead of running".to_owned(),
            (Reason::Skipped { times, .. }, _) => format!("gave way {times} times in a row"),
            (Reason::NoSuccess { every, .. }, _) => format!("no success for more than {every}"),
            (Reason::Spent { used, quota }, _) => format!("quota spent: {used} of {quota} messages of a day"),
            (Reason::Unschedulable { .. }, _) => "nobody knows when it is due".to_owned(),
            (Reason::Unseen { since, .. }, _) => {
                format!("could not be seen for {}", page.at.since(*since).max(Span::seconds(1)))
            }
        }
    }

    /// `03:10–03:25`, with the days where they differ.
    fn interval(&self, since: Timestamp, until: Timestamp) -> String {
        const DAY: &str = "%b %-d %H:%M";
        if self.zoned(since, "%F") == self.zoned(until, "%F") {
            format!("{}–{}", self.clock(since), self.clock(until))
        } else {
            format!("{} – {}", self.zoned(since, DAY), self.zoned(until, DAY))
        }
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

/// The last lines of output, as far as they fit into a page.
fn last_lines(tail: &str) -> String {
    let (bytes, lines) = OUTPUT;
    let tail: Vec<String> = tail.trim_end().lines().map(|text| words::harmless(&uncoloured(text))).collect();
    let tail = tail[tail.len().saturating_sub(lines)..].join("\n");
    let mut start = tail.len().saturating_sub(bytes);
    while !tail.is_char_boundary(start) {
        start += 1;
    }
    tail[start..].to_owned()
}

/// Output without the escape sequences (ECMA-48, 5.4) that colour it on a terminal.
fn uncoloured(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = after.trim_start_matches(|c: char| ('\u{20}'..='\u{3f}').contains(&c));
        rest = rest.strip_prefix(|c: char| ('\u{40}'..='\u{7e}').contains(&c)).unwrap_or(rest);
    }
    plain.push_str(rest);
    plain.trim_end_matches('\r').to_owned()
}

/// The beginning of a text, in bytes.
fn clip(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let mut end = limit;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

fn line(body: &mut String, text: &str) {
    body.push_str(text);
    body.push('\n');
}

fn cut(mut body: String) -> String {
    const MARK: &str = "\n[cut]\n";
    if body.len() > BODY {
        let mut end = BODY - MARK.len();
        while !body.is_char_boundary(end) {
            end -= 1;
        }
        body.truncate(end);
        body.push_str(MARK);
    }
    body
}

#[cfg(test)]
mod tests;
