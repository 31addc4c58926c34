//! A service on this host, and what is done to it. Each act can be done twice, and by another helper than the one before:
//! all that must be known is in the books.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use muster_config::plan::ServiceSpec;
use muster_core::plan::{Act, Observed, Side, Stand};
use muster_core::time::Timestamp;
use muster_host::state::Layout;

use super::{preflight, probation, tell};
use crate::books::{Books, Folder};
use crate::front::nginx::failures::Mark;
use crate::front::{self, Failures, Front, Ports};
use crate::runtime::{self, Runtime, State};
use crate::trouble::Trouble;
use crate::wire::Errand;

/// Lines of a log that are told.
pub(super) const LINES: usize = 50;

/// What an act came to: a few words, or what is wrong.
pub type Outcome = Result<String, Vec<Trouble>>;

/// An act that may wait for a while, and that somebody may not want any more.
#[derive(Debug, Clone, Default)]
pub struct Wait {
    /// The number of its question.
    pub id: u64,
    /// The number of the question that nobody wants the end of; 0 is none.
    pub stopped: Arc<AtomicU64>,
}

impl Wait {
    /// Nobody wants its end.
    pub(super) fn is_over(&self) -> bool {
        self.id != 0 && self.stopped.load(Ordering::Relaxed) == self.id
    }
}

/// A service on this host. Whoever has one holds the lease.
#[derive(Debug)]
pub struct Site {
    pub(super) layout: Layout,
    pub(super) folder: Folder,
    pub(super) books: Books,
    pub(super) spec: ServiceSpec,
    pub(super) runtime: Box<dyn Runtime + Send>,
    pub(super) front: Option<Box<dyn Front + Send>>,
    pub(super) errand: Option<Errand>,
    pub(super) began: Timestamp,
    /// From where on failed requests are counted, once requests are about to be led elsewhere.
    pub(super) mark: Option<Mark>,
    pub(super) wait: Wait,
}

/// One trouble in words.
pub(super) fn trouble(what: impl Into<String>) -> Vec<Trouble> {
    vec![Trouble::new(what)]
}

impl Site {
    /// Opens the books of a service. The lease must be held.
    ///
    /// # Errors
    /// The books cannot be read or made.
    pub fn open(layout: &Layout, spec: ServiceSpec) -> Result<Self, Vec<Trouble>> {
        let folder = Folder::new(layout, &spec.service);
        let unkept = |error: std::io::Error| trouble(format!("the books of {}: {error}", spec.service));
        folder.create().map_err(unkept)?;
        let mut books = folder.read().map_err(unkept)?;
        let before = books.clone();
        if books.token.is_empty() {
            books.token = token().map_err(unkept)?;
        }
        if spec.port.is_some() && books.ports.is_none() {
            books.ports = Some(preflight::choose_ports().map_err(|trouble| vec![trouble])?);
        }
        books.spec = Some(spec.clone());
        // Whoever only looks leaves the disk alone.
        if books != before {
            folder.write(&books).map_err(unkept)?;
        }
        let ports = books.ports.filter(|_| !spec.domains.is_empty());
        let front = ports.map(|ports| front::of(&spec, ports, &books.token)).transpose();
        Ok(Self {
            layout: layout.clone(),
            front: front.map_err(|trouble| vec![trouble])?,
            runtime: runtime::of(&spec, layout),
            folder,
            books,
            spec,
            errand: None,
            began: muster_host::clock::now().wall,
            mark: None,
            wait: Wait::default(),
        })
    }

    /// What the acts that follow are about.
    ///
    /// # Errors
    /// Its number is not above all that this host has seen, so another deployer is ahead.
    pub fn begin(&mut self, errand: Errand) -> Outcome {
        let known = self.books.pending.as_ref().map(|pending| pending.attempt).or(self.books.confirmed);
        if errand.attempt.number < self.books.highest && known != Some(errand.attempt) {
            return Err(trouble(format!(
                "this host has seen deploy {} already, and this one is {}",
                self.books.highest, errand.attempt.number
            )));
        }
        let is_new = self.books.highest < errand.attempt.number;
        self.books.highest = self.books.highest.max(errand.attempt.number);
        self.keep()?;
        self.began = muster_host::clock::now().wall;
        if is_new {
            tell::began(self, &errand);
        }
        self.errand = Some(errand);
        Ok(String::new())
    }

