//! Looks at what this host does by itself.

use std::sync::Arc;
use std::time::Duration;

use super::spool::blocking;
use super::table::{Context, Terms};
use crate::driver::{Duty, Performing, Why};
use crate::handle::Handle;
use crate::parts::Survey;
use crate::resident::message::Message;

pub(super) const TERMS: Terms = Terms {
    name: "discover",
    sentence: "looks at what this host does by itself",
    period: Duration::from_secs(300),
    deadline: Duration::from_secs(60),
    after: 2,
};

/// The duty.
pub(super) struct Discover {
    handle: Handle,
    survey: Survey,
}

impl Discover {
    pub(super) fn new(context: &Context) -> Self {
        Self { handle: context.handle.clone(), survey: Arc::clone(&context.survey) }
    }
}

impl Duty for Discover {
    fn perform(&mut self, _why: Why) -> Performing<'_> {
        Box::pin(async move {
            let survey = Arc::clone(&self.survey);
            let host = blocking(move || survey()).await?;
            let words = format!("{} scheduled, {} not to be seen", host.scheduled.len(), host.unseen.len());
            let sent = self.handle.inbox.send(Message::Host(Box::new(host))).await;
            sent.map(|()| words).map_err(|_| "the agent has stopped".to_owned())
        })
    }
}
