//! The logs of all jobs as files: what there is, and what goes first.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags};

use super::run_of;

/// What the agent writes while it compresses ends so.
pub(super) const PART: &str = "part";
/// Such a file of this age was left behind by an agent that died, in seconds.
const STALE: i64 = 600;

/// A log on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Log {
    pub(super) path: PathBuf,
    /// The run; it begins with its time.
    pub(super) run: String,
    /// What it occupies on disk, in bytes.
    pub(super) bytes: u64,
    /// When it was last written, in seconds since 1970.
    pub(super) changed: i64,
    /// How many of the same job are newer.
    pub(super) newer: u32,
}

impl Log {
    /// True for a compressed one.
    pub(super) fn is_packed(&self) -> bool {
        self.path.extension().is_some_and(|ending| ending == super::body::ENDING)
    }
}

/// Every log below `runs`, oldest first, and what all files there occupy, in bytes.
///
/// # Errors
/// When the folder is there and cannot be listed.
pub(super) fn list(runs: &Path, now: i64) -> io::Result<(Vec<Log>, u64)> {
    let (mut logs, mut total) = (Vec::new(), 0);
    for job in entries(runs)? {
        let mut of_job: BTreeMap<String, Vec<Log>> = BTreeMap::new();
        // A folder that vanished or is closed to us holds back nothing.
        for path in entries(&job).unwrap_or_default() {
            // Not through links: what they point to is not ours to count or remove.
            let Ok(there) = fs::symlink_metadata(&path) else { continue };
            if !there.is_file() {
                continue;
            }
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.starts_with('.') && name.ends_with(PART) && now - there.mtime() > STALE {
                drop(fs::remove_file(&path));
                continue;
            }
            total += occupied(&there);
            if let Some(run) = run_of(name) {
                let (run, bytes, changed) = (run.to_owned(), occupied(&there), there.mtime());
                of_job.entry(run.clone()).or_default().push(Log { path, run, bytes, changed, newer: 0 });
            }
        }
        // Names begin with the time of the run.
        for (newer, same) in (0..).zip(of_job.into_values().rev()) {
            logs.extend(same.into_iter().map(|log| Log { newer, ..log }));
        }
    }
    logs.sort_by(|a, b| a.run.cmp(&b.run));
    Ok((logs, total))
}

/// Bytes on disk.
pub(super) fn occupied(there: &Metadata) -> u64 {
    there.blocks() * 512
}

/// Opens a log whose run has ended and keeps others away from it; none while its run writes it.
///
/// # Errors
/// When it cannot be opened.
pub(super) fn finished(path: &Path) -> io::Result<Option<File>> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    Ok(hold(&file).then_some(file))
}

/// Marks a log as being worked on, until the file is closed. False if somebody else does.
pub(super) fn hold(file: &File) -> bool {
    rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive).is_ok()
}

/// Removes a log whose run has ended; the bytes that became free.
pub(super) fn remove(log: &Log) -> u64 {
    match finished(&log.path) {
        Ok(Some(_held)) if fs::remove_file(&log.path).is_ok() => log.bytes,
        _ => 0,
    }
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(entries.flatten().map(|entry| entry.path()).collect()),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}
