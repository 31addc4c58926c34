//! What mends a finding, as data: shown as a diff first, then done, and undone byte for byte.

use serde::{Deserialize, Serialize};

pub mod plan;
pub mod treatment;

/// One change of a host that disturbs nothing that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mend {
    /// Bytes of a file are replaced; all others stay.
    Splice {
        /// The file.
        file: String,
        /// Where, in bytes from its beginning.
        at: u64,
        /// What stands there; empty where something is put in.
        old: String,
        /// What is to stand there.
        new: String,
    },
    /// The permission bits of a file.
    Mode {
        /// The file.
        file: String,
        /// What they are.
        from: u32,
        /// What they are to be.
        to: u32,
    },
    /// A file gets another name in its folder.
    Rename {
        /// Its path.
        from: String,
        /// The path that it is to have.
        to: String,
    },
    /// A file that is not there yet.
    Create {
        /// The file.
        file: String,
        /// Its permission bits.
        mode: u32,
        /// What it holds.
        text: String,
    },
}

impl Mend {
    /// The file that it is about.
    pub fn file(&self) -> &str {
        match self {
            Self::Splice { file, .. } | Self::Mode { file, .. } | Self::Create { file, .. } => file,
            Self::Rename { from, .. } => from,
        }
    }
}
