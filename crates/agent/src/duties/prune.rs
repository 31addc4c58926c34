//! Keeps history within its bounds, in small steps.

use std::sync::Arc;
use std::time::Duration;

use muster_core::time::Span;

use super::spool::blocking;
use super::table::{Context, Terms};
use crate::clock::Clock;
use crate::driver::{Duty, Performing, Why};
use crate::handle::Handle;
use crate::resident::{Settings, message::Message};

pub(super) const TERMS: Terms = Terms {
    name: "prune",
    sentence: "keeps history within its bounds",
    period: Duration::from_secs(3600),
    deadline: Duration::from_secs(300),
    after: 2,
};

/// Most steps of one performance; each is a short transaction, and heartbeats pass between two of them.
const STEPS: u32 = 200;

/// Settled pages are needed this long to know who must hear the end of an incident.
const SETTLED: Span = Span::days(7);

/// The duty.
pub(super) struct Prune {
    handle: Handle,
    clock: Arc<dyn Clock>,
    settings: tokio::sync::watch::Receiver<Settings>,
}

impl Prune {
    pub(super) fn new(context: &Context) -> Self {
        Self {
            handle: context.handle.clone(),
            clock: Arc::clone(&context.clock),
            settings: context.settings.clone(),
        }
    }
}

impl Duty for Prune {
    fn perform(&mut self, _why: Why) -> Performing<'_> {
        Box::pin(async move {
            let Settings { keep, .. } = self.settings.borrow().clone();
            let now = self.clock.now().wall;
            let forget = |reply| Message::Forget { before: now - SETTLED, reply };
            self.handle.ask(Duration::from_secs(15), forget).await.map_err(|error| error.to_string())?;
            let mut rows = 0;
            for _ in 0..STEPS {
                let store = self.handle.store();
                let pruned =
                    blocking(move || store.prune(&keep, now)).await?.map_err(|error| error.to_string())?;
                rows += pruned.rows;
                if !pruned.more {
                    break;
                }
            }
            Ok(format!("{rows} rows removed"))
        })
    }
}
