//! What was made of this host. Each entry is on disk before the act that it is about, so that whatever dies in between leaves
//! nothing behind that nobody knows of.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use muster_host::atomic::{self, Durability};
use muster_host::lock::{self, Attempt, Lock};
use muster_host::state::private_dir;
use serde::{Deserialize, Serialize};

use crate::books::digest;
use crate::trouble::Trouble;

/// One thing that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Made {
    Packages(Vec<String>),
    User(String),
    Folder(PathBuf),
    /// A file, and the digest of what was written.
    File {
        path: PathBuf,
        digest: String,
    },
    /// Permission bits of a file that was there.
    Mode {
        path: PathBuf,
        from: u32,
        to: u32,
    },
    /// A file that was there, kept elsewhere, and the digest of what was written.
    Replaced {
        path: PathBuf,
        kept: PathBuf,
        digest: String,
    },
    Link {
        path: PathBuf,
        to: PathBuf,
    },
    /// How a unit was before.
    Unit {
        name: String,
        enabled: bool,
        active: bool,
    },
}

/// All that was made. Whoever has one is the only one.
#[derive(Debug)]
pub(super) struct Record {
    folder: PathBuf,
    pub(super) made: Vec<Made>,
    lock: Lock,
}

impl Record {
    /// Reads it, and keeps others away from it.
    pub(super) fn open(folder: &Path) -> Result<Self, Trouble> {
        private_dir(folder).map_err(|error| told(folder, &error))?;
        let lock = match lock::try_lock(&folder.join("lock")) {
            Ok(Attempt::Locked(lock)) => lock,
            Ok(Attempt::Held(_) | Attempt::Orphaned(_)) => {
                return Err(
                    Trouble::new("somebody else prepares this host now").help("try again when that is done")
                );
            }
            Err(error) => return Err(told(folder, &error)),
        };
        Ok(Self { made: read(&path(folder))?, folder: folder.to_owned(), lock })
    }

    /// Writes down what is about to be made; nothing is there twice.
    pub(super) fn add(&mut self, made: Made) -> Result<(), Trouble> {
        if !self.made.contains(&made) {
            self.made.push(made);
            self.keep()?;
        }
        Ok(())
    }

    /// Keeps the bytes of a file that is about to be replaced. Where they are now.
    pub(super) fn set_aside(&self, bytes: &[u8]) -> Result<PathBuf, Trouble> {
        let kept = self.folder.join(digest(bytes));
        atomic::write(&kept, bytes, 0o600, Durability::Disk).map_err(|error| told(&kept, &error))?;
        Ok(kept)
    }

    pub(super) fn keep(&self) -> Result<(), Trouble> {
        let path = path(&self.folder);
        let text = serde_json::to_vec_pretty(&self.made).map_err(|error| Trouble::new(error.to_string()))?;
        atomic::write(&path, &text, 0o600, Durability::Disk).map_err(|error| told(&path, &error))
    }

    pub(super) fn close(self) {
        self.lock.release();
    }
}

fn path(folder: &Path) -> PathBuf {
    folder.join("record.json")
}

fn read(path: &Path) -> Result<Vec<Made>, Trouble> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
            Trouble::new(format!("{} is damaged: {error}", path.display()))
                .help("move it away; what it named can no longer be taken back by muster")
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(told(path, &error)),
    }
}

/// What the file system says about a path.
pub(super) fn told(path: &Path, error: &std::io::Error) -> Trouble {
    Trouble::new(format!("{}: {error}", path.display()))
}
