//! The values of the outbox: what is stored, what is handed out, and what comes back.

use serde::{Deserialize, Serialize};

use crate::effect::Page;
use crate::ids::ChannelName;
use crate::time::Timestamp;

/// One page for one channel. `page.incident`, `page.number` and `channel` make its identity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The page.
    pub page: Page,
    /// The channel.
    pub channel: ChannelName,
    /// Set when this entry stands in for a broken channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_for: Option<ChannelName>,
    /// The page ends an incident of which this channel was told nothing: the words are "was bad from a to b". Decided
    /// when the entry is handed out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    /// This entry speaks for the entries folded into it as well, which are about other incidents too: a list.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub digest: bool,
    /// It came within the window of the page of this key, and is told together with what else did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gathered: Option<String>,
    /// Where it stands.
    pub state: EntryState,
    /// Tries that came to an end so far.
    pub attempts: u32,
    /// The last refusal or failure in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When it was put in.
    pub queued: Timestamp,
}

impl Entry {
    /// The identity, under which it is stored and reported: `incident/number/channel`.
    pub fn key(&self) -> String {
        key(&self.page, &self.channel)
    }

    /// True once nothing more will happen to it by itself.
    pub fn is_settled(&self) -> bool {
        !matches!(self.state, EntryState::Waiting { .. })
    }
}

pub(super) fn key(page: &Page, channel: &ChannelName) -> String {
    format!("{}/{}/{}", page.incident, page.number, channel)
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

/// A channel as the outbox knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Its name under `[notify]`.
    pub name: ChannelName,
    /// Who also gets what this one cannot deliver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<ChannelName>,
    /// How many messages it takes a day, if there is such a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<u32>,
}

/// One entry to be sent now, with what it speaks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Dispatch {
    /// The idempotency key to hand to the receiver: the entry's key, and for a digest `+n` with the number of entries
    /// folded into it, because a digest that has grown is a new message. Also what [`super::Outbox::report`] wants.
    pub key: String,
    /// The entry.
    pub entry: Entry,
    /// What is told with it, oldest first: for a digest the other pages, for the end of an incident the pages that
    /// could not be told in time.
    pub folded: Vec<Entry>,
}

/// What became of one delivery. A channel says this and decides nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// The receiver has it.
    Accepted {
        /// The receiver's own words or number.
        receipt: String,
    },
    /// The receiver will never take it: trying again is useless.
    Refused {
        /// Why, without secrets.
        why: String,
    },
    /// It did not work now.
    NotNow {
        /// Why, without secrets.
        why: String,
        /// The receiver's own wish (`Retry-After`), if it had one.
        retry_at: Option<Timestamp>,
    },
}

/// How a channel stands, for the signals about `channel.NAME` and for screens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The channel.
    pub channel: ChannelName,
    /// Deliveries in a row that did not work; 0 after one that did, and after a restart.
    pub failures: u32,
    /// When the first of them ended.
    pub failing_since: Option<Timestamp>,
    /// The last failure in words.
    pub last_error: Option<String>,
    /// Entries that wait or are in flight.
    pub waiting: usize,
    /// When the oldest of them was put in.
    pub oldest: Option<Timestamp>,
}
