//! Kernel locks on files, the same that flock(1) takes. The kernel frees them when the holder dies, whatever the reason.
//!
//! The file is opened close-on-exec, so a job never inherits the lock and cannot keep it after its run. Inside stands
//! who holds it; that text informs people and is never what decides. Tmp cleaners may unlink a held file: after
//! locking, the path must still lead to the same inode, else the file is opened anew.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use muster_core::ids::RunId;
use muster_core::signal::ProcessMark;
use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};

use crate::process::is_alive;
use crate::state::private_dir;

/// Longest text of a holder that is read, in bytes.
const HOLDER_LIMIT: u64 = 4096;
/// How every text of a holder begins. A file with other words in it (somebody locks a script) is never written.
const OURS: &[u8] = b"{\"muster\":";

/// Who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The version of this text, now 1.
    pub muster: u32,
    /// The run.
    pub run: RunId,
    /// The process that holds the lock.
    pub process: ProcessMark,
    /// The leader of the job's process group, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<ProcessMark>,
}

impl Holder {
    /// A holder that has not started its job yet.
    pub fn new(run: RunId, process: ProcessMark) -> Self {
        Self { muster: 1, run, process, job: None }
    }

    /// A holder that ends in order clears its name, so a name in a free lock was left by one that was killed.
    fn is_orphaned(&self) -> bool {
        self.job.as_ref().is_some_and(is_alive)
    }
}

/// A lock that is held. Dropping it frees it.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
    writable: bool,
}

/// What an attempt came to.
#[derive(Debug)]
pub enum Attempt {
    /// It is ours.
    Locked(Lock),
    /// Somebody has it; who, if the file says so and that process is alive.
    Held(Option<Holder>),
    /// It is free because its holder was killed, and the job that the holder had started is still running.
    Orphaned(Holder),
}

/// Tries once, without waiting.
///
/// # Errors
/// When the file cannot be opened or the file system knows no locks.
pub fn try_lock(path: &Path) -> io::Result<Attempt> {
    // Each round ends in a lock, a refusal, or a file that was unlinked in between; the bound is for a cleaner gone wild.
    for _ in 0..64 {
        let (file, writable) = open(path)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Ok(Attempt::Held(holder_in(&file).filter(|holder| is_alive(&holder.process))));
            }
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        if leads_to(path, &file)? {
            return Ok(match holder_in(&file).filter(Holder::is_orphaned) {
                Some(previous) => Attempt::Orphaned(previous),
                None => Attempt::Locked(Lock { file, path: path.to_owned(), writable }),
            });
        }
    }
    Err(io::Error::other("the lock file is removed again and again by somebody else"))
}

/// Tries until `limit` has passed. `pause` is called between two tries with the time to wait at most; it returns false
/// to give up at once.
///
/// # Errors
/// As for [`try_lock`].
pub fn wait(path: &Path, limit: Duration, mut pause: impl FnMut(Duration) -> bool) -> io::Result<Attempt> {
    let deadline = Instant::now().checked_add(limit);
    let mut step = Duration::from_millis(10);
    loop {
        let attempt = try_lock(path)?;
        let left = deadline.map_or(Duration::MAX, |at| at.saturating_duration_since(Instant::now()));
        if matches!(attempt, Attempt::Locked(_)) || left.is_zero() || !pause(step.min(left)) {
            return Ok(attempt);
        }
        step = (step * 2).min(Duration::from_millis(250));
    }
}

impl Lock {
    /// Where the lock is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes who holds it, for people and for those who wait.
    ///
    /// # Errors
    /// On a full disk, a read-only file, or a file that holds somebody else's words. The lock is held all the same.
    pub fn sign(&self, holder: &Holder) -> io::Result<()> {
        if !self.writable {
            return Err(io::Error::from(io::ErrorKind::ReadOnlyFilesystem));
        }
        if !is_ours(&self.file)? {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the lock file has other contents"));
        }
        let mut text = serde_json::to_vec(holder)?;
        text.push(b'\n');
        self.file.write_all_at(&text, 0)?;
        self.file.set_len(text.len() as u64)
    }

    /// Clears the name and frees the lock.
    pub fn release(self) {
        if self.writable && is_ours(&self.file).unwrap_or(false) {
            // A name that stays behind is told from a live one by its process mark.
            drop(self.file.set_len(0));
        }
    }
}

impl Drop for Lock {
    /// Frees the lock itself and does not leave that to the closing of the file: a process that is being started by
    /// another thread has the file open too, until its exec.
    fn drop(&mut self) {
        rustix::fs::flock(&self.file, FlockOperation::Unlock).ok();
    }
}

