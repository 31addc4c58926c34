//! The store, or memory while that is gone. Whoever writes here goes on in either case and is told which it was.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use muster_core::ids::SignalId;
use muster_core::time::Span;
use muster_store::contract::{Commit, Loaded, Store, StoreError};
use muster_store::memory::Memory;
use muster_store::sqlite::Opened;
use muster_store::switch::Switch;
use tokio::sync::oneshot;

use crate::parts::StoreOpener;

/// How long the agent waits for the disk before it goes on in memory. Shorter than what a page may be late.
const DISK: Duration = Duration::from_secs(3);

/// Pauses between attempts to come back to the disk: the first, and the longest.
const RETRY: (Span, Span) = (Span::seconds(10), Span::minutes(1));

/// Where what was written is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Written {
    /// On disk.
    Durable,
    /// In memory, for this reason.
    InMemory(StoreError),
}

/// The store as the resident uses it.
pub(crate) struct Ledger {
    open: StoreOpener,
    switch: Arc<Switch>,
    engine: Option<Arc<dyn Store>>,
    absence: Option<Absence>,
}

/// The time without a disk.
struct Absence {
    memory: Arc<Memory>,
    error: StoreError,
    retry: Span,
    pause: Span,
}

/// What an attempt to come back to the disk begins with.
pub(crate) enum Standing {
    /// The disk is there.
    Durable,
    /// It is gone for this reason, and the last attempt is too recent.
    Waiting(StoreError),
    /// It is gone, and this is to be tried.
    Try(Attempt),
}

/// One attempt to come back to the disk. It runs apart from the resident, because a dead disk may hold it up for long.
pub(crate) struct Attempt {
    open: StoreOpener,
    engine: Option<Arc<dyn Store>>,
}

/// An engine that could be written just now.
pub(crate) struct Found {
    pub(crate) engine: Arc<dyn Store>,
    pub(crate) opened: Opened,
}

impl Attempt {
    /// Writes something small through the engine at hand, else through one that is opened anew.
    pub(crate) async fn run(self) -> Result<Found, StoreError> {
        let Self { open, engine } = self;
        blocking(DISK.saturating_mul(5), move || {
            let probe = || Commit { notes: vec![("probe".into(), "written".into())], ..Commit::default() };
            if let Some(engine) = engine
                && engine.commit(probe()).is_ok()
            {
                return Ok(Found { engine, opened: Opened::Existing });
            }
            let (engine, opened) = open()?;
            engine.commit(probe())?;
            Ok(Found { engine, opened })
        })
        .await
    }
}

impl Ledger {
    /// Opens the store and loads it; memory takes its place at once if that does not work.
    pub(crate) async fn open(open: StoreOpener, uptime: Span) -> (Self, Loaded, Result<Opened, StoreError>) {
        let opener = Arc::clone(&open);
        let result = blocking(Duration::from_secs(60), move || {
            let (engine, opened) = opener()?;
            let loaded = engine.load()?;
            Ok((engine, opened, loaded))
        })
        .await;
        match result {
            Ok((engine, opened, loaded)) => {
                let switch = Arc::new(Switch::new(Arc::clone(&engine)));
                (Self { open, switch, engine: Some(engine), absence: None }, loaded, Ok(opened))
            }
            Err(error) => {
                let memory = Arc::new(Memory::new());
                let switch = Arc::new(Switch::new(Arc::clone(&memory) as Arc<dyn Store>));
                let absence =
                    Absence { memory, error: error.clone(), retry: uptime + RETRY.0, pause: RETRY.0 };
                (Self { open, switch, engine: None, absence: Some(absence) }, Loaded::default(), Err(error))
            }
        }
    }

    /// The store for readers.
    pub(crate) fn reader(&self) -> Arc<Switch> {
        Arc::clone(&self.switch)
    }

    /// Why nothing goes to disk at the moment.
    pub(crate) fn absent(&self) -> Option<&StoreError> {
        self.absence.as_ref().map(|absence| &absence.error)
    }

