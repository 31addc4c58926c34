//! What deployer and helper say to each other: one line of JSON for each question and each answer, over standard input and
//! output, so over ssh as well. Secrets travel here and nowhere else.

use std::io::{self, BufRead};

use muster_config::plan::ServiceSpec;
use muster_core::plan::{Act, Attempt, Observed};
use serde::{Deserialize, Serialize};

use crate::base::{Fate, Piece, Standing, Wanted};
use crate::books::Entry;
use crate::front::Failures;
use crate::trouble::Trouble;

/// The version of these lines; a helper of another version is replaced.
pub const VERSION: u32 = 1;
/// Longest line, in bytes.
pub const LINE_LIMIT: usize = 1 << 20;
/// Between two beats of the deployer, in seconds.
pub const BEAT: u64 = 5;
/// A helper that hears nothing for so many seconds ends, which frees its lease.
pub const PATIENCE: u64 = 30;

/// A question.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ask {
    /// Its number; the answer has the same.
    pub id: u64,
    /// What is asked.
    pub what: Question,
}

/// What can be asked of a helper.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// The deployer is there. Not answered.
    Beat,
    /// What the host knows of a service; takes no lease.
    Observe {
        /// The service.
        service: String,
    },
    /// Takes the lease of a service.
    Hold {
        /// What the service is.
        spec: Box<ServiceSpec>,
        /// Who deploys, for whoever finds the lease taken.
        by: String,
    },
    /// Says what the acts that follow are about.
    Begin(Box<Errand>),
    /// Does something.
    Do {
        /// What.
        act: Act,
        /// The longest that it may take, in milliseconds.
        within: u64,
    },
    /// Ends a wait that goes on: nobody wants its end any more. Not answered.
    Stop {
        /// The question that waits.
        id: u64,
    },
    /// The deploy has ended; the lease is free when this is answered.
    Done {
        /// The new release stays.
        stays: bool,
        /// Why not, or what went wrong beside it.
        why: String,
    },
    /// How the host stands to pieces of its base; changes nothing.
    Look(Vec<Wanted>),
    /// Makes pieces of the base that are missing.
    Make(Vec<Piece>),
    /// Takes the base back.
    Undo {
        /// Only says what would become of it.
        only_look: bool,
    },
}

impl std::fmt::Debug for Question {
    /// Without what may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Beat => f.write_str("Beat"),
            Self::Observe { service } => write!(f, "Observe({service})"),
            Self::Hold { spec, .. } => write!(f, "Hold({})", spec.service),
            Self::Begin(errand) => write!(f, "Begin({:?})", errand.attempt),
            Self::Do { act, .. } => write!(f, "Do({act:?})"),
            Self::Stop { id } => write!(f, "Stop({id})"),
            Self::Done { stays, .. } => write!(f, "Done({stays})"),
            Self::Look(wanted) => write!(f, "Look({})", wanted.len()),
            Self::Make(pieces) => write!(f, "Make({})", pieces.len()),
            Self::Undo { only_look } => write!(f, "Undo({only_look})"),
        }
    }
}

/// What a deploy is about.
#[derive(Clone, Serialize, Deserialize)]
pub struct Errand {
    /// Its numbers.
    pub attempt: Attempt,
    /// It goes back to a release that was in front before.
    pub is_return: bool,
    /// How people call the release: a tag, a commit, a file name.
    pub version: String,
    /// The file that the release is made of, if it comes from where the deployer is; on the host, once it is there.
    pub file: Option<String>,
    /// Values for its environment from where the deployer is. Secret.
    pub environment: Vec<(String, String)>,
    /// How long this host is watched as the canary, in milliseconds.
    pub hold: u64,
    /// Who deploys.
    pub by: String,
}

impl std::fmt::Debug for Errand {
    /// Without what may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Errand({:?}, {})", self.attempt, self.version)
    }
}

/// An answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answer {
    /// The number of the question.
    pub id: u64,
    /// What came of it.
    pub said: Said,
}

/// What a helper answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// It is done.
    Done {
        /// What there is to tell of it, in a few words: `3 good answers after 1.2 s`.
        note: String,
    },
    /// What the host knows.
    Seen {
        /// For the plan.
        observed: Observed,
        /// For people: its releases, newest last.
        entries: Vec<Entry>,
        /// Who holds the lease now, and what it is at.
        held: Option<String>,
    },
    /// The deploy has ended here.
    Ended {
        /// Requests that failed since they were led elsewhere; none if they were not, or nothing is in front.
        failed_requests: Option<Failures>,
    },
    /// Somebody else has the lease.
    Busy {
        /// Who, since when, and what it is at.
        holder: String,
    },
    /// It is not done.
    Failed(Vec<Trouble>),
    /// How the host stands to each piece, in the order of the question.
    Standings(Vec<Standing>),
    /// What becomes of what was made, the last one first.
    Fates(Vec<Fate>),
}

/// Reads one line of at most [`LINE_LIMIT`] bytes; none at the end.
///
/// # Errors
/// A line that is too long or is not what was expected, or the system's own.
pub fn read<T: serde::de::DeserializeOwned>(from: &mut impl BufRead) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    let limit = LINE_LIMIT as u64 + 1;
    if io::Read::take(&mut *from, limit).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a line that is cut off or too long"));
    }
    serde_json::from_slice(&line).map(Some).map_err(io::Error::from)
}

/// The bytes of a line.
///
/// # Errors
/// It is too long.
pub fn line<T: Serialize>(value: &T) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    match line.len() > LINE_LIMIT {
        true => Err(io::Error::new(io::ErrorKind::InvalidInput, "a line that is too long")),
        false => Ok(line),
    }
}
