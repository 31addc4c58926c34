//! One host, before anything is deployed to it: asks its helper how it stands to its base, and has it made or taken back.

use std::path::Path;
use std::time::Duration;

use muster_config::plan::HostPlan;

use super::link::{Link, Own};
use crate::base::{Fate, Piece, Standing, Wanted};
use crate::trouble::Trouble;
use crate::wire::{Question, Said};

/// How long a host may look at all pieces, and make one: apt waits for its mirrors.
const LOOK: Duration = Duration::from_secs(120);
const MAKE: Duration = Duration::from_secs(1500);

/// A host that answers.
#[derive(Debug)]
pub struct Preparation {
    link: Link,
}

impl Preparation {
    /// Reaches a host. `control` is a folder of the user's own for the sockets of ssh.
    ///
    /// # Errors
    /// It cannot be reached, or the helper cannot be sent; in one line.
    pub fn open(host: &HostPlan, control: &Path) -> Result<Self, String> {
        Ok(Self { link: Link::open(host, &Own::new()?, control)? })
    }

    /// How the host stands to each piece.
    ///
    /// # Errors
    /// What it could not see, or that it was not heard.
    pub fn look(&mut self, wanted: &[Wanted]) -> Result<Vec<Standing>, Vec<Trouble>> {
        match self.ask(Question::Look(wanted.to_vec()), LOOK)? {
            Said::Standings(seen) if seen.len() == wanted.len() => Ok(seen),
            other => Err(odd(&other)),
        }
    }

    /// Makes pieces that are missing.
    ///
    /// # Errors
    /// What could not be made, or that it was not heard.
    pub fn make(&mut self, pieces: Vec<Piece>) -> Result<(), Vec<Trouble>> {
        match self.ask(Question::Make(pieces), MAKE)? {
            Said::Done { .. } => Ok(()),
            other => Err(odd(&other)),
        }
    }

    /// Takes back what was made, or only says what would become of it.
    ///
    /// # Errors
    /// Its record cannot be read, or it was not heard.
    pub fn undo(&mut self, only_look: bool) -> Result<Vec<Fate>, Vec<Trouble>> {
        match self.ask(Question::Undo { only_look }, MAKE)? {
            Said::Fates(fates) => Ok(fates),
            other => Err(odd(&other)),
        }
    }

    fn ask(&mut self, what: Question, within: Duration) -> Result<Said, Vec<Trouble>> {
        match self.link.ask(what, within) {
            Ok(Said::Failed(troubles)) => Err(troubles),
            Ok(said) => Ok(said),
            Err(why) => Err(vec![Trouble::new(why)]),
        }
    }
}

fn odd(said: &Said) -> Vec<Trouble> {
    let what = match said {
        Said::Busy { holder } => format!("{holder} is at work there"),
        Said::Done { .. }
        | Said::Seen { .. }
        | Said::Ended { .. }
        | Said::Failed(_)
        | Said::Standings(_)
        | Said::Fates(_) => "it answers another question".to_owned(),
    };
    vec![Trouble::new(what)]
}
