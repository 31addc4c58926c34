//! Deliveries under way: one task each, so that a channel that hangs delays nobody else.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use muster_core::ids::ChannelName;
use muster_core::outbox::{Delivery, Dispatch};
use tokio::task::{Id, JoinSet};

use crate::parts::{Channel, Telling};

/// The longest that one delivery may take, whatever the channel's own deadlines are. Less than the outbox waits.
const DELIVERY: Duration = Duration::from_secs(40);

/// What became of one dispatch.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) key: String,
    pub(crate) channel: ChannelName,
    pub(crate) delivery: Delivery,
}

/// The channels and what they are sending.
#[derive(Default)]
pub(crate) struct Couriers {
    channels: HashMap<ChannelName, Arc<dyn Channel>>,
    tasks: JoinSet<Delivery>,
    under_way: HashMap<Id, (String, ChannelName)>,
}

impl Couriers {
    /// Replaces the channels. What is under way ends on the old ones.
    pub(crate) fn replace(&mut self, tellings: &[Telling]) {
        self.channels = tellings.iter().map(|one| (one.name.clone(), Arc::clone(&one.channel))).collect();
    }

    pub(crate) fn has(&self, channel: &ChannelName) -> bool {
        self.channels.contains_key(channel)
    }

    /// Sends one page.
    pub(crate) fn send(&mut self, dispatch: Dispatch) {
        let (key, name) = (dispatch.key.clone(), dispatch.entry.channel.clone());
        let Some(channel) = self.channels.get(&name).cloned() else {
            // The outbox refuses what has no channel by itself.
            return;
        };
        let task = self.tasks.spawn(async move {
            match tokio::time::timeout(DELIVERY, channel.deliver(&dispatch)).await {
                Ok(delivery) => delivery,
                Err(_) => Delivery::NotNow { why: format!("no answer within {DELIVERY:?}"), retry_at: None },
            }
        });
        self.under_way.insert(task.id(), (key, name));
    }

    /// The next delivery that ended; waits for ever if none is under way.
    pub(crate) async fn told(&mut self) -> Told {
        loop {
            let (id, delivery) = match self.tasks.join_next_with_id().await {
                Some(Ok((id, delivery))) => (id, delivery),
                Some(Err(error)) => {
                    let why = format!("the channel broke down: {error}");
                    (error.id(), Delivery::NotNow { why, retry_at: None })
                }
                None => std::future::pending().await,
            };
            if let Some((key, channel)) = self.under_way.remove(&id) {
                return Told { key, channel, delivery };
            }
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.tasks.is_empty()
    }
}
