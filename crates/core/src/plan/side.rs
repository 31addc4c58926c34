//! The two sides of a service.

use serde::{Deserialize, Serialize};

/// One of the two places on a host that the releases of a service take turns in. Others call it a slot, which is a planned
/// occasion here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The first one; also where requests go when nothing says otherwise.
    Blue,
    /// The second one.
    Green,
}

impl Side {
    /// Both, blue first.
    pub const BOTH: [Self; 2] = [Self::Blue, Self::Green];

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Blue => Self::Green,
            Self::Green => Self::Blue,
        }
    }

    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Blue => "blue",
            Self::Green => "green",
        }
    }
}
