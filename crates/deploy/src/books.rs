//! What a host keeps of a service: its ports, what stands on its sides, what was confirmed, and the chain of its record.
//!
//! One file, written through a rename and synced before anything that relies on it is done, so that a helper that is killed
//! at any point is followed by one that knows as much. The record is one line for each thing that happened, each with the
//! digest of the line before it, so that what was taken out or changed shows.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use muster_config::plan::ServiceSpec;
use muster_core::plan::{Attempt, Side};
use muster_core::time::Timestamp;
use muster_host::atomic::{self, Durability};
use muster_host::lock::{self, Attempt as Locking};
use muster_host::state::{Layout, private_dir};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::front::{Failures, Ports};
use crate::release::Release;

/// Longest file that is read, in bytes.
const BOOKS_LIMIT: u64 = 4 << 20;
/// The end of the record that is read for people, in bytes.
const RECORD_TAIL: u64 = 256 << 10;
/// A record that is longer begins anew; the one before it is kept once.
const RECORD_LIMIT: u64 = 8 << 20;

/// The folder of a service.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
}

/// What is kept of a service.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Books {
    /// The ports of its sides, once they are chosen.
    pub ports: Option<Ports>,
    /// By which the front tells its own from others. Secret, but worth nothing outside this host.
    pub token: String,
    /// The service as it was last described.
    pub spec: Option<ServiceSpec>,
    /// The side that works, for a service without a front; with one the front knows.
    pub side: Option<Side>,
    /// What stands on the blue side.
    pub blue: Option<Placed>,
    /// What stands on the green side.
    pub green: Option<Placed>,
    /// What was confirmed last.
    pub confirmed: Option<Attempt>,
    /// What requests are led to and nobody has confirmed.
    pub pending: Option<Pending>,
    /// How it was before the host was last led anywhere; the way back.
    pub before: Option<Before>,
    /// The highest number seen.
    pub highest: u64,
    /// The releases that can be gone back to, in the order in which they were confirmed.
    pub kept: Vec<Release>,
    /// What is stopped when its time is over.
    pub warm: Option<Warm>,
}

/// A release on a side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// Which.
    pub release: Release,
    /// It was well here, so many restarts after its start.
    pub proven: Option<u32>,
    /// When it was last told to start here: what it reported before is no news of it.
    #[serde(default)]
    pub started: Option<Timestamp>,
}

/// A release that nobody has confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// What it is about.
    pub attempt: Attempt,
    /// The side that requests are led to.
    pub to: Side,
}

/// How it was before a deploy led requests somewhere else. It is kept when that is confirmed: another host may not follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// The deploy; only this one goes back to it.
    pub attempt: Attempt,
    /// The side that requests were led to; none where nothing was.
    pub side: Option<Side>,
    /// What was confirmed.
    pub confirmed: Option<Attempt>,
}

/// A release that runs and is not in front: for a while, or until a deploy that may have died has led to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warm {
    /// Where it stands.
    pub side: Side,
    /// Its number.
    pub release: u64,
    /// Until when. Then it is stopped as soon as nobody has held the lease for a while.
    pub until: Timestamp,
}

/// Who has the lease of a service, and what they are at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Holder {
    /// Who deploys, from where.
    pub by: String,
    /// The step, in its word.
    pub step: String,
    /// Since when they are at it.
    pub since: Timestamp,
}

impl Holder {
    /// Reads what [`Display`](fmt::Display) writes; none of other words.
    pub fn parse(text: &str) -> Option<Self> {
        // From behind: whatever somebody is called stands in front.
        let (rest, since) = text.trim_end().rsplit_once(" since ")?;
        let (by, step) = rest.rsplit_once(", at ")?;
        Some(Self { by: by.to_owned(), step: step.to_owned(), since: since.parse().ok()? })
    }
}

impl fmt::Display for Holder {
    /// `ann on desk, at fetch since 2026-11-22T15:00:00Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, at {} since {}", self.by, self.step, self.since)
    }
}

/// One line of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// What: `deployed`, `rolled back`, `went back`, `failed`, or [`Entry::ENDED`].
    pub what: String,
    /// The numbers.
    pub attempt: Attempt,
    /// How people call the release.
    pub version: String,
    /// What exactly runs.
    pub artefact: String,
    /// Digest of the description of the service.
    pub spec: String,
    /// Digest of the environment, which shows a change and no value.
    pub environment: String,
    /// Who.
    pub by: String,
    /// From the beginning to here, in milliseconds.
    pub took: u64,
    /// What there is to tell.
    pub note: String,
    /// Requests that failed from the moment in which they were led elsewhere until this line; none where nothing was led, or
    /// nothing is in front.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_requests: Option<Failures>,
    /// Digest of the line before.
    pub before: String,
}

