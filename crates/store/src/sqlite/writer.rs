//! The one thread that writes. Work that waits while a transaction is made durable goes into the next one together:
//! a thousand commits at once cost a handful of disk flushes.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::{open, prune};
use crate::contract::{Done, StoreError};
use crate::keep::Keep;

/// Most pieces of work in one transaction.
const GROUP: usize = 256;

/// How long a caller waits for the disk.
const ANSWER: Duration = Duration::from_secs(10);

/// How long closing waits for the thread.
const CLOSE: Duration = Duration::from_secs(2);

/// One piece of work. It may be run twice (after room was made), so it must not consume what it needs.
trait Work: Send {
    fn run(&mut self, connection: &Connection) -> Result<(), StoreError>;
    fn done(self: Box<Self>, outcome: Result<(), StoreError>);
}

struct Task<T, F> {
    act: F,
    value: Option<T>,
    reply: SyncSender<Result<T, StoreError>>,
}

impl<T: Send, F: FnMut(&Connection) -> Result<T, StoreError> + Send> Work for Task<T, F> {
    fn run(&mut self, connection: &Connection) -> Result<(), StoreError> {
        self.value = Some((self.act)(connection)?);
        Ok(())
    }

    fn done(self: Box<Self>, outcome: Result<(), StoreError>) {
        let Self { value, reply, .. } = *self;
        let answer = outcome.and_then(|()| {
            value.ok_or_else(|| StoreError::Unavailable("the work ended without a result".into()))
        });
        // The caller may have given up waiting; the work is done all the same.
        drop(reply.try_send(answer));
    }
}

/// A commit whose sender does not wait.
struct Submitted<F> {
    act: F,
    done: Done,
}

impl<F: FnMut(&Connection) -> Result<(), StoreError> + Send> Work for Submitted<F> {
    fn run(&mut self, connection: &Connection) -> Result<(), StoreError> {
        (self.act)(connection)
    }

    fn done(self: Box<Self>, outcome: Result<(), StoreError>) {
        (self.done)(outcome);
    }
}

/// Handle of the writing thread.
pub(super) struct Writer {
    queue: Option<Sender<Box<dyn Work>>>,
    ended: Mutex<Receiver<()>>,
    thread: Option<JoinHandle<()>>,
    fault: Arc<Mutex<Option<StoreError>>>,
}

impl Writer {
    pub(super) fn start(connection: Connection, keep: Keep) -> Result<Self, StoreError> {
        let (queue, work) = channel();
        let (end, ended) = sync_channel(1);
        let fault = Arc::new(Mutex::new(None));
        let seen = Arc::clone(&fault);
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .stack_size(512 * 1024)
            .spawn(move || {
                serve(connection, &work, &seen, keep);
                drop(end);
            })
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { queue: Some(queue), ended: Mutex::new(ended), thread: Some(thread), fault })
    }

    /// Runs `act` inside the next transaction and returns once that is durable.
    pub(super) fn write<T: Send + 'static>(
        &self,
        act: impl FnMut(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let gone = || StoreError::Unavailable("the writer has stopped".into());
        let (reply, answer) = sync_channel(1);
        let task: Box<dyn Work> = Box::new(Task { act, value: None, reply });
        self.queue.as_ref().ok_or_else(gone)?.send(task).map_err(|_| gone())?;
        match answer.recv_timeout(ANSWER) {
            Ok(result) => result,
            Err(RecvTimeoutError::Disconnected) => Err(gone()),
            Err(RecvTimeoutError::Timeout) => {
                let late = StoreError::Unavailable(format!("no answer from the disk for {ANSWER:?}"));
                remember(&self.fault, Some(late.clone()));
                Err(late)
            }
        }
    }

    /// Runs `act` inside the next transaction and calls `done` once that is durable.
    pub(super) fn submit(
        &self,
        act: impl FnMut(&Connection) -> Result<(), StoreError> + Send + 'static,
        done: Done,
    ) {
        let task: Box<dyn Work> = Box::new(Submitted { act, done });
        let refused = match &self.queue {
            Some(queue) => queue.send(task).err().map(|back| back.0),
            None => Some(task),
        };
        if let Some(task) = refused {
            task.done(Err(StoreError::Unavailable("the writer has stopped".into())));
        }
    }

    /// Why the last transaction failed, if it did.
    pub(super) fn fault(&self) -> Option<StoreError> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        // A hung disk must not hang the end of the process.
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        let ended = ended.recv_timeout(CLOSE) == Err(RecvTimeoutError::Disconnected);
        if let (true, Some(thread)) = (ended, self.thread.take()) {
            drop(thread.join());
        }
    }
}

