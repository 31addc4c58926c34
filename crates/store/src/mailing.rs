//! Who subscribed to the status page, and what waits to be mailed to them.
//!
//! A *bulletin* is one update of a notice, in public words. It is stored by the transaction that amends the notice, together
//! with how far the list of subscribers went at that moment; so everybody who was on it gets it once, however often the agent
//! dies, and nobody who came later does. [`Mailing::spread`] makes one mail for each of them, a page at a time.

use muster_core::notice::Notice;
use muster_core::time::{Span, Timestamp};

use crate::contract::StoreError;

/// Most subscribers.
pub const SUBSCRIBER_LIMIT: u64 = 2_000;
/// Most mails that wait; bulletins wait behind them.
pub const MAIL_LIMIT: u64 = 20_000;
/// Most bulletins that are kept; the oldest go first.
pub const BULLETIN_LIMIT: i64 = 500;
/// What is older than this is mailed to nobody any more.
pub const MAILED_WITHIN: Span = Span::hours(24);
/// How long a bulletin is remembered after its time.
pub(crate) const REMEMBERED: Span = Span::hours(48);
/// Mails of one bulletin that one step makes.
pub(crate) const STEP: u64 = 200;
/// Mails in a row that a server refuses for good before their recipient is no subscriber any more.
pub const STRIKES: u32 = 3;
/// Longest pause between two tries; what is due later than that was put there by a clock that was wrong.
pub const LONGEST_PAUSE: Span = Span::hours(1);
/// Bulletins in muster's own words about one notice that go out within [`OFTEN`]; of what follows the newest goes out, once
/// the last one is [`SPACED`] old.
pub(crate) const FREE: u32 = 4;
/// See [`FREE`].
pub(crate) const OFTEN: Span = Span::hours(1);
/// See [`FREE`].
pub(crate) const SPACED: Span = Span::minutes(15);

/// Somebody who is mailed what is reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscriber {
    /// Where to.
    pub address: String,
    /// When they confirmed.
    pub since: Timestamp,
    /// Mails in a row that were refused for good.
    pub refused: u32,
}

/// What became of the wish to subscribe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subscribed {
    /// The address is on the list now.
    New,
    /// It was before.
    Already,
    /// There are [`SUBSCRIBER_LIMIT`] others.
    Full,
}

/// One bulletin on its way to one subscriber.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Its number in the queue.
    pub number: i64,
    /// Where to.
    pub address: String,
    /// How often it was tried.
    pub tries: u32,
    /// What tells this update of the notice from others.
    pub amendment: String,
    /// The notice as it was then, with this update alone, and nothing that is not public.
    pub notice: Notice,
}

/// What became of one try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The server has it.
    Taken,
    /// It is tried again then.
    Later(Timestamp),
    /// The server will never take it.
    Refused {
        /// Because of the recipient.
        recipient: bool,
    },
}

/// How the list and the queue stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MailCounts {
    /// Subscribers.
    pub subscribers: u64,
    /// Mails that wait.
    pub waiting: u64,
    /// Bulletins that have not been made into mails for everybody.
    pub unspread: u64,
    /// Mails that a server took, ever.
    pub taken: u64,
    /// Mails that were refused, or for which it became too late, ever.
    pub given_up: u64,
    /// Bulletins that did not get as far as everybody, ever.
    pub dropped: u64,
}

fn away() -> StoreError {
    StoreError::Unavailable("subscribers are kept on the disk, which is gone".into())
}

/// The list and the queue. Only an engine that lasts has them: nobody should be told that they subscribed, or ended it, by a
/// list that dies with the process.
pub trait Mailing: Send + Sync {
    /// Puts an address on the list. Two that differ by capitals are the same.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    fn subscribe(&self, _address: &str, _now: Timestamp) -> Result<Subscribed, StoreError> {
        Err(away())
    }

    /// Takes an address off the list, with the mails that wait for it; true if it was there.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    fn unsubscribe(&self, _address: &str) -> Result<bool, StoreError> {
        Err(away())
    }

    /// The whole list, in the order in which they came: at most [`SUBSCRIBER_LIMIT`].
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    fn subscribers(&self) -> Result<Vec<Subscriber>, StoreError> {
        Err(away())
    }

    /// Gives up what is too old, and makes mails of the next bulletin for the next few subscribers; true if it should be
    /// called again at once.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    fn spread(&self, _now: Timestamp) -> Result<bool, StoreError> {
        Err(away())
    }

    /// The mail that should be tried next. While one waits for an address, later ones for the same address wait behind it.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    fn next_mail(&self, _now: Timestamp) -> Result<Option<Mail>, StoreError> {
        Err(away())
    }

    /// Writes down what became of a try; true if the recipient was taken off the list for it.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    fn settle_mail(&self, _number: i64, _fate: Fate) -> Result<bool, StoreError> {
        Err(away())
    }

    /// How the list and the queue stand.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    fn mail_counts(&self) -> Result<MailCounts, StoreError> {
        Err(away())
    }
}