impl Entry {
    /// What a line says that was written when all was over: how long it took in all, and how many requests failed. The line
    /// of `deployed` or `rolled back` is from before that.
    pub const ENDED: &str = "ended";
}

impl Books {
    /// What stands on a side.
    pub const fn placed(&self, side: Side) -> Option<&Placed> {
        match side {
            Side::Blue => self.blue.as_ref(),
            Side::Green => self.green.as_ref(),
        }
    }

    /// The place of a side.
    pub const fn place(&mut self, side: Side) -> &mut Option<Placed> {
        match side {
            Side::Blue => &mut self.blue,
            Side::Green => &mut self.green,
        }
    }
}

impl Folder {
    /// The folder of a service below the state directory.
    pub fn new(layout: &Layout, service: &str) -> Self {
        Self { path: layout.deploy().join(service) }
    }

    /// Makes it, 0700.
    ///
    /// # Errors
    /// The system's.
    pub fn create(&self) -> io::Result<()> {
        if let Some(parent) = self.path.parent() {
            private_dir(parent)?;
        }
        private_dir(&self.path)?;
        private_dir(&self.path.join("env"))
    }

    /// Whether there is one.
    pub fn exists(&self) -> bool {
        self.path.is_dir()
    }

    /// The lock of whoever deploys.
    pub fn lease(&self) -> PathBuf {
        self.path.join("lease.lock")
    }

    fn signature(&self) -> PathBuf {
        self.path.join("lease.txt")
    }

    /// Writes down who has the lease and what they are at, for whoever finds it taken. Nothing depends on it.
    ///
    /// # Errors
    /// The system's.
    pub fn sign(&self, holder: &Holder) -> io::Result<()> {
        atomic::write(&self.signature(), format!("{holder}\n").as_bytes(), 0o600, Durability::Kernel)
    }

    /// What was written last about who has the lease, whether it is taken or not; one line of at most 400 characters.
    pub fn signed(&self) -> Option<String> {
        let mut text = Vec::new();
        fs::File::open(self.signature()).ok()?.take(4096).read_to_end(&mut text).ok()?;
        let text: String =
            String::from_utf8_lossy(&text).chars().filter(|c| !c.is_control()).take(400).collect();
        (!text.is_empty()).then_some(text)
    }

    /// Whether somebody has the lease now. Whoever asks has it for a moment, if it is free.
    ///
    /// # Errors
    /// The system's.
    pub fn is_leased(&self) -> io::Result<bool> {
        match self.lease().try_exists()? {
            true => lock::try_lock(&self.lease()).map(|attempt| matches!(attempt, Locking::Held(_))),
            false => Ok(false),
        }
    }

    /// The lock of whoever takes back what nobody confirms.
    pub fn guard(&self) -> PathBuf {
        self.path.join("guard.lock")
    }

    /// The environment of a release, 0600.
    pub fn environment(&self, release: u64) -> PathBuf {
        self.path.join("env").join(format!("{release}.env"))
    }

    /// What the command said that runs once for a release.
    pub fn once(&self, release: u64) -> PathBuf {
        self.path.join(format!("once-{release}.log"))
    }

    /// What is kept; nothing if there is no file.
    ///
    /// # Errors
    /// The file cannot be read, or is not ours.
    pub fn read(&self) -> io::Result<Books> {
        let mut text = Vec::new();
        match fs::File::open(self.path.join("books.json")) {
            Ok(file) => file.take(BOOKS_LIMIT).read_to_end(&mut text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Books::default()),
            Err(error) => return Err(error),
        };
        serde_json::from_slice(&text).map_err(io::Error::from)
    }

    /// Keeps it; on disk when this returns.
    ///
    /// # Errors
    /// The system's; what was there stays.
    pub fn write(&self, books: &Books) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(books)?;
        atomic::write(&self.path.join("books.json"), &text, 0o600, Durability::Disk)
    }

    fn record(&self) -> PathBuf {
        self.path.join("record.jsonl")
    }

    /// Adds a line to the record.
    ///
    /// # Errors
    /// The system's.
    pub fn append(&self, mut entry: Entry) -> io::Result<()> {
        let path = self.record();
        let last = last_line(&path)?;
        entry.before = last.as_deref().map(digest).unwrap_or_default();
        if fs::metadata(&path).is_ok_and(|data| data.len() > RECORD_LIMIT) {
            fs::rename(&path, path.with_extension("jsonl.1"))?;
        }
        let mut text = serde_json::to_vec(&entry)?;
        text.push(b'\n');
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
        file.write_all(&text)?;
        file.sync_data()
    }

    /// The last lines of the record, oldest first, and whether each fits the one before it.
    ///
    /// # Errors
    /// The system's.
    pub fn entries(&self) -> io::Result<(Vec<Entry>, bool)> {
        let text = tail(&self.record())?;
        let mut entries: Vec<Entry> = Vec::new();
        let mut fits = true;
        let mut before: Option<&str> = None;
        for line in text.lines() {
            let Ok(entry) = serde_json::from_str::<Entry>(line) else {
                fits = false;
                continue;
            };
            fits &= before.is_none_or(|before| digest(before.as_bytes()) == entry.before);
            before = Some(line);
            entries.push(entry);
        }
        Ok((entries, fits))
    }
}

