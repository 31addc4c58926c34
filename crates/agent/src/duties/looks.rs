//! Sees to it that checks are being looked at: whatever stops the rounds becomes bad news here, and keeps the outside from
//! hearing that all is well.

use std::sync::Arc;
use std::time::Duration;

use super::table::{Context, Terms};
use crate::driver::{Duty, Performing, Why};
use crate::looks::Pulse;

pub(super) const TERMS: Terms = Terms {
    name: "looks",
    sentence: "sees to it that checks are being looked at",
    period: Duration::from_secs(10),
    deadline: Duration::from_secs(5),
    // A host that is short of breath now and then is no news.
    after: 3,
};

/// The duty.
pub(super) struct Looks {
    pulse: Arc<Pulse>,
}

impl Looks {
    pub(super) fn new(context: &Context) -> Self {
        Self { pulse: Arc::clone(&context.pulse) }
    }
}

impl Duty for Looks {
    fn perform(&mut self, _why: Why) -> Performing<'_> {
        let pulse = self.pulse.take();
        Box::pin(async move { pulse })
    }
}
