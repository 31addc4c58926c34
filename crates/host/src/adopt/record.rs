//! What was adopted on this host, and what was there before: `adopted/record.json` in the state directory, and beside
//! it every file as it was before it was replaced.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt;

use muster_core::host_roll::{HostRoll, Scheduled, Starter};
use muster_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::place::About;
use crate::atomic::{self, Durability};
use crate::state::{Layout, private_dir};

/// The version of the format.
const VERSION: u32 = 1;

/// Everything about the adoptions of one host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    version: u32,
    /// What was adopted, by the name of the job.
    pub jobs: BTreeMap<String, Job>,
    /// The texts that were added to muster.toml, by the name of the job.
    #[serde(default)]
    pub entries: BTreeMap<String, String>,
    /// Files that were replaced, oldest first.
    pub kept: Vec<Kept>,
    /// What was there and not adopted when somebody last looked.
    pub left: BTreeSet<String>,
}

/// An adopted job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The crontab that its line is in, or the timer.
    pub place: String,
}

/// A file as it was before it was replaced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Where it belongs.
    pub place: String,
    /// Name of the copy beside the record.
    pub copy: String,
    /// Whose it was.
    pub about: About,
    /// When it was replaced.
    pub at: Timestamp,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            version: VERSION,
            jobs: BTreeMap::new(),
            entries: BTreeMap::new(),
            kept: Vec::new(),
            left: BTreeSet::new(),
        }
    }
}

impl Record {
    /// The record; none if nothing was ever adopted.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn read(layout: &Layout) -> io::Result<Option<Self>> {
        match fs::read(layout.adopted().join("record.json")) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes it down for good.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn write(&self, layout: &Layout) -> io::Result<()> {
        private_dir(&layout.adopted())?;
        let bytes = serde_json::to_vec_pretty(self)?;
        atomic::write(&layout.adopted().join("record.json"), &bytes, 0o600, Durability::Disk)
    }

    /// Keeps a file that is about to be replaced, unless the last copy of it is the same.
    ///
    /// # Errors
    /// Whatever the file system says; the file must then not be replaced.
    pub fn keep(
        &mut self,
        layout: &Layout,
        place: &str,
        bytes: &[u8],
        about: About,
        at: Timestamp,
    ) -> io::Result<()> {
        let folder = layout.adopted();
        private_dir(&folder)?;
        let last = self.kept.iter().rev().find(|kept| kept.place == place);
        if last.is_some_and(|kept| fs::read(folder.join(&kept.copy)).is_ok_and(|there| there == bytes)) {
            return Ok(());
        }
        let name: String = place
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' })
            .collect();
        let copy = format!("{:04}{name}.original", self.kept.len() + 1);
        atomic::write(&folder.join(&copy), bytes, 0o600, Durability::Disk)?;
        self.kept.push(Kept { place: place.to_owned(), copy, about, at });
        Ok(())
    }

    /// The oldest copy of a file: as it was before anything of it was adopted.
    ///
    /// # Errors
    /// When the copy cannot be read.
    pub fn original(&self, layout: &Layout, place: &str) -> io::Result<Option<Vec<u8>>> {
        let first = self.kept.iter().find(|kept| kept.place == place);
        first.map(|kept| fs::read(layout.adopted().join(&kept.copy))).transpose()
    }
}

/// Holds the record against another process that adopts at the same time, until it is dropped.
///
/// # Errors
/// `WouldBlock` when another one holds it; else whatever the file system says.
pub fn hold(layout: &Layout) -> io::Result<fs::File> {
    private_dir(&layout.adopted())?;
    let path = layout.adopted().join("lock");
    let file = fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
}

/// What tells a line again when its number or its schedule has changed.
pub fn mark(place: &str, user: &str, command: &str) -> String {
    format!("{place} {user} {command}")
}

/// The lines of crontabs that nobody has looked at since the host was adopted: they run and report to nobody. None
/// where nothing is adopted.
pub fn newcomers<'h>(record: &'h Record, host: &'h HostRoll) -> impl Iterator<Item = &'h Scheduled> {
    host.scheduled.iter().filter(|one| {
        let place = one.source.rsplit_once(':').map_or(one.source.as_str(), |(place, _)| place);
        !record.jobs.is_empty()
            && one.by == Starter::Cron
            && one.covered.is_none()
            && one.cron.is_some()
            && !record.left.contains(&mark(place, &one.user, &one.command))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_copy_of_a_file_stays_the_original() {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(folder.path().join("state"));
        assert_eq!(Record::read(&layout).expect("read"), None);
        let about = About { uid: 0, gid: 0, mode: 0o644 };
        let at = Timestamp::from_seconds(1_800_000_000);
        let mut record = Record::default();
        for text in ["first", "first", "second"] {
            record.keep(&layout, "/etc/cron.d/shop", text.as_bytes(), about, at).expect("kept");
        }
        record.write(&layout).expect("written");
        let back = Record::read(&layout).expect("read").expect("there");
        assert_eq!((back.kept.len(), &back), (2, &record));
        assert_eq!(back.original(&layout, "/etc/cron.d/shop").expect("read").as_deref(), Some(&b"first"[..]));
        assert_eq!(back.original(&layout, "/etc/cron.d/other").expect("read"), None);
        assert!(!crate::state::is_open_to_others(&layout.adopted().join(&back.kept[0].copy)).expect("there"));
    }

    #[test]
    fn only_one_process_adopts_at_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(folder.path());
        let held = hold(&layout).expect("held");
        assert_eq!(hold(&layout).expect_err("held").kind(), io::ErrorKind::WouldBlock);
        drop(held);
        hold(&layout).expect("free");
    }
}