/// The end of a file, from the first whole line on.
fn tail(path: &Path) -> io::Result<String> {
    let mut file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    let from = length.saturating_sub(RECORD_TAIL);
    file.seek(SeekFrom::Start(from))?;
    let mut text = Vec::new();
    file.take(RECORD_TAIL).read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    Ok(match (from, text.split_once('\n')) {
        (1.., Some((_, whole))) => whole.to_owned(),
        _ => text,
    })
}

fn last_line(path: &Path) -> io::Result<Option<Vec<u8>>> {
    Ok(tail(path)?.lines().next_back().map(|line| line.as_bytes().to_vec()))
}

/// SHA-256 in hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u64) -> Entry {
        Entry {
            at: Timestamp::from_seconds(1_800_000_000),
            what: "deployed".into(),
            attempt: Attempt { number, release: number },
            version: format!("v{number}"),
            artefact: "a@sha256:1".into(),
            spec: String::new(),
            environment: String::new(),
            by: "ann".into(),
            took: 1200,
            note: String::new(),
            failed_requests: None,
            before: String::new(),
        }
    }

    #[test]
    fn a_line_that_was_changed_or_taken_out_shows() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::new(&Layout::new(root.path()), "api");
        folder.create().unwrap();
        for number in 1..=4 {
            folder.append(entry(number)).unwrap();
        }
        let (entries, fits) = folder.entries().unwrap();
        assert_eq!((entries.len(), fits), (4, true));
        let text = fs::read_to_string(folder.record()).unwrap();
        fs::write(folder.record(), text.replace("\"v2\"", "\"v9\"")).unwrap();
        assert!(!folder.entries().unwrap().1);
        let without: Vec<&str> = text.lines().filter(|line| !line.contains("\"v3\"")).collect();
        fs::write(folder.record(), without.join("\n") + "\n").unwrap();
        assert!(!folder.entries().unwrap().1);
    }

    #[test]
    fn lines_of_before_still_read_and_chain() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::new(&Layout::new(root.path()), "api");
        folder.create().unwrap();
        folder.append(entry(1)).unwrap();
        let text = fs::read_to_string(folder.record()).unwrap();
        assert!(!text.contains("failed_requests"), "{text}");
        let counted = |failed| Entry { failed_requests: Some(failed), ..entry(2) };
        folder.append(counted(Failures::Counted(3))).unwrap();
        folder.append(counted(Failures::Unknown("why".into()))).unwrap();
        let (entries, fits) = folder.entries().unwrap();
        let failed: Vec<Option<Failures>> = entries.into_iter().map(|entry| entry.failed_requests).collect();
        assert_eq!(failed, [None, Some(Failures::Counted(3)), Some(Failures::Unknown("why".into()))]);
        assert!(fits);
    }

    #[test]
    fn who_has_the_lease_reads_back_whatever_they_are_called() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::new(&Layout::new(root.path()), "api");
        folder.create().unwrap();
        let since = Timestamp::from_seconds(1_800_000_000);
        let by = "x, at home since 2020 on desk".to_owned();
        let holder = Holder { by, step: "fetch".into(), since };
        folder.sign(&holder).unwrap();
        assert_eq!(folder.signed().and_then(|text| Holder::parse(&text)), Some(holder));
        assert_eq!(Holder::parse("somebody"), None);
        assert!(!folder.is_leased().unwrap());
        let lease = lock::try_lock(&folder.lease()).unwrap();
        assert!(folder.is_leased().unwrap());
        drop(lease);
        assert!(!folder.is_leased().unwrap());
    }

    #[test]
    fn what_is_kept_reads_back() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::new(&Layout::new(root.path()), "api");
        folder.create().unwrap();
        assert_eq!(folder.read().unwrap(), Books::default());
        let attempt = Attempt { number: 3, release: 2 };
        let pending = Pending { attempt, to: Side::Green };
        let books = Books { highest: 3, pending: Some(pending), ..Books::default() };
        folder.write(&books).unwrap();
        assert_eq!(folder.read().unwrap(), books);
    }
}