fn remember(fault: &Mutex<Option<StoreError>>, error: Option<StoreError>) {
    *fault.lock().unwrap_or_else(PoisonError::into_inner) = error;
}

fn serve(
    connection: Connection,
    work: &Receiver<Box<dyn Work>>,
    fault: &Mutex<Option<StoreError>>,
    keep: Keep,
) {
    while let Ok(first) = work.recv() {
        let mut group = vec![first];
        while group.len() < GROUP {
            match work.try_recv() {
                Ok(more) => group.push(more),
                Err(_) => break,
            }
        }
        let mut outcome = transaction(&connection, &mut group);
        if matches!(outcome, Err(StoreError::Full(_))) && make_room(&connection, &keep) {
            outcome = transaction(&connection, &mut group);
        }
        remember(fault, outcome.as_ref().err().cloned());
        let (whole, parts) = match outcome {
            Ok(parts) => (None, parts),
            Err(error) => (Some(error), Vec::new()),
        };
        let mut parts = parts.into_iter();
        for task in group {
            let own = parts.next().unwrap_or(Ok(()));
            task.done(whole.clone().map_or(own, Err));
        }
    }
}

/// One transaction over the whole group. The outer error is everybody's; the inner ones are each task's own.
fn transaction(
    connection: &Connection,
    group: &mut [Box<dyn Work>],
) -> Result<Vec<Result<(), StoreError>>, StoreError> {
    say(connection, "BEGIN IMMEDIATE").map_err(open::fault)?;
    let alone = group.len() == 1;
    let mut parts = Vec::with_capacity(group.len());
    for task in group {
        let part = if alone { task.run(connection) } else { savepoint(connection, task.as_mut()) };
        // A full or failing disk ends the transaction under us, and the fault is everybody's.
        if let Err(error @ (StoreError::Full(_) | StoreError::Corrupt(_) | StoreError::Unavailable(_))) =
            &part
        {
            roll_back(connection);
            return Err(error.clone());
        }
        if alone && part.is_err() {
            roll_back(connection);
            return Ok(vec![part]);
        }
        parts.push(part);
    }
    say(connection, "COMMIT").map_err(|error| {
        roll_back(connection);
        open::fault(error)
    })?;
    Ok(parts)
}

fn savepoint(connection: &Connection, task: &mut dyn Work) -> Result<(), StoreError> {
    say(connection, "SAVEPOINT part").map_err(open::fault)?;
    let result = task.run(connection);
    if connection.is_autocommit() {
        return result;
    }
    if result.is_err() {
        say(connection, "ROLLBACK TO part").map_err(open::fault)?;
    }
    say(connection, "RELEASE part").map_err(open::fault)?;
    result
}

/// One statement that says nothing back. These come with every transaction, so they are parsed once.
fn say(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

fn roll_back(connection: &Connection) {
    if !connection.is_autocommit() {
        // If even this fails the next BEGIN reports it.
        drop(connection.execute_batch("ROLLBACK"));
    }
}

/// Deletes the oldest rows when it is our own cap that is reached, so that a full store heals itself at once.
fn make_room(connection: &Connection, keep: &Keep) -> bool {
    let started = Instant::now();
    let mut freed = false;
    while started.elapsed() < Duration::from_secs(2) {
        match prune::by_bytes(connection, keep.bytes) {
            Ok(0) | Err(_) => break,
            Ok(_) => freed = true,
        }
    }
    freed
}
