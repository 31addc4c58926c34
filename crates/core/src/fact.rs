//! What was read from a host or seen of a site, without judgement: known, unknown, or nothing of that sort.

use serde::{Deserialize, Serialize};

/// One part of the facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact<T> {
    /// This was seen.
    Known(T),
    /// Nobody could see; never good, never bad.
    Unknown {
        /// Why not.
        why: String,
    },
    /// There is nothing of that sort to look at here.
    Nothing {
        /// Why not.
        why: String,
    },
}

impl<T> Fact<T> {
    /// Nobody could see.
    pub fn unknown(why: impl Into<String>) -> Self {
        Self::Unknown { why: why.into() }
    }

    /// Nothing of that sort.
    pub fn nothing(why: impl Into<String>) -> Self {
        Self::Nothing { why: why.into() }
    }

    /// What was seen, if it was.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(known) => Some(known),
            Self::Unknown { .. } | Self::Nothing { .. } => None,
        }
    }

    /// Why nobody could see.
    pub fn why_unknown(&self) -> Option<&str> {
        match self {
            Self::Unknown { why } => Some(why),
            Self::Known(_) | Self::Nothing { .. } => None,
        }
    }
}
