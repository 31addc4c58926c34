//! Sees to it that waiting pages are handed out. The resident does so at each step; this notices if it does not.

use std::time::Duration;

use super::table::{Context, Terms};
use crate::driver::{Duty, Performing, Why};
use crate::handle::Handle;
use crate::resident::message::Message;

pub(super) const TERMS: Terms = Terms {
    name: "deliver",
    sentence: "sees to it that waiting pages are handed to their channels",
    period: Duration::from_secs(10),
    deadline: Duration::from_secs(20),
    after: 2,
};

/// The duty.
pub(super) struct Deliver(Handle);

impl Deliver {
    pub(super) fn new(context: &Context) -> Self {
        Self(context.handle.clone())
    }
}

impl Duty for Deliver {
    fn perform(&mut self, _why: Why) -> Performing<'_> {
        Box::pin(async move {
            let report = self.0.ask(Duration::from_secs(10), Message::Audit).await;
            let report = report.map_err(|error| error.to_string())?;
            match (report.undispatched, report.undelivered) {
                (Some(late), _) => Err(format!("a page should have been handed out {late} ago")),
                (None, Some(age)) => Ok(format!("the oldest page waits for {age}")),
                (None, None) => Ok("no page waits".into()),
            }
        })
    }
}