fn open(path: &Path) -> io::Result<(File, bool)> {
    let writable = |path: &Path| {
        fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
    };
    let result = match writable(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(folder) = path.parent() {
                private_dir(folder)?;
            }
            writable(path)
        }
        other => other,
    };
    match result {
        Ok(file) => Ok((file, true)),
        // Somebody else's file, a folder, or a read-only disk: flock(1) locks those as well.
        Err(error) => File::open(path).map(|file| (file, false)).map_err(|_| error),
    }
}

fn leads_to(path: &Path, file: &File) -> io::Result<bool> {
    let held = file.metadata()?;
    match fs::metadata(path) {
        Ok(there) => Ok(held.nlink() > 0 && held.dev() == there.dev() && held.ino() == there.ino()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn is_ours(file: &File) -> io::Result<bool> {
    let mut start = [0; OURS.len()];
    let read = file.read_at(&mut start, 0)?;
    Ok(read == 0 || start == *OURS)
}

fn holder_in(file: &File) -> Option<Holder> {
    let size = file.metadata().ok()?.len();
    if size == 0 || size > HOLDER_LIMIT {
        return None;
    }
    let mut text = vec![0; usize::try_from(size).ok()?];
    let read = file.read_at(&mut text, 0).ok()?;
    serde_json::from_slice(text.get(..read)?).ok()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn holder() -> Holder {
        let mark = crate::process::mark(std::process::id()).expect("marked");
        Holder::new(RunId::new("run-1").expect("valid"), mark)
    }

    fn locked(path: &Path) -> Lock {
        match try_lock(path).expect("tried") {
            Attempt::Locked(lock) => lock,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_second_holder_learns_who_the_first_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("locks/a.lock");
        let lock = locked(&path);
        lock.sign(&holder()).expect("signed");
        assert!(matches!(try_lock(&path).expect("tried"), Attempt::Held(Some(by)) if by == holder()));
        lock.release();
        locked(&path).release();
        assert_eq!(fs::read(&path).expect("there"), b"");
    }

    #[test]
    fn the_job_of_a_killed_holder_still_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.lock");
        let mut job = Command::new("sleep").arg("60").spawn().expect("started");
        let mut signed = holder();
        signed.job = Some(crate::process::mark(job.id()).expect("marked"));
        let lock = locked(&path);
        lock.sign(&signed).expect("signed");
        drop(lock);
        assert!(matches!(try_lock(&path).expect("tried"), Attempt::Orphaned(by) if by == signed));
        job.kill().expect("killed");
        job.wait().expect("waited");
        locked(&path).release();
    }

    #[test]
    fn an_unlinked_lock_file_is_not_trusted() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.lock");
        let first = locked(&path);
        fs::remove_file(&path).expect("removed");
        let second = locked(&path);
        assert!(!leads_to(&path, &first.file).expect("looked"));
        assert!(leads_to(&path, &second.file).expect("looked"));
    }

    #[test]
    fn flock_and_muster_keep_each_other_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.lock");
        let lock = locked(&path);
        let flock = || Command::new("flock").arg("-n").arg(&path).arg("true").status().expect("flock").code();
        assert_eq!(flock(), Some(1));
        lock.release();
        assert_eq!(flock(), Some(0));
        let mut other = Command::new("flock")
            .arg(&path)
            .args(["sh", "-c", "echo held; read x"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("started");
        let mut word = [0; 5];
        io::Read::read_exact(other.stdout.as_mut().expect("piped"), &mut word).expect("read");
        assert!(matches!(try_lock(&path).expect("tried"), Attempt::Held(None)));
        drop(other.stdin.take());
        other.wait().expect("ended");
        locked(&path).release();
    }

    #[test]
    fn words_of_others_in_a_lock_file_are_never_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("script.sh");
        fs::write(&path, "#!/bin/sh\n").expect("written");
        let lock = locked(&path);
        assert!(lock.sign(&holder()).is_err());
        lock.release();
        assert_eq!(fs::read(&path).expect("there"), b"#!/bin/sh\n");
        let folder_lock = locked(folder.path());
        assert!(folder_lock.sign(&holder()).is_err());
    }

    #[test]
    fn waiting_ends_at_the_limit_or_when_asked() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.lock");
        let mut lock = Some(locked(&path));
        let held = wait(&path, Duration::ZERO, |_| true).expect("tried");
        assert!(matches!(held, Attempt::Held(_)));
        let given_up = wait(&path, Duration::from_secs(3600), |_| false).expect("tried");
        assert!(matches!(given_up, Attempt::Held(_)));
        let got = wait(&path, Duration::from_secs(3600), |_| {
            lock.take();
            true
        });
        assert!(matches!(got.expect("tried"), Attempt::Locked(_)));
    }
}