    /// What stands on a side.
    pub(super) fn stand(&self, side: Side) -> Option<Stand> {
        let placed = self.books.placed(side)?;
        let seen = self.runtime.look(side).ok().flatten();
        let standing = seen.filter(|seen| seen.release == placed.release.number);
        let running = standing.as_ref().is_some_and(|seen| seen.state == State::Running);
        let proven = standing.is_some_and(|seen| placed.proven == Some(seen.restarts));
        Some(Stand { release: placed.release.number, running, proven })
    }

    /// What the plan has to know of this host.
    pub fn observed(&self) -> Observed {
        let kept = self.books.kept.iter();
        Observed {
            side: self.serving(),
            blue: self.stand(Side::Blue),
            green: self.stand(Side::Green),
            confirmed: self.books.confirmed,
            pending: self.books.pending.as_ref().map(|pending| pending.attempt),
            irreversible: kept.filter(|release| release.irreversible).map(|release| release.number).collect(),
            highest: self.books.highest,
        }
    }

    /// Does something.
    ///
    /// # Errors
    /// What is wrong; nothing that serves users was changed then, but by [`Act::Back`].
    pub fn perform(&mut self, act: Act, until: Instant) -> Outcome {
        match act {
            Act::Preflight => preflight::look(self),
            Act::Fetch => self.fetch(until),
            Act::Once => self.once(until),
            Act::Start => self.start(until),
            Act::Swap => self.swap(until),
            Act::Probation => probation::pass(self, until),
            Act::Flip => self.flip(until),
            Act::Watch => probation::watch(self),
            Act::Verify => self.verify(until),
            Act::Public | Act::Before | Act::After | Act::Failed => {
                Err(trouble(format!("{} is done by the deployer, not by a host", act.word())))
            }
            Act::Confirm => self.confirm(),
            Act::Drain => self.drain(until),
            Act::Finish => self.finish(),
            Act::Back => self.back(),
            Act::Withdraw => self.withdraw(until),
        }
    }

    /// The side that requests are led to, or that works; none before the first release.
    pub(super) fn serving(&self) -> Option<Side> {
        let side = match &self.front {
            Some(front) => front.side().ok()?,
            None => self.books.side?,
        };
        self.books.placed(side)?;
        let is_first = self.books.confirmed.is_none() && self.books.pending.is_none();
        (!is_first).then_some(side)
    }

    /// The side of the release that the errand is about: where it stands, or the one that serves nobody.
    pub(super) fn target(&self) -> Result<Side, Vec<Trouble>> {
        let release = self.errand()?.attempt.release;
        if let Some(pending) = self.books.pending.as_ref().filter(|it| it.attempt.release == release) {
            return Ok(pending.to);
        }
        let stands =
            |side: &Side| self.books.placed(*side).is_some_and(|placed| placed.release.number == release);
        let found = Side::BOTH.into_iter().find(stands);
        Ok(found.unwrap_or_else(|| self.serving().map_or(Side::Blue, Side::other)))
    }

    pub(super) fn errand(&self) -> Result<&Errand, Vec<Trouble>> {
        self.errand.as_ref().ok_or_else(|| trouble("nobody said what is deployed"))
    }

    pub(super) fn port(&self, side: Side) -> Option<u16> {
        self.books.ports.map(|ports: Ports| ports.of(side))
    }

    pub(super) fn keep(&self) -> Result<(), Vec<Trouble>> {
        self.folder.write(&self.books).map_err(|error| trouble(format!("the books: {error}")))
    }

    /// The deploy has ended. How many requests failed since they were led elsewhere; none if they were not, or if nothing is in
    /// front.
    pub fn done(&mut self, stays: bool, why: &str) -> Option<Failures> {
        let errand = self.errand.take()?;
        let failed = self.failures().or_else(|| {
            let unseen = || Failures::Unknown("the helper that led requests here is gone".to_owned());
            (stays && self.front.is_some()).then(unseen)
        });
        tell::ended(self, &errand, stays, why, failed.clone());
        self.mark = None;
        failed
    }

    /// How many requests failed since this helper led them elsewhere.
    pub(super) fn failures(&self) -> Option<Failures> {
        Some(self.front.as_ref()?.failures(self.mark.as_ref()?))
    }

    /// The last lines of what stands on a side.
    pub(super) fn words(&self, side: Side) -> Vec<String> {
        self.runtime.words(side, LINES)
    }
}

/// 32 hexadecimal digits that nobody can guess.
fn token() -> std::io::Result<String> {
    let mut bytes = [0; 16];
    let count = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    match count == bytes.len() {
        true => Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
        false => Err(std::io::Error::other("the kernel gave no randomness")),
    }
}
