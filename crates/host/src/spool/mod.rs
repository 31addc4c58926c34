//! Signals on their way from a job's wrapper (or anyone with the right to write here) to the agent: one JSON file per
//! signal, complete or not there at all.
//!
//! A signal outlives an absent agent, a full disk and a read-only disk: it goes to the first of these places that
//! takes it, and [`Spool::read`] looks into all of them but the last.
//!
//! | place | when |
//! |---|---|
//! | `spool/` in the state directory | always, if it can be written |
//! | the reserve file, blocks that are already ours | the disk is full |
//! | a folder in memory: `/run/muster`, `/run/user/UID/muster`, `/dev/shm/muster-UID` | the disk cannot be written |
//! | the system log, for people | nothing else is left |
//!
//! | module | holds |
//! |---|---|
//! | [`write`] | from a signal to a record |
//! | [`read`] | from records to signals, hostile input included |
//! | [`reserve`] | the records in the reserve file |
//! | [`room`] | the bound on the spool's size |
//! | [`users`] | the spools of ordinary users, for root |
//! | `vet` | what a user's record may say |
//! | [`wake`] | the datagram that tells the agent to look |

pub mod read;
pub mod reserve;
pub mod room;
pub mod users;
mod vet;
pub mod wake;
pub mod write;

use std::path::{Path, PathBuf};

use crate::state::Layout;

pub use read::{BadRecord, Batch, Bounds, Record};
pub use wake::wake;
pub use write::Place;

/// Longest record in bytes.
pub const RECORD_LIMIT: u64 = 64 << 10;
/// Largest size of the spool in bytes, as the disk counts it.
pub const SPOOL_LIMIT: u64 = 64 << 20;

/// The spool of one state directory, with its places for bad days.
#[derive(Debug, Clone)]
pub struct Spool {
    layout: Layout,
    memory: Vec<PathBuf>,
}

impl Spool {
    /// The spool of this state directory. Nothing is made or looked at.
    pub fn new(layout: &Layout) -> Self {
        Self { layout: layout.clone(), memory: memory_folders(layout) }
    }
}

/// Folders in memory that belong to this state directory alone. They depend on the user and the path, not on the
/// environment, so that a job under cron and the agent agree on them.
fn memory_folders(layout: &Layout) -> Vec<PathBuf> {
    let root = std::path::absolute(layout.root()).unwrap_or_else(|_| layout.root().to_owned());
    let uid = rustix::process::geteuid();
    let run = if uid.is_root() { "/run/muster".into() } else { format!("/run/user/{}/muster", uid.as_raw()) };
    [run, format!("/dev/shm/muster-{}", uid.as_raw())]
        .into_iter()
        .map(|base| PathBuf::from(base).join(memory_name(&root)))
        .collect()
}

/// The name of the folder in memory of a state directory, given by its absolute path.
fn memory_name(root: &Path) -> String {
    let bytes = std::os::unix::ffi::OsStrExt::as_bytes(root.as_os_str());
    // FNV-1a: the same in every build, which the standard library's hash does not promise.
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("spool-{hash:016x}")
}
