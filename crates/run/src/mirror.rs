//! Passes the job's output on to our own standard output and error, because cron mails it and people look at it.
//! A reader that is slow slows the job down, as it would without us; one that is gone or stuck does not stop it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

/// What is kept for a slow reader before the job has to wait, in bytes.
const QUEUE: usize = 64 << 10;
/// A reader that takes nothing for so long is given up.
const PATIENCE: Duration = Duration::from_secs(10);
/// A pipe that says it has room takes this much without blocking (`PIPE_BUF`).
const PIECE: usize = 4096;

/// One of our own outputs.
#[derive(Debug)]
pub(crate) struct Mirror {
    to: Option<Target>,
    name: &'static str,
    queue: Vec<u8>,
    stuck_since: Option<Instant>,
    note: Option<String>,
}

#[derive(Debug)]
enum Target {
    /// A plain file or a device: writing never waits.
    File(BorrowedFd<'static>),
    /// A pipe or something unknown: asked before each piece.
    Pipe(BorrowedFd<'static>),
    /// A socket, such as systemd's journal.
    Socket(BorrowedFd<'static>),
    /// A terminal, opened anew so that not waiting is a matter between it and us.
    Terminal(OwnedFd),
}

impl Mirror {
    /// Passes on to standard output, or to nowhere.
    pub(crate) fn stdout(quiet: bool) -> Self {
        Self::new((!quiet).then(|| Target::of(rustix::stdio::stdout(), "/proc/self/fd/1")), "standard output")
    }

    /// Passes on to standard error, or to nowhere.
    pub(crate) fn stderr(quiet: bool) -> Self {
        Self::new((!quiet).then(|| Target::of(rustix::stdio::stderr(), "/proc/self/fd/2")), "standard error")
    }

    fn new(to: Option<Target>, name: &'static str) -> Self {
        Self { to, name, queue: Vec::new(), stuck_since: None, note: None }
    }

    /// Passes bytes on, now or as soon as the reader takes them.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.to.is_none() {
            return;
        }
        if self.queue.is_empty() {
            let done = self.write(bytes);
            self.queue.extend_from_slice(bytes.get(done..).unwrap_or_default());
        } else {
            self.queue.extend_from_slice(bytes);
            self.pump();
        }
    }

    /// Writes what waits, as far as the reader takes it.
    pub(crate) fn pump(&mut self) {
        if self.queue.is_empty() {
            return;
        }
        let queue = std::mem::take(&mut self.queue);
        let done = self.write(&queue);
        if self.to.is_some() {
            self.queue = queue;
            self.queue.drain(..done);
        }
        if done > 0 {
            self.stuck_since = None;
        }
    }

    /// True while the job should wait before it says more.
    pub(crate) fn is_full(&self) -> bool {
        self.queue.len() >= QUEUE
    }

    /// What to poll for room, if anything waits.
    pub(crate) fn waits_for(&self) -> Option<BorrowedFd<'_>> {
        if self.queue.is_empty() { None } else { self.to.as_ref().map(Target::fd) }
    }

    /// When the reader is given up, if it is stuck.
    pub(crate) fn deadline(&mut self, now: Instant) -> Option<Instant> {
        if self.queue.is_empty() || self.to.is_none() {
            self.stuck_since = None;
            return None;
        }
        Some(*self.stuck_since.get_or_insert(now) + PATIENCE)
    }

    /// Gives up a reader that took nothing for too long.
    pub(crate) fn lose_patience(&mut self, now: Instant) {
        if self.stuck_since.is_some_and(|since| now >= since + PATIENCE) && !self.queue.is_empty() {
            self.give_up(format!(
                "nobody read {} for {} s; the rest is only in the log",
                self.name,
                PATIENCE.as_secs()
            ));
        }
    }

