//! What somebody said is meant to be so: a note beside it, with a reason and an end.
//!
//! `# muster: allow CRON003 until=2027-01-31 reason="the mirror is noisy"` covers its own line and the next one; alone in
//! a file's first line it covers what is found about the file as a whole. `subject="*mirror*"` narrows it.

use muster_config::glob::{Piece, matches};
use muster_core::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::facts::Facts;
use crate::facts::files::Note;
use crate::rules::{Finding, Rule};

/// The longest time for which something may be allowed.
const LONGEST: Span = Span::days(366);

/// A note that was understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowance {
    /// The rule that it silences.
    pub rule: String,
    /// Where it stands.
    pub file: String,
    /// Line number, from 1.
    pub line: u32,
    /// It stands in muster.toml, and is about the whole host.
    pub everywhere: bool,
    /// The subject that it is about; none: whatever stands beside it.
    pub subject: Option<String>,
    /// Why.
    pub reason: String,
    /// The first day on which it holds no more.
    pub until: Timestamp,
}

impl Allowance {
    /// It is about that finding, and still holds.
    pub(crate) fn covers(&self, rule: &Rule, finding: &Finding, at: Timestamp) -> bool {
        at < self.until && self.is_about(rule, finding)
    }

    /// It is about that finding, whether it still holds or not.
    pub(crate) fn is_about(&self, rule: &Rule, finding: &Finding) -> bool {
        let beside = finding.place.line.is_none_or(|line| line == self.line || line == self.line + 1);
        let here = self.everywhere || (self.file == finding.place.source && beside);
        let named = self.subject.as_ref().is_none_or(|glob| covers(glob, &finding.subject));
        self.rule == rule.id && here && named
    }
}

/// Every note that can be understood.
pub fn read(facts: &Facts) -> Vec<Allowance> {
    facts.notes.iter().filter_map(|note| of_note(note, facts.at).ok()).collect()
}

/// Reads a note.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn of_note(note: &Note, at: Timestamp) -> Result<Allowance, String> {
    let (id, mut rest) = note.text.split_once(' ').unwrap_or((&note.text, ""));
    if crate::rules::rule(id).is_none() {
        return Err(format!("there is no rule {id:?}"));
    }
    let mut allowance = Allowance {
        rule: id.to_ascii_uppercase(),
        file: note.file.clone(),
        line: note.line,
        everywhere: note.everywhere,
        subject: None,
        reason: String::new(),
        until: at,
    };
    let mut ended = false;
    while let Some((key, value)) = rest.trim_start().split_once('=') {
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or("a quote is not closed")?,
            None => value.split_once(' ').unwrap_or((value, "")),
        };
        match key.trim() {
            "until" => {
                allowance.until =
                    day(value).ok_or_else(|| format!("until={value} is no day such as 2027-01-31"))?;
                ended = true;
            }
            "reason" => allowance.reason = value.trim().to_owned(),
            "subject" => allowance.subject = Some(value.to_owned()),
            other => return Err(format!("{other:?} means nothing; it takes until, reason and subject")),
        }
        rest = after;
    }
    if allowance.reason.is_empty() {
        return Err("it says no reason".to_owned());
    }
    if !ended {
        return Err("it has no end: until=2027-01-31".to_owned());
    }
    if allowance.until > at + LONGEST {
        return Err("it ends more than a year from now".to_owned());
    }
    Ok(allowance)
}

/// `*` stands for anything.
fn covers(glob: &str, text: &str) -> bool {
    let pieces: Vec<Piece> =
        glob.chars().map(|c| if c == '*' { Piece::Many } else { Piece::Letter(c) }).collect();
    matches(&pieces, text)
}

/// Midnight of a day in UTC.
fn day(text: &str) -> Option<Timestamp> {
    let date: jiff::civil::Date = text.parse().ok()?;
    let midnight = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Timestamp::from_seconds(midnight.timestamp().as_second()))
}
