//! What is wired for one peer: nothing of it is looked up here.

use std::sync::Arc;
use std::time::Duration;

use muster_checks::probe::Part;
use muster_config::secret::Secret;
use muster_core::ids::ExpectationId;
use muster_core::time::Span;

use crate::parts::Boxed;

/// The fewest bytes of a key (RFC 2104, section 3: no shorter than the digest).
pub const KEY_BYTES: usize = 32;

/// Fetches the key. Blocking.
pub type KeySource = Arc<dyn Fn() -> Result<Secret, String> + Send + Sync>;

/// Posts a message to the peer: to that path below its address, with that body, within that time.
pub type Post = Arc<dyn Fn(&'static str, Vec<u8>, Duration) -> Boxed<Result<Reply, String>> + Send + Sync>;

/// Reads the table of a check that a peer lends.
pub type Lent = Arc<dyn Fn(&str) -> Result<Part, String> + Send + Sync>;

/// An answer as it came, or as it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status, as HTTP has it.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// One peer of the configuration, ready to be spoken with.
#[derive(Clone)]
pub struct Peering {
    /// Its name here.
    pub name: String,
    /// Its name on the roll.
    pub about: ExpectationId,
    /// From one beat to the next.
    pub every: Span,
    /// So many missed beats are an alarm.
    pub after: u32,
    /// The key that both share.
    pub key: KeySource,
    /// How it is called; none for one that only calls us.
    pub post: Option<Post>,
    /// Reads what it wants us to look at; none where we do not look for it.
    pub lent: Option<Lent>,
}

/// A key that is long enough to be one.
///
/// # Errors
/// In words, with the number of bytes and never the key.
pub(super) fn usable(key: Secret) -> Result<Secret, String> {
    match key.expose().len() {
        length if length < KEY_BYTES => {
            Err(format!("it has {length} bytes, and at least {KEY_BYTES} are needed: `openssl rand -hex 32`"))
        }
        _ => Ok(key),
    }
}
