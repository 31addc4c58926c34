//! Escalations: who is told next while nobody answers.
//!
//! The first page is step 1 and goes to `notify`. The later steps count from it. While it is acknowledged no step is
//! taken; when the acknowledgement runs out, everybody who was reached so far is asked again, and what was left to the
//! next step begins anew. Steps that came due while pages were held back are taken together.

use serde::{Deserialize, Serialize};

use crate::effect::{News, Reason};
use crate::expectation::Step;
use crate::ids::ChannelName;
use crate::time::{Span, Timestamp};

/// How far an escalation went.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Climb {
    /// Later steps that were taken.
    pub(super) taken: usize,
    /// Since when nobody answers: the first page, or the end of the last acknowledgement. None before the first page.
    pub(super) asked: Option<Timestamp>,
    /// How far into the escalation that was.
    from: Span,
}

impl Climb {
    /// The first page went out.
    pub(super) fn begin(now: Timestamp) -> Self {
        Self { asked: Some(now), ..Self::default() }
    }

    /// An acknowledgement ran out. `stops` is a known bug.
    pub(super) fn ask_again(&mut self, steps: &[Step], now: Timestamp, stops: bool) {
        self.asked = if stops { None } else { Some(now) };
        self.from = self.last(steps).map_or(Span::ZERO, |step| step.after);
    }

    /// When the next step is due.
    pub(super) fn next(&self, steps: &[Step]) -> Option<Timestamp> {
        Some(self.asked? + (steps.get(self.taken)?.after - self.from))
    }

    /// Where it stands once everything due is taken, and who is told of that; none if nothing is due.
    pub(super) fn climb(&self, steps: &[Step], now: Timestamp) -> Option<(Self, Vec<ChannelName>)> {
        let mut higher = self.clone();
        let mut to = Vec::new();
        while higher.next(steps).is_some_and(|at| at <= now) {
            join(&mut to, &steps.get(higher.taken)?.notify);
            higher.taken += 1;
        }
        (higher.taken > self.taken).then_some((higher, to))
    }

    /// What the page of the last step says.
    pub(super) fn news(&self, steps: &[Step], since: Timestamp, reason: Reason, now: Timestamp) -> News {
        let unanswered = self.asked.map_or(Span::ZERO, |asked| now.since(asked));
        News::Escalated { since, reason, step: number(self.taken), of: number(steps.len()), unanswered }
    }

    /// Everybody whose step was taken.
    pub(super) fn reached(&self, notify: &[ChannelName], steps: &[Step]) -> Vec<ChannelName> {
        let mut all = Vec::new();
        join(&mut all, notify);
        for step in steps.iter().take(self.taken) {
            join(&mut all, &step.notify);
        }
        all
    }

    fn last<'a>(&self, steps: &'a [Step]) -> Option<&'a Step> {
        steps.get(self.taken.min(steps.len()).checked_sub(1)?)
    }
}

/// Adds those who are not there yet.
pub(super) fn join(all: &mut Vec<ChannelName>, more: &[ChannelName]) {
    for channel in more {
        if !all.contains(channel) {
            all.push(channel.clone());
        }
    }
}

/// The number that people know a later step by: the first page was step 1.
pub(super) fn number(later: usize) -> u32 {
    u32::try_from(later).map_or(u32::MAX, |later| later.saturating_add(1))
}
