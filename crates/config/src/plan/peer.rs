//! Another agent that watches this one and is watched by it.

use std::path::PathBuf;

use muster_core::ids::ExpectationId;
use muster_core::time::Span;

use crate::secret::SecretRef;

/// What `[peer.NAME]` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerPlan {
    /// Its name here.
    pub name: String,
    /// Its name on the roll.
    pub id: ExpectationId,
    /// Where it listens; none for one that only calls us. In clear text on this machine only.
    pub url: Option<String>,
    /// What both sides know and nobody else; at least 32 bytes.
    pub key: SecretRef,
    /// From one beat to the next.
    pub every: Span,
    /// So many missed beats are an alarm.
    pub after: u32,
    /// The only certificate, or the only authority, that is trusted; none for what this host trusts.
    pub certificate: Option<PathBuf>,
    /// We look for it, from here, at what it asks for.
    pub looks: bool,
}
