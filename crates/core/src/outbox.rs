//! Which page goes to which channel, and when it is tried again. Sans-I/O, like the roll call.

use serde::{Deserialize, Serialize};

use crate::effect::Page;
use crate::ids::ChannelName;
use crate::time::Timestamp;

/// One page for one channel. `page.incident`, `page.number` and `channel` make its idempotency key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The page.
    pub page: Page,
    /// The channel.
    pub channel: ChannelName,
    /// Set when this entry stands in for a broken channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_for: Option<ChannelName>,
    /// Where it stands.
    pub state: EntryState,
    /// Tries so far.
    pub attempts: u32,
    /// The last refusal or failure in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When it was put in.
    pub queued: Timestamp,
}

impl Entry {
    /// The idempotency key, the same on every retry.
    pub fn key(&self) -> String {
        format!("{}/{}/{}", self.page.incident, self.page.number, self.channel)
    }
}

/// Where an entry stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryState {
    /// To be tried at this time.
    Waiting {
        /// Not before then.
        next_try: Timestamp,
    },
    /// The channel accepted it.
    Delivered {
        /// When.
        at: Timestamp,
        /// The channel's own words or number.
        receipt: String,
    },
    /// The channel refused it for good.
    Refused {
        /// When.
        at: Timestamp,
        /// Why.
        why: String,
    },
    /// Told as part of another entry: a digest, or the end of the same incident ("was down a–b").
    Folded {
        /// When.
        at: Timestamp,
        /// The key of the entry that tells it.
        into: String,
    },
}
