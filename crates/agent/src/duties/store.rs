//! Comes back to the disk after the store was gone, and is bad news until then.

use std::time::Duration;

use super::table::{Context, Terms};
use crate::driver::{Duty, Performing, Why};
use crate::handle::Handle;
use crate::resident::message::Message;

pub(super) const TERMS: Terms = Terms {
    name: "store",
    sentence: "keeps the history on disk, and comes back to it after a fault",
    period: Duration::from_secs(10),
    deadline: Duration::from_secs(30),
    after: 1,
};

/// The duty.
pub(super) struct Store(Handle);

impl Store {
    pub(super) fn new(context: &Context) -> Self {
        Self(context.handle.clone())
    }
}

impl Duty for Store {
    fn perform(&mut self, _why: Why) -> Performing<'_> {
        Box::pin(async move {
            let answer = self.0.ask(Duration::from_secs(25), Message::Store).await;
            answer.map_err(|error| error.to_string())?
        })
    }
}
