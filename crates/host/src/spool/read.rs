//! From records to signals. Whatever lies in the spool is input from outside: only plain files of ours or root's, not
//! too long and not too many at a time, become signals; the rest is set aside and told.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::iter;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use muster_core::signal::Signal;
use rustix::fs::{AtFlags, OFlags, unlinkat};
use rustix::io::Errno;

use super::write::is_own_folder;
use super::{RECORD_LIMIT, Spool, reserve};
use crate::state::private_dir;

/// Most records that are kept in `bad/`.
const BAD_LIMIT: usize = 100;

/// How much one reading takes at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Records.
    pub records: usize,
    /// Bytes of all records.
    pub bytes: u64,
}

impl Default for Bounds {
    /// 500 records, 4 MiB.
    fn default() -> Self {
        Self { records: 500, bytes: 4 << 20 }
    }
}

/// What one reading found.
#[derive(Debug, Default)]
pub struct Batch {
    /// The records, oldest first.
    pub records: Vec<Record>,
    /// There is more: read again after these are taken.
    pub more: bool,
    /// What keeps a user's spool from being read, a sentence each.
    pub odd: Vec<String>,
}

/// One record. It stays where it is until [`Spool::forget`] or [`Spool::quarantine`].
#[derive(Debug)]
pub struct Record {
    /// What it says.
    pub signal: Result<Signal, BadRecord>,
    pub(super) place: Kept,
}

/// Where a record lies.
#[derive(Debug)]
pub(super) enum Kept {
    File(PathBuf),
    Slot(u64),
    /// In the spool of a user; `shown` is for people.
    Theirs {
        folder: Arc<OwnedFd>,
        name: CString,
        shown: String,
    },
}

/// Why a record is no signal.
#[derive(Debug, thiserror::Error)]
pub enum BadRecord {
    /// A folder, a link, a socket, a device.
    #[error("not a plain file")]
    NotAFile,
    /// Written by somebody who is neither us nor root.
    #[error("owned by user {0}")]
    Foreign(u32),
    /// Longer than a record may be.
    #[error("{0} bytes, more than 64 KiB")]
    TooLong(u64),
    /// It could not be read.
    #[error("{0}")]
    Unreadable(#[from] io::Error),
    /// It is not the JSON of a signal.
    #[error("{0}")]
    NotASignal(String),
    /// Its writer may not say this.
    #[error("{0}")]
    Forbidden(String),
}

impl Record {
    /// Where it lies, for people.
    pub fn place(&self) -> String {
        match &self.place {
            Kept::File(path) => path.display().to_string(),
            Kept::Slot(slot) => format!("slot {slot} of the reserve"),
            Kept::Theirs { shown, .. } => shown.clone(),
        }
    }
}

impl Spool {
    /// Reads the oldest records of all places, in the order in which they were made. Removes nothing.
    ///
    /// # Errors
    /// When the spool is there and cannot be listed. The places for bad days may be absent.
    pub fn read(&self, bounds: Bounds) -> io::Result<Batch> {
        let mut found: Vec<(String, Found)> = Vec::new();
        list(&self.layout.spool(), &mut found)?;
        for folder in self.memory.iter().filter(|folder| folder.parent().is_some_and(is_own_folder)) {
            if is_own_folder(folder) {
                list(folder, &mut found)?;
            }
        }
        found.extend(reserve::records(&self.layout.reserve()).into_iter().map(reserved));
        found.sort_by(|a, b| a.0.cmp(&b.0));
        let mut batch = Batch::default();
        let mut bytes = 0;
        for (_, found) in found {
            if batch.records.len() >= bounds.records || bytes >= bounds.bytes {
                batch.more = true;
                break;
            }
            let path = match found {
                Found::Read(record) => {
                    batch.records.push(*record);
                    continue;
                }
                Found::File(path) => path,
            };
            let signal = match read_file(&path) {
                // Taken by somebody else between the listing and now.
                Err(BadRecord::Unreadable(error)) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => Err(error),
                Ok(text) => {
                    bytes += text.len() as u64;
                    parse(&text)
                }
            };
            batch.records.push(Record { signal, place: Kept::File(path) });
        }
        Ok(batch)
    }

