//! The written page.

use muster_core::outbox::Dispatch;

/// What a page is, as one word. The words are part of the webhook's contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Bad news for the first time.
    Opened,
    /// Still bad.
    Reminder,
    /// The acknowledgement ran out and it is still bad.
    AcknowledgementExpired,
    /// Nobody has answered: the next step of the escalation.
    Escalated,
    /// It goes to and fro.
    Flapping,
    /// It is over.
    Resolved,
    /// It is no longer expected.
    Withdrawn,
    /// A test.
    Test,
    /// Many pages in one.
    Digest,
}

impl Event {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Reminder => "reminder",
            Self::AcknowledgementExpired => "acknowledgement_expired",
            Self::Escalated => "escalated",
            Self::Flapping => "flapping",
            Self::Resolved => "resolved",
            Self::Withdrawn => "withdrawn",
            Self::Test => "test",
            Self::Digest => "digest",
        }
    }

    /// True if somebody should look now.
    pub fn is_urgent(self) -> bool {
        match self {
            Self::Opened
            | Self::Reminder
            | Self::AcknowledgementExpired
            | Self::Escalated
            | Self::Flapping
            | Self::Digest => true,
            Self::Resolved | Self::Withdrawn | Self::Test => false,
        }
    }
}

/// One page in words, for one channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Letter {
    /// The same on every retry.
    pub key: String,
    /// What it is.
    pub event: Event,
    /// One line of at most 200 characters.
    pub title: String,
    /// Several lines of plain text, at most 8 KiB; evidence and advice included.
    pub body: String,
    /// What it was written from, for receivers that want data.
    pub dispatch: Dispatch,
}

impl Letter {
    /// Title and body within so many bytes, cut at a character, for receivers with a limit.
    pub fn short(&self, limit: usize) -> String {
        let mut text = format!("{}\n{}", self.title, self.body);
        if text.len() > limit {
            const MARK: &str = "\n[cut]";
            let mut end = limit.saturating_sub(MARK.len());
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text.truncate(end);
            text.push_str(MARK);
        }
        text
    }
}
