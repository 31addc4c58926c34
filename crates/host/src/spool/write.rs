//! From a signal to a record, in the first place that takes it.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use muster_core::signal::{Report, Signal};

use super::{RECORD_LIMIT, Spool, reserve, room};
use crate::atomic::{self, Durability};
use crate::state::private_dir;

/// Where a record went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The spool on disk.
    Disk(PathBuf),
    /// The reserve file, because the disk said this.
    Reserve(String),
    /// A folder in memory, because the disk said this. Gone after a reboot.
    Memory(PathBuf, String),
    /// The system log, because the disk said this: people can read it, the agent does not.
    SystemLog(String),
}

impl Spool {
    /// Writes one record. With [`Durability::Disk`] it survives a power cut; what happens on a bad day is told by the
    /// place it went to.
    ///
    /// # Errors
    /// When no place took it, or the signal is longer than a record may be.
    pub fn write(&self, signal: &Signal, durability: Durability) -> io::Result<Place> {
        let text = serde_json::to_vec(signal)?;
        if text.len() as u64 > RECORD_LIMIT {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a signal must be shorter than 64 KiB"));
        }
        let name = format!("{}.{}.json", signal.id, rank(&signal.report));
        let folder = self.layout.spool();
        let Err(error) = put(&folder, &name, &text, durability) else {
            room::keep(&folder, &name);
            return Ok(Place::Disk(folder.join(name)));
        };
        let why = error.to_string();
        if reserve::put(&self.layout.reserve(), &text).is_ok() {
            return Ok(Place::Reserve(why));
        }
        for memory in &self.memory {
            if own_folder(memory).and_then(|()| put(memory, &name, &text, Durability::Kernel)).is_ok() {
                room::keep(memory, &name);
                return Ok(Place::Memory(memory.join(name), why));
            }
        }
        match system_log(&text) {
            Ok(()) => Ok(Place::SystemLog(why)),
            Err(_) => Err(error),
        }
    }
}

/// What goes first when there is no room: 0 before 1 before 2.
fn rank(report: &Report) -> u8 {
    match report {
        Report::Start { .. } | Report::Unseen { .. } | Report::Alive | Report::Log { .. } => 0,
        Report::Success(_) | Report::Skip { .. } => 1,
        Report::Failure(_)
        | Report::Spent { .. }
        | Report::Acknowledge { .. }
        | Report::Pause { .. }
        | Report::Resume { .. } => 2,
    }
}

fn put(folder: &Path, name: &str, text: &[u8], durability: Durability) -> io::Result<()> {
    let path = folder.join(name);
    match atomic::write(&path, text, 0o600, durability) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            private_dir(folder)?;
            atomic::write(&path, text, 0o600, durability)
        }
        other => other,
    }
}

/// Makes the folder, and refuses one that others made or may write: `/dev/shm` is open to everybody.
fn own_folder(folder: &Path) -> io::Result<()> {
    let Some(base) = folder.parent() else { return Err(io::ErrorKind::InvalidInput.into()) };
    for path in [base, folder] {
        match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        if !is_own_folder(path) {
            return Err(io::Error::from(io::ErrorKind::PermissionDenied));
        }
    }
    Ok(())
}

/// True for a folder (not a link to one) that is ours and that nobody else may write.
pub(super) fn is_own_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|there| {
        there.is_dir() && there.uid() == rustix::process::geteuid().as_raw() && there.mode() & 0o022 == 0
    })
}

/// One message of facility cron and severity error, as syslog(3) writes it.
fn system_log(text: &[u8]) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    let mut message = format!("<75>muster[{}]: ", std::process::id()).into_bytes();
    message.extend_from_slice(text.get(..2000).unwrap_or(text));
    socket.send_to(&message, "/dev/log").map(drop)
}
