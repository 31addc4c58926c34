//! The loop that stays beside a running job: reads its output, passes signals on, keeps its limits, and sees to it
//! that nothing is left behind. One thread, one poll.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use muster_core::time::Timestamp;
use muster_host::{clock, process};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Signal, WaitStatus};

use crate::capture::{Sink, Stream};
use crate::ladder::{Cause, Ladder, Step};
use crate::sample::Sampler;
use crate::signals::{Heard, Signals};
use crate::terminal::Lent;
use crate::tree::Tree;

/// How much of a pipe is read at once, in bytes: as much as it holds.
const READ: usize = 64 << 10;
/// How often those who survive KILL are looked for.
const AGAIN: Duration = Duration::from_millis(20);
/// How long they are looked for; a process may hang in the kernel for longer.
const AFTER_KILL: Duration = Duration::from_secs(2);

/// A running job and everything that watches it.
pub(crate) struct Watch<'a> {
    pub(crate) tree: Tree,
    pub(crate) streams: [Stream; 2],
    pub(crate) sink: Sink,
    pub(crate) signals: Option<Signals>,
    pub(crate) ladder: Ladder,
    /// Where somebody has to look at the memory of the whole.
    pub(crate) sampler: Option<Sampler>,
    pub(crate) terminal: Option<Lent>,
    pub(crate) leak_grace: Duration,
    pub(crate) began: Instant,
    /// Called when the soft limit is reached.
    pub(crate) slow: &'a mut dyn FnMut(Timestamp),
}

/// What was seen.
pub(crate) struct Seen {
    /// How the command ended.
    pub(crate) status: Option<WaitStatus>,
    /// Why it was ended, if muster did it.
    pub(crate) cause: Option<Cause>,
    /// The most memory that the whole tree was found to use, in bytes.
    pub(crate) memory: Option<u64>,
    /// muster sent KILL.
    pub(crate) killed: bool,
    /// What is still running, a sentence each.
    pub(crate) left: Vec<String>,
    /// What a person should know.
    pub(crate) notes: Vec<String>,
    /// The log and the tail.
    pub(crate) sink: Sink,
    /// For the next attempt.
    pub(crate) signals: Option<Signals>,
    /// The processes, as far as they are left.
    pub(crate) tree: Tree,
}

/// Where the loop stands.
struct Progress {
    /// When the command ended.
    ended: Option<Instant>,
    /// No children are left.
    empty: bool,
    /// When KILL was first sent.
    killed: Option<Instant>,
}

