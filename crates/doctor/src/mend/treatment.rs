//! Carries changes out, and takes them back byte for byte. What is to be done is on disk with all originals before the first
//! file is touched, and what stood before an order is on disk before it is told, so a kill at any moment leaves a treatment
//! from which everything can be undone.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use muster_core::time::Timestamp;
use muster_host::adopt::place::{About, NotReplaced, Place};
use muster_host::atomic::{self, Durability};
use muster_host::state::private_dir;
use rustix::fs::{CWD, RenameFlags};
use serde::{Deserialize, Serialize};

use super::confirm::Confirmation;
use super::perform::{Before, Programs};
use super::plan::{Act, Change};

/// What one run of `--fix` did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Treatment {
    /// Its name: the time at which it began.
    pub id: String,
    /// When it began.
    pub at: Timestamp,
    /// What was to be done, originals included.
    pub changes: Vec<Entry>,
    /// Whether somebody has to say that they still come in.
    #[serde(default)]
    pub confirmation: Confirmation,
}

/// One change, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What was to be done.
    pub change: Change,
    /// What became of it.
    pub state: State,
    /// What stood before an order; none where it was not begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Before>,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It was to be done; whether it was is not on record.
    Planned,
    /// It was done.
    Done,
    /// It was not done, and why.
    Refused(String),
    /// It was begun and went wrong, so a part of it may stand.
    Failed(String),
    /// It was taken back, and why.
    Undone(String),
}

impl State {
    /// Something of it stands, or may.
    pub fn stands(&self) -> bool {
        matches!(self, Self::Done | Self::Planned | Self::Failed(_))
    }

    /// It was not done as it was wanted.
    fn is_lost(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Failed(_))
    }
}

