//! What happens while an earlier run of the job goes on.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use muster_config::plan::Overlap;
use muster_core::ids::RunId;
use muster_core::signal::ProcessMark;
use muster_core::time::Span;
use muster_host::lock::{self, Attempt, Holder, Lock};
use muster_host::process::is_alive;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::signals::{Heard, Signals};

/// How long a killed run may take to disappear.
const AFTER_KILL: Duration = Duration::from_secs(5);

/// What it comes to.
#[derive(Debug)]
pub(crate) enum Entrance {
    /// The run may start; with the lock, if there is one.
    Open(Option<Lock>),
    /// It gives way.
    GaveWay {
        /// To this run, where known.
        holder: Option<RunId>,
        /// In words.
        why: String,
    },
    /// The lock did not become free.
    TimedOut {
        /// How long it waited.
        waited: Span,
    },
    /// Somebody asked muster to end while it waited.
    Called(Signal),
}

/// The door of one job.
pub(crate) struct Door<'a> {
    /// The lock file.
    pub(crate) path: PathBuf,
    /// The lock of those who wait, so that there is one at most.
    pub(crate) queue: PathBuf,
    /// The policy.
    pub(crate) policy: Overlap,
    /// How long an earlier run may take to end when it is replaced.
    pub(crate) grace: Span,
    /// What can interrupt the waiting.
    pub(crate) signals: Option<&'a mut Signals>,
}

impl Door<'_> {
    /// Goes through, or not.
    ///
    /// # Errors
    /// When the file system cannot lock; the job then runs without a lock.
    pub(crate) fn enter(mut self) -> io::Result<Entrance> {
        if self.policy == Overlap::Allow {
            return Ok(Entrance::Open(None));
        }
        let first = lock::try_lock(&self.path)?;
        let busy = match first {
            Attempt::Locked(lock) => return Ok(Entrance::Open(Some(lock))),
            busy => busy,
        };
        match self.policy {
            Overlap::Wait { at_most } => self.wait(at_most.to_std(), &busy),
            Overlap::Replace => self.replace(busy),
            Overlap::Skip | Overlap::Allow => Ok(gave_way(&busy)),
        }
    }

    fn wait(&mut self, at_most: Duration, busy: &Attempt) -> io::Result<Entrance> {
        let place = match lock::try_lock(&self.queue)? {
            Attempt::Locked(place) => place,
            _ => {
                let Entrance::GaveWay { holder, why } = gave_way(busy) else { return Ok(gave_way(busy)) };
                return Ok(Entrance::GaveWay {
                    holder,
                    why: format!("another run waits already, and {why}"),
                });
            }
        };
        let result = self.wait_for(&self.path.clone(), at_most);
        place.release();
        result
    }

    fn replace(&mut self, busy: Attempt) -> io::Result<Entrance> {
        let began = Instant::now();
        let patience = self.grace.to_std() + AFTER_KILL;
        ask_to_end(&busy);
        match self.wait_for(&self.path.clone(), patience)? {
            Entrance::TimedOut { .. } => {}
            other => return Ok(other),
        }
        match lock::try_lock(&self.path)? {
            Attempt::Locked(lock) => return Ok(Entrance::Open(Some(lock))),
            still => kill(&still),
        }
        match self.wait_for(&self.path.clone(), AFTER_KILL)? {
            Entrance::TimedOut { .. } => Ok(Entrance::TimedOut { waited: began.elapsed().into() }),
            other => Ok(other),
        }
    }

    fn wait_for(&mut self, path: &Path, at_most: Duration) -> io::Result<Entrance> {
        let began = Instant::now();
        let mut called = None;
        let signals = &mut self.signals;
        let attempt = lock::wait(path, at_most, |time| {
            called = pause(signals.as_deref_mut(), time);
            called.is_none()
        })?;
        Ok(match (attempt, called) {
            (Attempt::Locked(lock), _) => Entrance::Open(Some(lock)),
            (_, Some(signal)) => Entrance::Called(signal),
            (_, None) => Entrance::TimedOut { waited: began.elapsed().into() },
        })
    }
}

/// Waits for a signal; INT and TERM are returned.
pub(crate) fn pause(signals: Option<&mut Signals>, time: Duration) -> Option<Signal> {
    let Some(signals) = signals else {
        std::thread::sleep(time);
        return None;
    };
    let timeout = rustix::time::Timespec::try_from(time).ok();
    let mut fds = [PollFd::from_borrowed_fd(signals.fd(), PollFlags::IN)];
    // Interrupted or not, the lock is tried again.
    poll(&mut fds, timeout.as_ref()).ok();
    signals.take().into_iter().find_map(|heard| match heard {
        Heard::End(signal) => Some(signal),
        Heard::Child | Heard::Other(_) => None,
    })
}

fn gave_way(busy: &Attempt) -> Entrance {
    let (holder, why) = match busy {
        Attempt::Held(Some(by)) => {
            (Some(by.run.clone()), format!("run {} (pid {}) holds the lock", by.run, by.process.pid))
        }
        Attempt::Orphaned(by) => {
            let pid = by.job.as_ref().map_or(0, |job| job.pid);
            let why =
                format!("the watcher of run {} was killed, and its job (pid {pid}) is still running", by.run);
            (Some(by.run.clone()), why)
        }
        Attempt::Held(None) | Attempt::Locked(_) => (None, "another program holds the lock".to_owned()),
    };
    Entrance::GaveWay { holder, why }
}

/// TERM to the earlier run: its watcher passes it on and cleans up; without a watcher, to the job's group itself.
fn ask_to_end(busy: &Attempt) {
    match busy {
        Attempt::Held(Some(holder)) => send(&holder.process, Signal::TERM, kill_process),
        Attempt::Orphaned(Holder { job: Some(job), .. }) => send(job, Signal::TERM, kill_process_group),
        _ => {}
    }
}

fn kill(busy: &Attempt) {
    let (Attempt::Held(Some(holder)) | Attempt::Orphaned(holder)) = busy else { return };
    if let Some(job) = &holder.job {
        send(job, Signal::KILL, kill_process_group);
    }
    send(&holder.process, Signal::KILL, kill_process);
}

fn send(to: &ProcessMark, signal: Signal, by: impl Fn(Pid, Signal) -> rustix::io::Result<()>) {
    let Some(pid) = i32::try_from(to.pid).ok().and_then(Pid::from_raw) else { return };
    if is_alive(to) {
        // Gone in between, or not ours to signal: the wait that follows will tell.
        by(pid, signal).ok();
    }
}