impl Watch<'_> {
    /// Watches until the run is over.
    pub(crate) fn until_the_end(mut self) -> Seen {
        let mut buffer = vec![0; READ];
        let mut progress = Progress { ended: None, empty: false, killed: None };
        loop {
            let now = Instant::now();
            self.keep_limits(now, &mut progress);
            if self.is_over(now, &progress) {
                break;
            }
            self.wait(now, &progress);
            self.read(&mut buffer);
            self.listen(&mut progress);
        }
        // What was written before the end is in the pipes already; whoever goes on writing is not waited for.
        for _ in 0..4 {
            if !self.read(&mut buffer) {
                break;
            }
        }
        self.finish(&progress)
    }

    /// Sleeps until something happens or is due.
    fn wait(&mut self, now: Instant, progress: &Progress) {
        let due = self.due(now, progress);
        let mut fds: Vec<PollFd<'_>> = Vec::with_capacity(5);
        if let Some(signals) = &self.signals {
            fds.push(PollFd::from_borrowed_fd(signals.fd(), PollFlags::IN));
        }
        for stream in &self.streams {
            if let Some((pipe, flags)) = stream.readable() {
                fds.push(PollFd::from_borrowed_fd(pipe.as_fd(), flags));
            }
            if let Some(output) = stream.mirror.waits_for() {
                fds.push(PollFd::from_borrowed_fd(output, PollFlags::OUT));
            }
        }
        let timeout = due.map(|at| at.saturating_duration_since(now));
        let timeout = timeout.and_then(|time| rustix::time::Timespec::try_from(time).ok());
        // Whatever it says, everything is looked at.
        poll(&mut fds, timeout.as_ref()).ok();
    }

    /// The next moment at which something is due without anybody saying so.
    fn due(&mut self, now: Instant, progress: &Progress) -> Option<Instant> {
        let mut due: Vec<Instant> = Vec::with_capacity(8);
        if progress.ended.is_none() || self.ladder.cause().is_some() {
            due.extend(self.ladder.due().and_then(|at| self.began.checked_add(at)));
        }
        if let Some(ended) = progress.ended {
            let grace = ended + self.leak_grace;
            due.push(if grace > now { grace } else { now + AGAIN });
        }
        if let Some(sampler) = self.sampler.as_ref().filter(|_| progress.killed.is_none()) {
            due.push(sampler.due());
        }
        if progress.killed.is_some() || self.signals.is_none() {
            due.push(now + AGAIN);
        }
        for stream in &mut self.streams {
            due.extend(stream.prompt_due());
            due.extend(stream.mirror.deadline(now));
        }
        due.into_iter().min()
    }

    /// Reads both outputs once. True if there was anything.
    fn read(&mut self, buffer: &mut [u8]) -> bool {
        let (at, now) = (clock::now().wall, Instant::now());
        let mut any = false;
        for stream in &mut self.streams {
            any |= stream.read(buffer, at, now, &mut self.sink);
            stream.mirror.pump();
            stream.mirror.lose_patience(now);
            stream.show_prompt(at, now, &mut self.sink);
        }
        self.sink.log.flush();
        any
    }

    fn listen(&mut self, progress: &mut Progress) {
        let heard = self.signals.as_mut().map(Signals::take).unwrap_or_default();
        for signal in &heard {
            match *signal {
                Heard::Child => {}
                Heard::Other(signal) => self.tree.signal_group(signal),
                Heard::End(signal) => {
                    let step = self.ladder.asked(self.began.elapsed());
                    self.take(step, signal, progress);
                }
            }
        }
        if heard.contains(&Heard::Child) || self.signals.is_none() || progress.killed.is_some() {
            self.reap(progress);
        }
    }

    fn reap(&mut self, progress: &mut Progress) {
        let reaped = self.tree.reap();
        progress.empty = reaped.empty;
        if self.tree.status().is_some() || reaped.empty {
            progress.ended.get_or_insert_with(Instant::now);
        }
        if reaped.stopped
            && let Some(terminal) = &self.terminal
        {
            terminal.stop_together();
        }
    }

    fn keep_limits(&mut self, now: Instant, progress: &mut Progress) {
        // A command that has ended by itself cannot run past a limit any more.
        if progress.ended.is_none() || self.ladder.cause().is_some() {
            while let Some(step) = self.ladder.step(now.saturating_duration_since(self.began)) {
                self.take(step, Signal::TERM, progress);
            }
        }
        if progress.killed.is_none()
            && let Some(sampler) = &mut self.sampler
            && sampler.is_above(now, &self.tree)
        {
            let step = self.ladder.too_large();
            self.take(step, Signal::KILL, progress);
        }
        if progress.killed.is_some() {
            // Whoever was born while the others were being killed.
            self.tree.signal_all(Signal::KILL);
            self.reap(progress);
        }
    }

    fn take(&mut self, step: Step, asked: Signal, progress: &mut Progress) {
        match step {
            Step::Note => (self.slow)(clock::now().wall),
            Step::Terminate => {
                self.tree.signal_all(asked);
                // A stopped process hears it only when it goes on.
                self.tree.signal_all(Signal::CONT);
            }
            Step::Kill => {
                progress.killed.get_or_insert_with(Instant::now);
                self.tree.signal_all(Signal::KILL);
            }
        }
    }

    fn is_over(&self, now: Instant, progress: &Progress) -> bool {
        let Some(ended) = progress.ended else { return false };
        if self.streams.iter().any(|stream| stream.mirror.is_full()) {
            return false;
        }
        let quiet = self.streams.iter().all(Stream::has_ended);
        if progress.empty && quiet {
            return true;
        }
        match (self.ladder.cause(), progress.killed) {
            // Those who are left are named; nobody asked for their end.
            (None, _) => now >= ended + self.leak_grace,
            // Nobody of ours is left; somebody else holds the pipe.
            (Some(_), _) if progress.empty => now >= ended + self.leak_grace,
            (Some(_), Some(killed)) => now >= killed + AFTER_KILL,
            (Some(_), None) => false,
        }
    }

    fn finish(mut self, progress: &Progress) -> Seen {
        let at = clock::now().wall;
        let mut notes = Vec::new();
        for stream in &mut self.streams {
            stream.flush(at, &mut self.sink);
            stream.mirror.pump();
        }
        for stream in &mut self.streams {
            stream.mirror.finish();
            notes.extend(stream.mirror.note());
        }
        let left = if progress.empty { Vec::new() } else { self.tree.living() };
        Seen {
            status: self.tree.status(),
            cause: self.ladder.cause(),
            memory: self.sampler.as_ref().and_then(Sampler::found),
            killed: self.ladder.is_at_the_end(),
            left: left.into_iter().map(|pid| format!("pid {pid} ({})", process::command(pid))).collect(),
            notes,
            sink: self.sink,
            signals: self.signals,
            tree: self.tree,
        }
    }
}