/// Why there is no treatment.
#[derive(Debug, thiserror::Error)]
pub enum TreatmentError {
    /// The system said no.
    #[error("{}: {source}", path.display())]
    System {
        /// What was read or written.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// What stands there is no treatment.
    #[error("{}: not a treatment: {why}", path.display())]
    Garbled {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// There is none of that name.
    #[error("{}", absent(.0.as_deref()))]
    Absent(Option<String>),
    /// Somebody else is at it.
    #[error("another muster doctor is at work on this host")]
    Busy,
}

fn absent(id: Option<&str>) -> String {
    match id {
        Some(id) => format!("nothing was mended under the name {id:?}"),
        None => "nothing that was mended still stands".to_owned(),
    }
}

impl Treatment {
    /// A treatment in which nothing is done yet.
    pub fn new(changes: Vec<Change>, at: Timestamp) -> Self {
        let entry = |change| Entry { change, state: State::Planned, before: None };
        Self {
            id: at.millis().to_string(),
            at,
            changes: changes.into_iter().map(entry).collect(),
            confirmation: Confirmation::NotNeeded,
        }
    }

    /// Carries out what is planned. What cannot be done is refused with its reason, and all that was for the same findings is
    /// left or taken back, because half of it does not help; the others go on.
    ///
    /// # Errors
    /// When the treatment cannot be kept: then nothing was changed, or no more than it says.
    pub fn carry_out(&mut self, folder: &Path, programs: &Programs) -> Result<(), TreatmentError> {
        self.keep(folder)?;
        for place in 0..self.changes.len() {
            self.step(place, folder, programs)?;
        }
        let lost = self.changes.iter().filter(|entry| entry.state.is_lost());
        let lost: Vec<Change> = lost.map(|entry| entry.change.clone()).collect();
        let Some(first) = lost.first() else { return Ok(()) };
        let why = format!("{} could not be done", first.act.about());
        let of_lost = |cure: &(String, String)| lost.iter().any(|change| change.cures.contains(cure));
        self.undo(folder, programs, &why, of_lost).map(drop)
    }

    /// Carries out one change.
    pub(super) fn step(
        &mut self,
        place: usize,
        folder: &Path,
        programs: &Programs,
    ) -> Result<(), TreatmentError> {
        let Some(entry) = self.changes.get(place) else { return Ok(()) };
        let mut earlier = self.changes.iter().take(place).filter(|earlier| earlier.state.is_lost());
        let state = match (earlier.find(|earlier| earlier.change.shares(&entry.change)), &entry.change.act) {
            (Some(earlier), _) => State::Refused(format!("{} could not be done", earlier.change.act.about())),
            (None, Act::Order(order)) => {
                let order = order.clone();
                match programs.before(&order) {
                    Err(why) => State::Refused(why),
                    Ok(before) => {
                        if let Some(entry) = self.changes.get_mut(place) {
                            entry.before = Some(before);
                        }
                        self.keep(folder)?;
                        programs.tell(&order).map_or_else(State::Failed, |()| State::Done)
                    }
                }
            }
            (None, act) => done(act).map_or_else(State::Refused, |()| State::Done),
        };
        if let Some(entry) = self.changes.get_mut(place) {
            entry.state = state;
        }
        self.keep(folder)
    }

    /// Takes back what was done for some findings, the last change first. What somebody changed since then stays as it is.
    /// Services that read files are told once more when all files are as they were.
    ///
    /// # Errors
    /// When the treatment cannot be kept.
    pub fn undo(
        &mut self,
        folder: &Path,
        programs: &Programs,
        why: &str,
        wanted: impl Fn(&(String, String)) -> bool,
    ) -> Result<Vec<(String, String)>, TreatmentError> {
        let mut left = Vec::new();
        let repeats = |act: &Act| matches!(act, Act::Order(order) if order.repeats());
        let all = 0..self.changes.len();
        for last in [false, true] {
            let places: Vec<usize> = if last { all.clone().collect() } else { all.clone().rev().collect() };
            for place in places {
                let Some(entry) = self.changes.get(place) else { continue };
                let change = &entry.change;
                if repeats(&change.act) != last || !entry.state.stands() || !change.cures.iter().any(&wanted)
                {
                    continue;
                }
                let mut files = self
                    .changes
                    .iter()
                    .filter(|file| file.change.act.file().is_some() && file.change.shares(change));
                let outcome = match (&change.act, &entry.before) {
                    (Act::Order(_), None) => Ok(()),
                    // Nothing was changed for it to read, so there is nothing to read again.
                    (Act::Order(_), Some(Before::Nothing)) if files.clone().next().is_none() => Ok(()),
                    (Act::Order(order), Some(before)) => programs.take_back(order, before),
                    (act, _) => undone(act),
                };
                // What was told for the files of others as well still stands for them.
                let for_others = last && files.any(|file| file.state.stands());
                match outcome {
                    Ok(()) if for_others => {}
                    Ok(()) => self.set(place, why),
                    Err(why) => left.push((change.act.about(), why)),
                }
                self.keep(folder)?;
            }
        }
        Ok(left)
    }

    fn set(&mut self, place: usize, why: &str) {
        if let Some(entry) = self.changes.get_mut(place) {
            entry.state = match &entry.state {
                State::Failed(said) => State::Refused(said.clone()),
                _ => State::Undone(why.to_owned()),
            };
        }
    }

    /// Every file that it is about, by its old name and by its new one.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.changes.iter().flat_map(|entry| {
            let new = match &entry.change.act {
                Act::Rename { to, .. } => Some(to.as_path()),
                Act::Content { .. } | Act::Mode { .. } | Act::Order(_) => None,
            };
            entry.change.act.file().into_iter().chain(new)
        })
    }

    /// Something of it stands.
    pub fn stands(&self) -> bool {
        self.changes.iter().any(|entry| entry.state.stands())
    }

    /// Writes it down.
    ///
    /// # Errors
    /// When the state directory cannot be written to.
    pub fn keep(&self, folder: &Path) -> Result<(), TreatmentError> {
        let path = folder.join(format!("{}.json", self.id));
        let system = |source| TreatmentError::System { path: path.clone(), source };
        private_dir(folder).map_err(system)?;
        let text = serde_json::to_vec(self)
            .map_err(|error| TreatmentError::Garbled { path: path.clone(), why: error.to_string() })?;
        atomic::write(&path, &text, 0o600, Durability::Disk).map_err(system)
    }

    /// Every treatment, the newest first.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn all(folder: &Path) -> Result<Vec<Self>, TreatmentError> {
        let system = |path: &Path| {
            let path = path.to_owned();
            move |source| TreatmentError::System { path, source }
        };
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(system(folder))?,
        };
        let mut all = Vec::new();
        for entry in entries.flatten() {
            let path = entry.path();
            if path.extension().is_none_or(|ending| ending != "json") {
                continue;
            }
            let text = fs::read(&path).map_err(system(&path))?;
            let treatment: Self = serde_json::from_slice(&text)
                .map_err(|error| TreatmentError::Garbled { path: path.clone(), why: error.to_string() })?;
            all.push(treatment);
        }
        all.sort_by_key(|treatment| std::cmp::Reverse(treatment.at));
        Ok(all)
    }

    /// The treatment of that name, or the newest that still stands.
    ///
    /// # Errors
    /// When there is none, or one cannot be read.
    pub fn find(folder: &Path, id: Option<&str>) -> Result<Self, TreatmentError> {
        let all = Self::all(folder)?;
        let found = all.into_iter().find(|treatment| id.map_or(treatment.stands(), |id| treatment.id == id));
        found.ok_or_else(|| TreatmentError::Absent(id.map(str::to_owned)))
    }
}

