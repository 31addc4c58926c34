//! What another host of the fleet saw when it connected to this one.

use std::net::IpAddr;

use muster_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The most ports that are asked for at once.
pub const PORTS: usize = 64;

/// One look from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outside {
    /// Who looked, as `[peer.NAME]` calls it.
    pub peer: String,
    /// When its answer came.
    pub at: Timestamp,
    /// What it saw.
    pub dialled: Dialled,
}

/// What became of connections to some ports of one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialled {
    /// The address that was connected to: the one from which the host had asked.
    pub target: IpAddr,
    /// The address that the connections were made from, as the one who made them knows it; a router on the way may have
    /// made another one of it.
    pub source: Option<IpAddr>,
    /// Each port that was asked for, once.
    pub ports: Vec<Tried>,
}

/// One port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// Its number; always TCP.
    pub port: u16,
    /// What became of it.
    pub live: Live,
}

/// What became of one connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Live {
    /// It stood.
    Open,
    /// Somebody said no.
    Refused,
    /// Nobody said anything.
    Silent,
    /// A host on the way, or this one, said that there is no way.
    Unreachable {
        /// The system's words.
        why: String,
    },
    /// It could not be tried.
    Untried {
        /// Why not.
        why: String,
    },
}

impl Dialled {
    /// What became of a port.
    pub fn live(&self, port: u16) -> Option<&Live> {
        self.ports.iter().find(|tried| tried.port == port).map(|tried| &tried.live)
    }
}
