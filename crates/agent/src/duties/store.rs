//! Comes back to the disk after the store was gone, and is bad news until then.

use std::time::Duration;

use super::table::{Context, Terms};
use crate::driver::{Duty, Performing, Why};
use crate::handle::Handle;
use crate::ledger::Standing;
use crate::resident::message::Message;

pub(super) const TERMS: Terms = Terms {
    name: "store",
    sentence: "keeps the history on disk, and comes back to it after a fault",
    period: Duration::from_secs(10),
    deadline: Duration::from_secs(45),
    after: 1,
};

/// How long the resident may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

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
            let standing = self.0.ask(ANSWER, Message::Store).await.map_err(|error| error.to_string())?;
            let attempt = match standing {
                Standing::Durable => return Ok("the store can be written".into()),
                Standing::Waiting(error) => return Err(error.to_string()),
                Standing::Try(attempt) => attempt,
            };
            let outcome = attempt.run().await;
            let told = self.0.ask(ANSWER, |reply| Message::Attempted { outcome, reply }).await;
            told.map_err(|error| error.to_string())?
        })
    }
}
