//! What lets somebody in: sessions, tokens and one-time links. Only digests are kept; how they are made and compared
//! is the web's matter.

use muster_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// One credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// Digest of the secret, as text. The secret itself is never stored.
    pub digest: String,
    /// What it is.
    pub kind: CredentialKind,
    /// What it allows, in the web's own words.
    pub scope: String,
    /// Who holds it.
    pub by: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends; a token may have no end.
    pub expires: Option<Timestamp>,
    /// When it was last used.
    pub used: Option<Timestamp>,
}

impl Credential {
    /// True if it has ended at `now`.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|end| end <= now)
    }
}

/// What a credential is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// A signed-in browser.
    Session,
    /// A scoped token of a program.
    Token,
    /// A link that signs in once.
    Link,
}

impl CredentialKind {
    /// One word, as stored.
    pub fn word(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Token => "token",
            Self::Link => "link",
        }
    }

    /// The kind with this word.
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Session, Self::Token, Self::Link].into_iter().find(|kind| kind.word() == word)
    }
}
