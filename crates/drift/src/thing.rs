//! One file, folder, link or text, as it is remembered: never with a secret in it.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// One thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thing {
    /// What it is.
    pub kind: Kind,
    /// Who may do what with it; none for what is no file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
}

/// What a thing is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A folder; what is in it are things of their own.
    Folder,
    /// A file, or a text that a program gave.
    Content(Content),
    /// A symbolic link, and what it says.
    Link(String),
    /// A socket, a pipe, a device.
    Other,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// SHA-256 of the bytes as they are, secrets included.
    pub digest: String,
    /// The name of the text without its secrets; none where it is no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Who may do what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// The permission bits.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

impl Thing {
    /// Nobody changed it. How a text is blotted may change from one release to the next, and is no difference.
    pub fn is_as(&self, other: &Self) -> bool {
        let same = match (&self.kind, &other.kind) {
            (Kind::Content(one), Kind::Content(other)) => one.digest == other.digest,
            (one, other) => one == other,
        };
        same && self.access == other.access
    }

    /// What it holds, if it holds anything.
    pub fn content(&self) -> Option<&Content> {
        match &self.kind {
            Kind::Content(content) => Some(content),
            Kind::Folder | Kind::Link(_) | Kind::Other => None,
        }
    }
}

/// SHA-256 in hexadecimal digits.
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The name under which a blotted text is kept.
pub fn name_of(text: &str) -> String {
    let mut name = digest(text.as_bytes());
    name.truncate(32);
    name
}
