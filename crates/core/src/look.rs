//! One look of a check, as it is remembered: its verdict and how long it took. What it saw in detail is kept only of the
//! last one, and of those that went badly.

use serde::{Deserialize, Serialize};

use crate::effect::Verdict;
use crate::ids::ExpectationId;
use crate::time::{Span, Timestamp};

/// One look, or a row of slots in which nobody looked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// Which check.
    pub about: ExpectationId,
    /// The slot that it fills; none for a look between two slots, because the last one went badly or somebody asked.
    pub due: Option<Timestamp>,
    /// When it began; for a slot in which nobody looked, when that was certain.
    pub at: Timestamp,
    /// The verdict.
    pub verdict: Verdict,
    /// How long it took; none where nobody looked.
    pub took: Option<Span>,
    /// More slots of the same check after `due` that ended the same way, each `every` after the one before.
    pub further: u32,
    /// The time between two slots.
    pub every: Span,
}

/// A look that went badly, in full.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// Which check.
    pub about: ExpectationId,
    /// When it began.
    pub at: Timestamp,
    /// What it saw.
    pub sight: Sight,
}

/// What one look saw, for people.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Sight {
    /// What became of it, in one sentence.
    pub words: String,
    /// In which way it is bad: `name`, `connect`, `tls`, `timeout`, `protocol`, `refused`, `absent`, `unmet`, `internal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// How long each phase took, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<(String, Span)>,
    /// What was asked of it and is not so, each with what was observed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmet: Vec<String>,
    /// The values that it found, as text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<(String, String)>,
    /// What happened, line by line, without secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
}

/// What is looked at and how it looked last, for the screens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Last {
    /// Which check.
    pub about: ExpectationId,
    /// The name of its kind.
    pub kind: String,
    /// What it looks at, without a secret.
    pub target: String,
    /// From where: `host`, `container:api`.
    pub from: String,
    /// From one slot to the next.
    pub every: Span,
    /// The last look; none before the first one.
    pub look: Option<Look>,
    /// What that look saw.
    pub sight: Sight,
    /// When it last looked well, and how long that took.
    pub well: Option<(Timestamp, Span)>,
}

/// What a day of a check came to. Slots only: what was looked at between them does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// It looked well.
    pub ok: u32,
    /// It looked bad.
    pub failed: u32,
    /// Nobody could see.
    pub unknown: u32,
    /// Nobody looked.
    pub missed: u32,
    /// All times of the looks together, in milliseconds.
    pub took: u64,
    /// The longest look, in milliseconds.
    pub longest: u32,
}

impl Tally {
    /// Adds one look.
    pub fn add(&mut self, look: &Look) {
        if look.due.is_some() {
            self.add_slots(look.verdict, look.further.saturating_add(1), look.took);
        }
    }

    /// Adds slots that ended the same way; `took` is the length of the one look behind them, if there was one.
    pub fn add_slots(&mut self, verdict: Verdict, slots: u32, took: Option<Span>) {
        let sum = match verdict {
            Verdict::Ok => &mut self.ok,
            Verdict::Failed => &mut self.failed,
            Verdict::Unknown => &mut self.unknown,
            Verdict::Missed | Verdict::Skipped => &mut self.missed,
        };
        *sum = sum.saturating_add(slots);
        if let Some(took) = took {
            self.took = self.took.saturating_add(took.as_millis());
            self.longest = self.longest.max(u32::try_from(took.as_millis()).unwrap_or(u32::MAX));
        }
    }

    /// Adds another tally.
    pub fn join(&mut self, other: &Self) {
        self.ok = self.ok.saturating_add(other.ok);
        self.failed = self.failed.saturating_add(other.failed);
        self.unknown = self.unknown.saturating_add(other.unknown);
        self.missed = self.missed.saturating_add(other.missed);
        self.took = self.took.saturating_add(other.took);
        self.longest = self.longest.max(other.longest);
    }

    /// The share of the slots that were seen in which it looked well; none where nothing was seen.
    pub fn uptime(&self) -> Option<f64> {
        let seen = u64::from(self.ok) + u64::from(self.failed);
        (seen > 0).then(|| f64::from(self.ok) / seen as f64)
    }

    /// The share of all slots that were seen; none where there were none.
    pub fn coverage(&self) -> Option<f64> {
        let seen = u64::from(self.ok) + u64::from(self.failed);
        let all = seen + u64::from(self.unknown) + u64::from(self.missed);
        (all > 0).then(|| seen as f64 / all as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(due: Option<i64>, verdict: Verdict, further: u32) -> Look {
        Look {
            about: ExpectationId::new("check.site").expect("a name"),
            due: due.map(Timestamp::from_seconds),
            at: Timestamp::from_seconds(1000),
            verdict,
            took: matches!(verdict, Verdict::Ok | Verdict::Failed).then(|| Span::millis(40)),
            further,
            every: Span::seconds(60),
        }
    }

    #[test]
    fn what_nobody_saw_lowers_the_coverage_and_never_the_uptime() {
        let mut tally = Tally::default();
        for one in [
            look(Some(0), Verdict::Ok, 0),
            look(Some(60), Verdict::Ok, 0),
            look(Some(120), Verdict::Failed, 0),
            look(None, Verdict::Failed, 0),
            look(Some(180), Verdict::Unknown, 2),
            look(Some(360), Verdict::Missed, 0),
        ] {
            tally.add(&one);
        }
        assert_eq!((tally.ok, tally.failed, tally.unknown, tally.missed), (2, 1, 3, 1));
        assert_eq!(tally.uptime(), Some(2.0 / 3.0));
        assert_eq!(tally.coverage(), Some(3.0 / 7.0));
        assert_eq!(Tally::default().uptime(), None);
    }
}
