//! The question that is put to the walker, and its answer.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::facts::firewall::Protocol;

/// The first packet of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packet {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Who asks; none lets the host choose its own address, as a program does that binds none.
    #[serde(default)]
    pub source: Option<IpAddr>,
    /// Who is asked.
    pub target: IpAddr,
    /// The port that is asked for.
    pub port: u16,
    /// The interface by which it enters this host; none for a packet that starts here.
    #[serde(default)]
    pub enters: Option<String>,
}

/// Whether an answer comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// It does.
    Open,
    /// It does not.
    Closed,
    /// The facts do not tell.
    Unknown {
        /// What is missing.
        why: String,
    },
}

/// What kind of thing decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A rule, by matching.
    Rule,
    /// The policy of a chain, because no rule did.
    Policy,
    /// No packet filter spoke against it.
    NoFilter,
    /// Nobody listens: the connection is refused.
    NoListener,
    /// The host has no route, or one that bars.
    NoRoute,
    /// The kernel does not forward, or throws away addresses that cannot be.
    Kernel,
    /// The far side sees an address that it cannot answer.
    NoMasquerade,
    /// Docker's proxy takes the connection, but does not reach the container: connects, and never answers.
    Proxy,
    /// Facts are missing, or a test in a rule is not understood.
    Unseen,
}

/// What decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What kind of thing it was.
    pub cause: Cause,
    /// The packet filter's table with its family, e.g. `ip filter`; empty where it was no table.
    pub table: String,
    /// The chain in it.
    pub chain: String,
    /// The rule's number in the chain from 1; 0 for a policy.
    pub number: usize,
    /// The rule's own text, or a sentence.
    pub text: String,
}

/// One place that the packets of the connection passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    /// Which packet, and where: `syn forward`, `answer input`.
    pub place: String,
    /// What happened there.
    pub what: String,
}

/// The walker's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether an answer comes back.
    pub reach: Reach,
    /// What decided.
    pub by: Decision,
    /// The way of the packets, in order.
    pub path: Vec<Hop>,
}

impl Decision {
    pub(crate) fn told(cause: Cause, text: impl Into<String>) -> Self {
        Self { cause, table: String::new(), chain: String::new(), number: 0, text: text.into() }
    }
}

impl Verdict {
    pub(crate) fn unseen(why: impl Into<String>) -> Self {
        let why = why.into();
        Self {
            by: Decision::told(Cause::Unseen, why.clone()),
            reach: Reach::Unknown { why },
            path: Vec::new(),
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.cause, self.number) {
            (Cause::Policy, _) => write!(f, "{} {}: policy {}", self.table, self.chain, self.text),
            (_, 0) => write!(f, "{}", self.text),
            (_, number) => write!(f, "{} {} rule {number}: {}", self.table, self.chain, self.text),
        }
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("open"),
            Self::Closed => f.write_str("closed"),
            Self::Unknown { why } => write!(f, "unknown: {why}"),
        }
    }
}