    /// Removes a record whose signal is kept elsewhere by now.
    ///
    /// # Errors
    /// When it cannot be removed. One that is gone already is fine.
    pub fn forget(&self, record: &Record) -> io::Result<()> {
        match &record.place {
            Kept::Slot(slot) => reserve::free(&self.layout.reserve(), *slot),
            Kept::Theirs { folder, name, .. } => match unlinkat(folder, name, AtFlags::empty()) {
                Err(error) if error != Errno::NOENT => Err(error.into()),
                _ => Ok(()),
            },
            Kept::File(path) => {
                match fs::remove_file(path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
                if let Some(folder) =
                    self.memory.iter().find(|folder| path.parent() == Some(folder.as_path()))
                {
                    // The bad day is over once it is empty; it is made again when it is needed.
                    drop(fs::remove_dir(folder));
                }
                Ok(())
            }
        }
    }

    /// Moves a record that is no signal to `bad/` beside it, where the newest 100 are kept for people to look at. In the
    /// spool of a user nothing is made, so there it is removed.
    ///
    /// # Errors
    /// When it can be neither moved nor removed; it would then be read again and again.
    pub fn quarantine(&self, record: &Record) -> io::Result<()> {
        let path = match &record.place {
            Kept::File(path) => path,
            // It may be readable the next time.
            Kept::Theirs { .. } if matches!(record.signal, Err(BadRecord::Unreadable(_))) => return Ok(()),
            Kept::Theirs { .. } | Kept::Slot(_) => return self.forget(record),
        };
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let bad = folder.join("bad");
        if private_dir(&bad).and_then(|()| fs::rename(path, bad.join(name))).is_ok() {
            return bound(&bad);
        }
        if fs::symlink_metadata(path)?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
    }

    /// All folders in which records may lie.
    pub(super) fn folders(&self) -> impl Iterator<Item = PathBuf> {
        iter::once(self.layout.spool()).chain(self.memory.iter().cloned())
    }
}

/// A record on the way out.
enum Found {
    File(PathBuf),
    Read(Box<Record>),
}

/// A record of the reserve, with the name under which it would lie in the spool.
fn reserved((slot, text): (u64, Vec<u8>)) -> (String, Found) {
    let signal = parse(&text);
    let name = signal.as_ref().map_or_else(|_| String::new(), |signal| signal.id.to_string());
    (name, Found::Read(Box::new(Record { signal, place: Kept::Slot(slot) })))
}

fn list(folder: &Path, found: &mut Vec<(String, Found)>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".json") && !name.starts_with('.') {
            found.push((name, Found::File(entry.path())));
        }
    }
    Ok(())
}

fn read_file(path: &Path) -> Result<Vec<u8>, BadRecord> {
    // Not following links, and not waiting for a writer should it be a pipe.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
        .open(path);
    let me = rustix::process::geteuid().as_raw();
    text_of(opened(file)?, |owner| owner == 0 || owner == me)
}

/// What open(2) of something that is no plain file comes to.
pub(super) fn opened(file: io::Result<File>) -> Result<File, BadRecord> {
    match file {
        Err(error) if matches!(error.raw_os_error(), Some(code) if is_not_a_file(code)) => {
            Err(BadRecord::NotAFile)
        }
        other => Ok(other?),
    }
}

/// The text of a plain file that is not too long and that somebody wrote who may.
pub(super) fn text_of(file: File, may: impl Fn(u32) -> bool) -> Result<Vec<u8>, BadRecord> {
    let there = file.metadata()?;
    if !there.is_file() {
        return Err(BadRecord::NotAFile);
    }
    if !may(there.uid()) {
        return Err(BadRecord::Foreign(there.uid()));
    }
    let mut text = Vec::new();
    // One byte more than allowed, so that a file that grows meanwhile is noticed as well.
    file.take(RECORD_LIMIT + 1).read_to_end(&mut text)?;
    if text.len() as u64 > RECORD_LIMIT {
        return Err(BadRecord::TooLong(there.len().max(text.len() as u64)));
    }
    Ok(text)
}

/// What open(2) says of links (ELOOP) and of sockets (ENXIO).
fn is_not_a_file(code: i32) -> bool {
    [rustix::io::Errno::LOOP, rustix::io::Errno::NXIO].iter().any(|errno| errno.raw_os_error() == code)
}

pub(super) fn parse(text: &[u8]) -> Result<Signal, BadRecord> {
    serde_json::from_slice(text).map_err(|error| BadRecord::NotASignal(error.to_string()))
}

fn bound(bad: &Path) -> io::Result<()> {
    let mut names: Vec<PathBuf> = fs::read_dir(bad)?.flatten().map(|entry| entry.path()).collect();
    names.sort();
    for path in names.iter().take(names.len().saturating_sub(BAD_LIMIT)) {
        fs::remove_file(path)?;
    }
    Ok(())
}
