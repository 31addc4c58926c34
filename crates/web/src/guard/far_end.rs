//! Where a request came from, as the listener saw it. Headers cannot change it.

use std::net::IpAddr;

/// The far end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FarEnd {
    /// Over TCP.
    Tcp {
        /// The far address.
        from: IpAddr,
        /// The listener's own address.
        to: IpAddr,
        /// The connection is encrypted.
        tls: bool,
    },
    /// Over the control socket.
    Unix {
        /// The far process runs as root or as the agent itself.
        operator: bool,
    },
}

impl FarEnd {
    /// True if both ends are on this machine.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp { from, to, .. } => {
                from.to_canonical().is_loopback() && to.to_canonical().is_loopback()
            }
            Self::Unix { .. } => true,
        }
    }

    /// The far address as it is.
    pub fn address(&self) -> IpAddr {
        match self {
            Self::Tcp { from, .. } => from.to_canonical(),
            Self::Unix { .. } => IpAddr::from([127, 0, 0, 1]),
        }
    }

    /// The far address, to count failures by. IPv6 counts by /64, because one machine has all of it.
    pub fn origin(&self) -> IpAddr {
        match self {
            Self::Tcp { from, .. } => match from.to_canonical() {
                IpAddr::V6(v6) if !v6.is_loopback() => {
                    let [a, b, c, d, ..] = v6.segments();
                    IpAddr::from([a, b, c, d, 0, 0, 0, 0])
                }
                other => other,
            },
            Self::Unix { .. } => IpAddr::from([127, 0, 0, 1]),
        }
    }

    /// True if the connection is encrypted.
    pub fn is_tls(&self) -> bool {
        matches!(self, Self::Tcp { tls: true, .. })
    }
}
