//! Looks at what this host does by itself.

use std::sync::Arc;
use std::time::Duration;

use muster_host::adopt::record::Record;
use muster_host::state::Layout;

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
    layout: Layout,
}

impl Discover {
    pub(super) fn new(context: &Context) -> Self {
        Self {
            handle: context.handle.clone(),
            survey: Arc::clone(&context.survey),
            layout: context.layout.clone(),
        }
    }
}

impl Duty for Discover {
    fn perform(&mut self, _why: Why) -> Performing<'_> {
        Box::pin(async move {
            let survey = Arc::clone(&self.survey);
            let layout = self.layout.clone();
            // Read before the host is: a line that is adopted meanwhile is then no newcomer.
            let (record, host) = blocking(move || (Record::read(&layout), survey())).await?;
            let record = record.map_err(|error| format!("the record of adoptions: {error}"))?.map(Box::new);
            let words = format!("{} scheduled, {} not to be seen", host.scheduled.len(), host.unseen.len());
            let sent = self.handle.inbox.send(Message::Host { roll: Box::new(host), record }).await;
            sent.map(|()| words).map_err(|_| "the agent has stopped".to_owned())
        })
    }
}