    /// Passes on what is left, as long as the reader takes something now and then.
    pub(crate) fn finish(&mut self) {
        while let Some(deadline) = self.deadline(Instant::now()) {
            let Some(fd) = self.waits_for() else { return };
            let left = deadline.saturating_duration_since(Instant::now());
            let mut room = [PollFd::from_borrowed_fd(fd, PollFlags::OUT)];
            // Whatever it says, it is tried.
            poll(&mut room, rustix::time::Timespec::try_from(left).ok().as_ref()).ok();
            self.pump();
            self.lose_patience(Instant::now());
        }
    }

    /// What a person should know.
    pub(crate) fn note(&mut self) -> Option<String> {
        self.note.take()
    }

    fn give_up(&mut self, note: String) {
        self.to = None;
        self.queue = Vec::new();
        self.stuck_since = None;
        self.note = Some(note);
    }

    /// Writes without waiting; how many bytes were taken.
    fn write(&mut self, bytes: &[u8]) -> usize {
        let mut done = 0;
        while let (Some(rest), Some(to)) = (bytes.get(done..).filter(|rest| !rest.is_empty()), &self.to) {
            match to.write(rest) {
                Ok(0) | Err(Errno::AGAIN) => break,
                Ok(more) => done += more,
                Err(Errno::INTR) => {}
                Err(error) => {
                    let why =
                        format!("{} could not be written ({error}); the rest is only in the log", self.name);
                    self.give_up(why);
                    return bytes.len();
                }
            }
        }
        done
    }
}

impl Target {
    fn of(fd: BorrowedFd<'static>, path: &str) -> Self {
        if rustix::termios::isatty(fd) {
            let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
            return rustix::fs::open(path, flags, Mode::empty()).map_or(Self::Pipe(fd), Self::Terminal);
        }
        match rustix::fs::fstat(fd).map(|there| FileType::from_raw_mode(there.st_mode)) {
            Ok(FileType::RegularFile | FileType::CharacterDevice | FileType::BlockDevice) => Self::File(fd),
            Ok(FileType::Socket) => Self::Socket(fd),
            _ => Self::Pipe(fd),
        }
    }

    fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::File(fd) | Self::Pipe(fd) | Self::Socket(fd) => *fd,
            Self::Terminal(fd) => fd.as_fd(),
        }
    }

    fn write(&self, bytes: &[u8]) -> rustix::io::Result<usize> {
        match self {
            Self::File(fd) => rustix::io::write(fd, bytes),
            Self::Terminal(fd) => rustix::io::write(fd, bytes),
            Self::Socket(fd) => {
                use rustix::net::{SendFlags, send};
                send(fd, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)
            }
            Self::Pipe(fd) => {
                let mut room = [PollFd::new(fd, PollFlags::OUT)];
                poll(&mut room, Some(&rustix::time::Timespec { tv_sec: 0, tv_nsec: 0 }))?;
                let found = room[0].revents();
                if found.contains(PollFlags::OUT) || found.contains(PollFlags::ERR) {
                    rustix::io::write(fd, bytes.get(..PIECE).unwrap_or(bytes))
                } else {
                    Ok(0)
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_takes_nothing_is_given_up_and_told() {
        let (_reader, writer) = rustix::pipe::pipe().expect("a pipe");
        let writer: &'static OwnedFd = Box::leak(Box::new(writer));
        let mut mirror = Mirror::new(Some(Target::Pipe(writer.as_fd())), "standard output");
        mirror.push(&vec![b'x'; 1 << 20]);
        assert!(mirror.is_full() && mirror.waits_for().is_some());
        let now = Instant::now();
        assert_eq!(mirror.deadline(now), Some(now + PATIENCE));
        mirror.lose_patience(now + PATIENCE / 2);
        assert!(mirror.is_full());
        mirror.lose_patience(now + PATIENCE);
        assert!(mirror.note().is_some_and(|note| note.contains("nobody read standard output")));
        assert!(!mirror.is_full() && mirror.deadline(now).is_none());
        mirror.push(b"more");
        assert!(mirror.waits_for().is_none());
    }
}
