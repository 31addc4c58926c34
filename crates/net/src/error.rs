//! What can go wrong on a network. The words name the host and never the rest of an address, which may hold a token.

use std::time::Duration;

/// A call that did not come to an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetError {
    /// The address cannot be used at all.
    #[error("not an address that can be called: {0}")]
    Address(String),
    /// The name has no address, or no name server answered.
    #[error("the name {host} could not be resolved: {why}")]
    Dns {
        /// The name.
        host: String,
        /// The resolver's words.
        why: String,
    },
    /// Nobody takes the connection.
    #[error("{host}:{port} does not take connections: {why}")]
    Connect {
        /// The name.
        host: String,
        /// The port.
        port: u16,
        /// The system's words.
        why: String,
    },
    /// There is no way to it.
    #[error("{host}:{port} cannot be reached: {why}")]
    Unreachable {
        /// The name.
        host: String,
        /// The port.
        port: u16,
        /// The system's words.
        why: String,
    },
    /// What is sent to it vanishes, as a firewall does it.
    #[error("{host}:{port} does not answer: {why}")]
    Silent {
        /// The name.
        host: String,
        /// The port.
        port: u16,
        /// Which addresses were tried, and for how long.
        why: String,
    },
    /// This host itself could not try.
    #[error("this host can make no connection: {why}")]
    Local {
        /// Why.
        why: String,
    },
    /// No trust, or no common protocol.
    #[error("TLS with {host} failed: {why}")]
    Tls {
        /// The name.
        host: String,
        /// Why.
        why: String,
    },
    /// The deadline passed.
    #[error("{host} did not answer within {limit:?}")]
    Timeout {
        /// The name.
        host: String,
        /// The deadline of the whole call.
        limit: Duration,
    },
    /// The peer does not speak the protocol, or stopped in the middle.
    #[error("{host} broke off: {why}")]
    Protocol {
        /// The name.
        host: String,
        /// Why.
        why: String,
    },
}
