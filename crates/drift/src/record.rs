//! What was accepted, by whom and why: `drift.json` with the digests, and beside it the texts without their secrets.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use muster_core::time::Timestamp;
use muster_host::atomic::{Durability, write};
use muster_host::state::{Layout, private_dir};
use serde::{Deserialize, Serialize};

use crate::look::Sight;
use crate::thing::{Thing, name_of};

/// Largest record that is read, in bytes.
const LIMIT: u64 = 16 << 20;
/// Largest text that is read, in bytes. Blotting may make a text a little longer.
const TEXT_LIMIT: u64 = 2 << 20;
/// Most acceptances that are remembered, and names in one of them.
const REMEMBERED: (usize, usize) = (500, 20);

/// Everything that was accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The version of this format, now 1.
    pub version: u32,
    /// The items, as they are written in the configuration.
    pub items: BTreeMap<String, BTreeMap<String, Thing>>,
    /// Who accepted what, oldest first.
    #[serde(default)]
    pub acceptances: Vec<Acceptance>,
}

/// One acceptance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptance {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// Why.
    pub why: String,
    /// Of which item.
    pub item: String,
    /// What was not as before, the first of them.
    pub names: Vec<String>,
    /// How many that are.
    pub count: usize,
}

/// Why there is no record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The system said no.
    #[error("{path}: {source}")]
    System {
        /// What was read or written.
        path: String,
        /// What it said.
        source: io::Error,
    },
    /// What stands there is no record.
    #[error(
        "{path} holds no record of what was accepted: {why}; remove it, and what is there will be accepted anew"
    )]
    Garbled {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
}

/// Nobody else changes the record while this is held.
#[derive(Debug)]
pub struct Held(#[expect(dead_code, reason = "the lock ends with the file")] File);

impl Record {
    /// The record; none where nothing was accepted yet.
    ///
    /// # Errors
    /// When it cannot be read or is none.
    pub fn read(layout: &Layout) -> Result<Option<Self>, RecordError> {
        let path = layout.drift();
        let garbled = |why: String| RecordError::Garbled { path: path.display().to_string(), why };
        let text = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => {
                let mut text = String::new();
                let file = other.map_err(|error| system(&path, error))?;
                file.take(LIMIT).read_to_string(&mut text).map_err(|error| system(&path, error))?;
                text
            }
        };
        let record: Self = serde_json::from_str(&text).map_err(|error| garbled(error.to_string()))?;
        match record.version {
            1 => Ok(Some(record)),
            other => Err(garbled(format!("it is of version {other}, and this muster reads 1"))),
        }
    }

    /// Takes the record for changing it.
    ///
    /// # Errors
    /// When somebody else has it, or the state directory cannot be written.
    pub fn hold(layout: &Layout) -> Result<Held, RecordError> {
        let folder = layout.drift_texts();
        let path = folder.join("lock");
        let open = || {
            private_dir(&folder)?;
            let file =
                fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path)?;
            rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)?;
            Ok(file)
        };
        open().map(Held).map_err(|error| system(&path, error))
    }

    /// What was accepted of an item; none where it was never looked at.
    pub fn of(&self, item: &str) -> Option<&BTreeMap<String, Thing>> {
        self.items.get(item)
    }

    /// Who accepted something of an item last.
    pub fn last(&self, item: &str) -> Option<&Acceptance> {
        self.acceptances.iter().rev().find(|one| one.item == item)
    }

    /// Takes these names of an item as they were seen; one that was not seen is gone.
    pub fn accept(&mut self, item: &str, names: &[&str], sight: &Sight, by: (&str, &str), at: Timestamp) {
        self.version = 1;
        let accepted = self.items.entry(item.to_owned()).or_default();
        for name in names {
            match sight.things.get(*name) {
                Some(thing) => drop(accepted.insert((*name).to_owned(), thing.clone())),
                None => drop(accepted.remove(*name)),
            }
        }
        self.acceptances.push(Acceptance {
            at,
            by: by.0.to_owned(),
            why: by.1.to_owned(),
            item: item.to_owned(),
            names: names.iter().take(REMEMBERED.1).map(|name| (*name).to_owned()).collect(),
            count: names.len(),
        });
        let over = self.acceptances.len().saturating_sub(REMEMBERED.0);
        self.acceptances.drain(..over);
    }

    /// Writes the record and the texts that are new in it, and removes those that no longer belong to it. Readers see the
    /// old one or the new one.
    ///
    /// # Errors
    /// When it cannot be written; the old one stands then.
    pub fn write<'a>(
        &self,
        layout: &Layout,
        texts: impl IntoIterator<Item = &'a String>,
        _held: &Held,
    ) -> Result<(), RecordError> {
        let folder = layout.drift_texts();
        let wanted: BTreeSet<&str> = self
            .items
            .values()
            .flat_map(BTreeMap::values)
            .filter_map(|thing| thing.content()?.text.as_deref())
            .collect();
        for text in texts {
            let name = name_of(text);
            let path = folder.join(&name);
            if wanted.contains(name.as_str()) && !path.exists() {
                write(&path, text.as_bytes(), 0o600, Durability::Kernel)
                    .map_err(|error| system(&path, error))?;
            }
        }
        let path = layout.drift();
        let text =
            serde_json::to_string_pretty(self).map_err(|error| system(&path, io::Error::other(error)))?;
        write(&path, (text + "\n").as_bytes(), 0o600, Durability::Disk)
            .map_err(|error| system(&path, error))?;
        for entry in fs::read_dir(&folder).map_err(|error| system(&folder, error))?.flatten() {
            let name = entry.file_name();
            if name.to_str().is_some_and(|name| name != "lock" && !wanted.contains(name)) {
                // One that stays is swept next time.
                drop(fs::remove_file(entry.path()));
            }
        }
        Ok(())
    }
}

/// An accepted text; none where it is not to be had.
pub fn text(layout: &Layout, name: &str) -> Option<String> {
    let mut text = String::new();
    let file = File::open(layout.drift_texts().join(name)).ok()?;
    file.take(TEXT_LIMIT).read_to_string(&mut text).ok()?;
    Some(text)
}

fn system(path: &Path, source: io::Error) -> RecordError {
    RecordError::System { path: path.display().to_string(), source }
}