    /// Writes one step, in memory if need be.
    pub(crate) async fn write(&mut self, commit: Commit, uptime: Span) -> Written {
        let failed = match (&self.absence, &self.engine) {
            (Some(absence), _) => {
                // Memory never refuses.
                drop(absence.memory.commit(commit));
                return Written::InMemory(absence.error.clone());
            }
            (None, Some(engine)) => {
                let (done, outcome) = oneshot::channel();
                // Nobody listens any more if the disk was too slow; what is written twice is written once.
                engine.submit(commit.clone(), Box::new(move |result| drop(done.send(result))));
                let late = || StoreError::Unavailable(format!("no answer from the disk for {DISK:?}"));
                let gone = |_| StoreError::Unavailable("the writer has stopped".into());
                let waited = tokio::time::timeout(DISK, outcome).await;
                match waited.map_err(|_| late()).and_then(|answer| answer.map_err(gone)?) {
                    Ok(()) => return Written::Durable,
                    Err(error) => error,
                }
            }
            (None, None) => StoreError::Unavailable("it was never opened".into()),
        };
        let memory = Arc::new(Memory::new());
        drop(memory.commit(commit));
        self.absence =
            Some(Absence { memory, error: failed.clone(), retry: uptime + RETRY.0, pause: RETRY.0 });
        Written::InMemory(failed)
    }

    /// Which signals were written before. Where the store cannot say, none: the roll call has a memory of its own.
    pub(crate) async fn known(&self, ids: Vec<SignalId>) -> HashSet<SignalId> {
        let mut known = self
            .absence
            .as_ref()
            .map_or_else(HashSet::new, |absence| absence.memory.known(&ids).unwrap_or_default());
        if let Some(engine) = self.engine.clone() {
            known.extend(blocking(DISK, move || engine.known(&ids)).await.unwrap_or_default());
        }
        known
    }

    /// How it stands, and what is to be tried. Attempts come with growing pauses.
    pub(crate) fn standing(&mut self, uptime: Span) -> Standing {
        let Some(absence) = &mut self.absence else { return Standing::Durable };
        if uptime < absence.retry {
            return Standing::Waiting(absence.error.clone());
        }
        absence.pause = absence.pause.times(2).min(RETRY.1);
        absence.retry = uptime + absence.pause;
        // What is damaged is not asked again: opening it sets it aside.
        let engine = if matches!(absence.error, StoreError::Corrupt(_)) { None } else { self.engine.clone() };
        Standing::Try(Attempt { open: Arc::clone(&self.open), engine })
    }

    /// Remembers why an attempt failed.
    pub(crate) fn still_absent(&mut self, error: StoreError) {
        if let Some(absence) = &mut self.absence {
            absence.error = error;
        }
    }

    /// Moves what memory held to an engine that works again. `state` is everything that must be there afterwards,
    /// whatever was there before. How many items had been given up for room.
    ///
    /// # Errors
    /// When the engine fails after all; nothing changed then.
    pub(crate) async fn come_back(
        &mut self,
        engine: Arc<dyn Store>,
        state: Commit,
    ) -> Result<u64, StoreError> {
        let Some(absence) = &self.absence else { return Ok(0) };
        let (held, dropped) = absence.memory.held();
        let commit = joined(held, state);
        let target = Arc::clone(&engine);
        blocking(DISK, move || target.commit(commit)).await?;
        self.switch.put(Arc::clone(&engine));
        self.engine = Some(engine);
        self.absence = None;
        Ok(dropped)
    }
}

/// What happened meanwhile, with the whole present state on top.
fn joined(held: Commit, state: Commit) -> Commit {
    let Commit {
        signals: _,
        rows,
        removed: _,
        transitions: _,
        slots: _,
        outbox,
        forgotten: _,
        notes,
        looks: _,
        traces: _,
        amendments: _,
        watermark,
    } = state;
    Commit { rows, outbox, notes, watermark, ..held }
}

/// Runs blocking work on a thread that may wait, with a deadline. A thread that hangs in the kernel is left behind; it
/// ends when the kernel lets go.
pub(crate) async fn blocking<T: Send + 'static>(
    deadline: Duration,
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::time::timeout(deadline, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(result)) => result,
        Ok(Err(error)) => Err(StoreError::Unavailable(error.to_string())),
        Err(_) => Err(StoreError::Unavailable(format!("no answer from the disk for {deadline:?}"))),
    }
}
