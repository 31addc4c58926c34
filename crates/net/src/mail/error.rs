//! Why a dialogue with a mail server came to no good end.

use crate::line::LineError;

/// The longest piece of foreign words that is repeated, in characters.
const QUOTE: usize = 160;

/// A dialogue that came to no good end. No secret of ours is in its words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// The connection cannot go on.
    #[error("{step}: {error}")]
    Line {
        /// What was waited for.
        step: String,
        /// Why.
        error: LineError,
    },
    /// The other side does not speak the protocol.
    #[error("{step}: this is not {protocol}: {line:?}")]
    Foreign {
        /// What was waited for.
        step: String,
        /// Which protocol it should be.
        protocol: &'static str,
        /// What came instead.
        line: String,
    },
    /// The server says no.
    #[error("the server says no to {step}: {words}")]
    Refused {
        /// To what.
        step: String,
        /// In its words, with the code.
        words: String,
    },
    /// The server does not offer what is needed.
    #[error("the server does not offer {0}")]
    Lacking(&'static str),
}

impl MailError {
    pub(super) fn line(step: &str, error: LineError) -> Self {
        Self::Line { step: step.to_owned(), error }
    }

    pub(super) fn foreign(step: &str, protocol: &'static str, line: &str) -> Self {
        Self::Foreign { step: step.to_owned(), protocol, line: quote(line) }
    }

    pub(super) fn refused(step: &str, words: &str) -> Self {
        Self::Refused { step: step.to_owned(), words: quote(words) }
    }
}

/// Words of strangers, short and without control characters.
fn quote(words: &str) -> String {
    words
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(QUOTE)
        .collect::<String>()
        .trim()
        .to_owned()
}
