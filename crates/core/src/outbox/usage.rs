//! How much of its quota a channel has used: a view for screens, and for the news that nothing is left.

use serde::{Deserialize, Serialize};

use super::machine::Outbox;
use super::thrift::RESERVE;
use crate::ids::ChannelName;
use crate::time::Timestamp;

/// What a channel took within the last day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Messages.
    pub messages: u32,
    /// How many it takes, if there is such a limit.
    pub quota: Option<u32>,
}

impl Usage {
    /// True if nothing is left.
    pub fn is_spent(&self) -> bool {
        self.quota.is_some_and(|quota| self.messages >= quota)
    }

    /// True if more is left than what is kept for first news: a quota that was spent and has one message left again is
    /// spent by the next one.
    pub fn has_room(&self) -> bool {
        self.quota.is_none_or(|quota| quota.saturating_sub(self.messages) > quota.div_ceil(RESERVE))
    }
}

impl Outbox {
    /// What each configured channel took within the last day.
    pub fn usage(&self, now: Timestamp) -> impl Iterator<Item = (&ChannelName, Usage)> + '_ {
        self.routes.iter().map(move |route| {
            let messages = self.lanes.get(&route.name).map_or(0, |lane| lane.spent(now));
            (&route.name, Usage { messages, quota: route.quota })
        })
    }
}
