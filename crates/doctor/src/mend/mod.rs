//! What mends a finding, as data: shown as a diff and as commands first, then done, and undone byte for byte.
//!
//! | module | holds |
//! |---|---|
//! | [`order`] | what a service is told after files were changed |
//! | [`plan`] | the mends of a report, put together and compared with what stands there now |
//! | [`treatment`] | carries a plan out, with the originals on disk first, and takes it back |
//! | [`perform`] | tells the orders, and gives back what stood before |
//! | [`confirm`] | a change that may shut people out stays only if somebody says that they still come in |

use serde::{Deserialize, Serialize};

pub mod confirm;
pub mod order;
pub mod perform;
pub mod plan;
#[cfg(test)]
mod tests;
pub mod treatment;

use order::Order;

/// One change of a host that can be given back.
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
    /// Lines at the end of a file that does not speak of the same thing yet.
    Append {
        /// The file.
        file: String,
        /// The lines, the last one with its newline.
        text: String,
        /// A word that must not stand in the file: somebody has seen to it otherwise.
        unless: String,
    },
    /// Something is told to a service, after all files are as they should be.
    Order(Order),
    /// Several that only help together: all of them, or none.
    All(Vec<Mend>),
}

impl Mend {
    /// What it is made of: itself, or the parts of one with several.
    pub fn parts(&self) -> Vec<&Self> {
        match self {
            Self::All(parts) => parts.iter().flat_map(Self::parts).collect(),
            Self::Splice { .. }
            | Self::Mode { .. }
            | Self::Rename { .. }
            | Self::Create { .. }
            | Self::Append { .. }
            | Self::Order(_) => vec![self],
        }
    }

    /// Something that runs may notice.
    pub fn disturbs(&self) -> bool {
        self.parts().iter().any(|part| matches!(part, Self::Order(order) if order.disturbs()))
    }
}
