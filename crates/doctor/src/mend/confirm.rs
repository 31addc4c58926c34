//! A change that may shut people out stays only if somebody says that they still come in. Otherwise it is taken back by a
//! guard: a process of its own that was there before the first change, and that the end of a connection does not end.
//!
//! Who waits and for what is in the treatment on disk, and nobody decides by the clock of the wall: a treatment that waits
//! and has no living guard is over its time, whatever became of the guard: a reboot, a kill.

use std::path::Path;
use std::time::Duration;

use muster_core::signal::ProcessMark;
use muster_core::time::Timestamp;
use muster_host::lock::{self, Attempt, Lock};
use muster_host::process::is_alive;
use serde::{Deserialize, Serialize};

use super::perform::Programs;
use super::treatment::{Treatment, TreatmentError};

/// Attempts at a rollback before it is given up, and the pause between two of them.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_secs(3);

/// Whether somebody has to say that they still come in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confirmation {
    /// Nobody can be shut out by it.
    #[default]
    NotNeeded,
    /// Nobody has said so yet.
    Awaited {
        /// When the guard takes it back.
        until: Timestamp,
        /// The guard; none before it runs, and nothing is changed before that.
        guard: Option<ProcessMark>,
    },
    /// Somebody has.
    Given {
        /// When.
        at: Timestamp,
    },
    /// Nobody did, and it was taken back.
    Missed {
        /// When.
        at: Timestamp,
        /// What could not be taken back, and why.
        left: Vec<(String, String)>,
    },
}

/// What became of a word that people still come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It stays.
    Stays,
    /// It stays: somebody said so before, or nobody had to.
    Stayed,
    /// Too late: it was taken back then.
    TakenBack(Timestamp),
    /// It was undone before.
    Undone,
}

impl Treatment {
    /// Something of it stands, and nobody said yet that they still come in.
    pub fn waits(&self) -> bool {
        matches!(self.confirmation, Confirmation::Awaited { .. }) && self.stands()
    }

    /// It waits, and nobody is there to take it back. Only whoever holds the lock may believe it: a guard that is on its way
    /// is not on record yet.
    pub fn is_forsaken(&self) -> bool {
        let alive =
            matches!(&self.confirmation, Confirmation::Awaited { guard: Some(guard), .. } if is_alive(guard));
        self.waits() && !alive
    }

    /// It was to be taken back, and something of it could not be.
    pub fn is_stuck(&self) -> bool {
        matches!(&self.confirmation, Confirmation::Missed { left, .. } if !left.is_empty()) && self.stands()
    }

    /// Somebody says that they still come in.
    ///
    /// # Errors
    /// When the treatment cannot be kept.
    pub fn confirm(&mut self, folder: &Path, at: Timestamp) -> Result<Answer, TreatmentError> {
        match self.confirmation {
            Confirmation::Awaited { .. } if self.stands() => {
                self.confirmation = Confirmation::Given { at };
                self.keep(folder)?;
                Ok(Answer::Stays)
            }
            Confirmation::Missed { at, .. } => Ok(Answer::TakenBack(at)),
            _ if !self.stands() => Ok(Answer::Undone),
            Confirmation::Awaited { .. } | Confirmation::Given { .. } | Confirmation::NotNeeded => {
                Ok(Answer::Stayed)
            }
        }
    }

    /// Takes it back because nobody said that they still come in. Tries again what does not go at once.
    ///
    /// # Errors
    /// When the treatment cannot be kept.
    pub fn roll_back(
        &mut self,
        folder: &Path,
        programs: &Programs,
        now: impl Fn() -> Timestamp,
    ) -> Result<Vec<(String, String)>, TreatmentError> {
        let mut left = Vec::new();
        for attempt in 1..=ATTEMPTS {
            left = self.undo(folder, programs, "nobody confirmed it", |_| true)?;
            if left.is_empty() || attempt == ATTEMPTS {
                break;
            }
            std::thread::sleep(PAUSE);
        }
        self.confirmation = Confirmation::Missed { at: now(), left: left.clone() };
        self.keep(folder)?;
        Ok(left)
    }
}

/// Takes the lock of all treatments, so that nobody changes one while another does.
///
/// # Errors
/// [`TreatmentError::Busy`] when somebody else has it for longer than `limit`.
pub fn hold(folder: &Path, limit: Duration) -> Result<Lock, TreatmentError> {
    let path = folder.join("lock");
    let pause = |time| {
        std::thread::sleep(time);
        true
    };
    match lock::wait(&path, limit, pause) {
        Ok(Attempt::Locked(lock)) => Ok(lock),
        Ok(Attempt::Held(_) | Attempt::Orphaned(_)) => Err(TreatmentError::Busy),
        Err(source) => Err(TreatmentError::System { path, source }),
    }
}