fn done(act: &Act) -> Result<(), String> {
    match act {
        Act::Content { file, old, new, uid, gid, mode, folder: _ } => {
            let about = About { uid: *uid, gid: *gid, mode: *mode };
            if old.is_none()
                && let Some(folder) = file.parent()
            {
                fs::create_dir_all(folder).map_err(|error| error.to_string())?;
            }
            replace(file, old.as_deref(), new, about)
        }
        Act::Mode { file, from, to } => change_mode(file, *from, *to),
        Act::Rename { from, to } => rename(from, to),
        // Those who are told are asked first; see `step`.
        Act::Order(order) => Err(format!("`{order}` is no change of a file")),
    }
}

fn undone(act: &Act) -> Result<(), String> {
    match act {
        Act::Content { file, old, new, uid, gid, mode, folder } => {
            let there = Place::File(file.clone()).read().map_err(|error| error.to_string())?;
            let there = there.map(|(bytes, _)| bytes);
            if there == *old {
                return Ok(());
            }
            match old {
                Some(old) => replace(file, Some(new), old, About { uid: *uid, gid: *gid, mode: *mode }),
                None if there.as_ref() == Some(new) => {
                    fs::remove_file(file).map_err(|error| error.to_string())?;
                    remove_folders(file, folder.as_deref());
                    Ok(())
                }
                None => Err("somebody changed it since then".to_owned()),
            }
        }
        Act::Mode { file, from, to } => match mode(file) {
            Ok(now) if now == *from => Ok(()),
            Ok(_) => change_mode(file, *to, *from),
            Err(error) => Err(error.to_string()),
        },
        Act::Rename { from, to } => match (from.exists(), to.exists()) {
            (true, false) => Ok(()),
            _ => rename(to, from),
        },
        Act::Order(order) => Err(format!("`{order}` is no change of a file")),
    }
}

/// Takes the folders away that were made for a file. One that holds something else by now stays.
fn remove_folders(file: &Path, first: Option<&Path>) {
    let Some(first) = first else { return };
    for folder in file.ancestors().skip(1).take_while(|folder| folder.starts_with(first)) {
        if fs::remove_dir(folder).is_err() {
            return;
        }
    }
}

fn replace(file: &Path, old: Option<&[u8]>, new: &[u8], about: About) -> Result<(), String> {
    Place::File(file.to_owned()).replace(old, new, about).map_err(|error| match error {
        NotReplaced::Changed => "somebody changed it since then".to_owned(),
        NotReplaced::System(error) => error.to_string(),
    })
}

fn mode(file: &Path) -> io::Result<u32> {
    let about = fs::symlink_metadata(file)?;
    match about.is_symlink() {
        true => Err(io::Error::other("it is a link")),
        false => Ok(about.permissions().mode() & 0o7777),
    }
}

fn change_mode(file: &Path, from: u32, to: u32) -> Result<(), String> {
    let now = mode(file).map_err(|error| error.to_string())?;
    if now != from {
        return Err(format!("its mode is {now:04o} and was {from:04o}"));
    }
    fs::set_permissions(file, fs::Permissions::from_mode(to)).map_err(|error| error.to_string())
}

fn rename(from: &Path, to: &Path) -> Result<(), String> {
    rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE).map_err(|error| error.to_string())
}
