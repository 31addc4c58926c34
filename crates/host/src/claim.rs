//! A run is claimed before it begins, so that whoever is told to begin it a second time does not.
//!
//! The claim is a file that appears under its name complete and locked, and of two that try only one succeeds (link(2)).
//! The kernel frees the lock when its holder dies; the file stays until the agent knows how the run ended. Where no file
//! can be made, on a full disk, the claim is a name that only the kernel holds, and lasts as long as its holder.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use muster_core::ids::RunId;
use rustix::fs::FlockOperation;

use crate::state::{Layout, private_dir};

/// A claim that is older than this and held by nobody is swept away: whoever was told to begin the run has done so.
const KEPT: Duration = Duration::from_secs(86_400);

/// A run that is ours to begin. The claim is held until this is dropped or the process ends.
#[derive(Debug)]
pub struct Claim {
    _file: Option<File>,
    _name: Option<UnixDatagram>,
}

/// How the claim of a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nobody has claimed it.
    Free,
    /// Somebody has, and is alive.
    Held,
    /// Somebody had, and is gone.
    Left,
}

/// Claims a run; none if it is claimed already. A claim that cannot be made at all for another reason is granted: a job
/// that might run twice is better than one that does not run.
pub fn claim(layout: &Layout, job: &str, run: &RunId) -> Option<Claim> {
    let path = path(layout, job, run);
    match make(&path) {
        Ok(file) => Some(Claim { _file: Some(file), _name: None }),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => None,
        Err(_) => match bind(&path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => None,
            Ok(name) => Some(Claim { _file: None, _name: Some(name) }),
            Err(_) => Some(Claim { _file: None, _name: None }),
        },
    }
}

/// Looks how the claim of a run stands.
pub fn look(layout: &Layout, job: &str, run: &RunId) -> Standing {
    let path = path(layout, job, run);
    match File::open(&path) {
        Ok(file) => match rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) {
            Err(rustix::io::Errno::WOULDBLOCK) => Standing::Held,
            Ok(()) | Err(_) => Standing::Left,
        },
        Err(_) => match bind(&path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Standing::Held,
            Ok(_) | Err(_) => Standing::Free,
        },
    }
}

/// Sweeps away what is a day old and held by nobody.
///
/// # Errors
/// When the folder cannot be read; a folder that is not there holds nothing.
pub fn sweep(layout: &Layout) -> io::Result<()> {
    let entries = match fs::read_dir(layout.claims()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for entry in entries.flatten() {
        let changed = entry.metadata().and_then(|there| there.modified());
        let old = changed.is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age > KEPT));
        let held = File::open(entry.path()).is_ok_and(|file| {
            rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)
                == Err(rustix::io::Errno::WOULDBLOCK)
        });
        if old && !held {
            // Gone already is as good.
            drop(fs::remove_file(entry.path()));
        }
    }
    Ok(())
}

fn path(layout: &Layout, job: &str, run: &RunId) -> PathBuf {
    layout.claims().join(format!("{job}.{run}"))
}

fn make(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        // That something of this name is there means a claim only where the link is made.
        private_dir(folder).map_err(io::Error::other)?;
    }
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(path.file_name().unwrap_or_default());
    hidden.push(format!(".{}.{:?}", std::process::id(), std::thread::current().id()));
    let draft = path.with_file_name(hidden);
    // Left by a process of the same number that was killed in between.
    drop(fs::remove_file(&draft));
    let file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).map_err(io::Error::other)?;
    let linked = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)
        .map_err(io::Error::from)
        .and_then(|()| fs::hard_link(&draft, path));
    drop(fs::remove_file(&draft));
    linked.map(|()| file)
}

/// The kernel's own name for the claim.
fn bind(path: &Path) -> io::Result<UnixDatagram> {
    // Whoever asks may stand in another folder.
    let path = std::path::absolute(path)?;
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in path.as_os_str().as_encoded_bytes() {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    let name = format!("muster-claim-{}-{hash:016x}", rustix::process::geteuid().as_raw());
    UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(name)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(name: &str) -> RunId {
        RunId::new(name).expect("valid")
    }

    #[test]
    fn of_many_only_one_claims_a_run() {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(folder.path());
        let claims: Vec<Option<Claim>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| claim(&layout, "a", &run("r")))).collect();
            threads.into_iter().map(|thread| thread.join().expect("ended")).collect()
        });
        assert_eq!(claims.iter().flatten().count(), 1);
        assert_eq!(look(&layout, "a", &run("r")), Standing::Held);
        drop(claims);
    }

    #[test]
    fn a_claim_outlives_its_holder_and_tells_that_he_is_gone() {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(folder.path());
        assert_eq!(look(&layout, "a", &run("r")), Standing::Free);
        let held = claim(&layout, "a", &run("r")).expect("ours");
        assert_eq!(look(&layout, "a", &run("r")), Standing::Held);
        drop(held);
        assert_eq!(look(&layout, "a", &run("r")), Standing::Left);
        assert!(claim(&layout, "a", &run("r")).is_none(), "it was begun");
        assert!(claim(&layout, "a", &run("s")).is_some());
        sweep(&layout).expect("swept");
        assert_eq!(look(&layout, "a", &run("r")), Standing::Left, "it is young");
    }

    #[test]
    fn without_a_place_for_files_the_kernel_holds_the_claim() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("claims"), "taken by a file").expect("written");
        let layout = Layout::new(folder.path());
        let held = claim(&layout, "a", &run("r")).expect("ours");
        assert_eq!(look(&layout, "a", &run("r")), Standing::Held);
        assert!(claim(&layout, "a", &run("r")).is_none());
        drop(held);
        assert_eq!(look(&layout, "a", &run("r")), Standing::Free);
    }
}
