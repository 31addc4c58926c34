//! What went wrong, in words that travel from a host to whoever deploys.

use serde::{Deserialize, Serialize};

/// Something that stopped a step, or that stands in the way of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{what}")]
pub struct Trouble {
    /// What is wrong and where, in one sentence without a full stop.
    pub what: String,
    /// What to do about it: a command to try, or a line to write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The last lines of whatever said it, such as the log of a release that did not come up. Without secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
}

impl Trouble {
    /// Trouble without help or lines.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), help: None, lines: Vec::new() }
    }

    /// With what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With the last lines of whatever said it.
    #[must_use]
    pub fn lines(mut self, lines: Vec<String>) -> Self {
        self.lines = lines;
        self
    }
}
