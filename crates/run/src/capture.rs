//! From the job's pipes to lines: into the log, the tail of the report, and our own output.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use muster_core::time::Timestamp;
use rustix::event::PollFlags;
use rustix::io::Errno;

use crate::expect::lines::Lines;
use crate::log::recent::Recent;
use crate::log::write::LogWriter;
use crate::log::{LINE_LIMIT, Source};
use crate::mirror::Mirror;

/// A text without a newline is shown after so long: it may be a prompt.
const PROMPT: Duration = Duration::from_secs(1);
/// Output that is kept for the report, before cleaning, in bytes.
const TAIL: usize = 16 << 10;

/// Where lines go.
#[derive(Debug)]
pub(crate) struct Sink {
    pub(crate) log: LogWriter,
    pub(crate) tail: Recent,
    /// What is looked for in the output, if anything is.
    pub(crate) lines: Option<Lines>,
    /// Bytes of both outputs.
    pub(crate) bytes: u64,
}

impl Sink {
    /// A sink with this log.
    pub(crate) fn new(log: LogWriter, lines: Option<Lines>) -> Self {
        Self { log, tail: Recent::new(TAIL), lines, bytes: 0 }
    }

    fn line(&mut self, at: Timestamp, source: Source, whole: bool, text: &[u8]) {
        self.log.line(at, source, whole, text);
        self.tail.push(text, if whole { b"\n" } else { b"" });
        if let Some(lines) = &mut self.lines {
            lines.text(source, whole, text);
        }
    }
}

/// One of the job's two outputs.
#[derive(Debug)]
pub(crate) struct Stream {
    /// None once its last writer is gone.
    pipe: Option<OwnedFd>,
    source: Source,
    partial: Vec<u8>,
    partial_since: Option<Instant>,
    pub(crate) mirror: Mirror,
}

impl Stream {
    /// Reads `pipe`, which does not block.
    pub(crate) fn new(pipe: OwnedFd, source: Source, mirror: Mirror) -> Self {
        Self { pipe: Some(pipe), source, partial: Vec::new(), partial_since: None, mirror }
    }

    /// What to poll for output, unless it has ended or has to wait for our own reader.
    pub(crate) fn readable(&self) -> Option<(&OwnedFd, PollFlags)> {
        if self.mirror.is_full() { None } else { self.pipe.as_ref().map(|pipe| (pipe, PollFlags::IN)) }
    }

    /// True once its last writer is gone.
    pub(crate) fn has_ended(&self) -> bool {
        self.pipe.is_none()
    }

    /// Reads once. True if there was something.
    pub(crate) fn read(&mut self, buffer: &mut [u8], at: Timestamp, now: Instant, sink: &mut Sink) -> bool {
        let Some(pipe) = &self.pipe else { return false };
        if self.mirror.is_full() {
            return false;
        }
        match rustix::io::read(pipe, &mut *buffer) {
            Ok(0) => {
                self.end(at, sink);
                false
            }
            Ok(count) => {
                let bytes = buffer.get(..count).unwrap_or_default();
                sink.bytes += bytes.len() as u64;
                self.mirror.push(bytes);
                self.lines(bytes, at, now, sink);
                true
            }
            Err(Errno::AGAIN | Errno::INTR) => false,
            Err(_) => {
                self.end(at, sink);
                false
            }
        }
    }

    /// Shows a text that has waited for its newline for too long.
    pub(crate) fn show_prompt(&mut self, at: Timestamp, now: Instant, sink: &mut Sink) {
        if self.prompt_due().is_some_and(|due| now >= due) {
            self.flush(at, sink);
        }
    }

    /// When a text without a newline is shown.
    pub(crate) fn prompt_due(&self) -> Option<Instant> {
        self.partial_since.map(|since| since + PROMPT)
    }

    /// Shows what is left.
    pub(crate) fn flush(&mut self, at: Timestamp, sink: &mut Sink) {
        if !self.partial.is_empty() {
            sink.line(at, self.source, false, &self.partial);
            self.partial.clear();
        }
        self.partial_since = None;
    }

    fn end(&mut self, at: Timestamp, sink: &mut Sink) {
        self.pipe = None;
        self.flush(at, sink);
    }

    fn lines(&mut self, bytes: &[u8], at: Timestamp, now: Instant, sink: &mut Sink) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            let (mut text, whole) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            while self.partial.len() + text.len() > LINE_LIMIT {
                let (now_fits, rest) = text.split_at(LINE_LIMIT.saturating_sub(self.partial.len()));
                self.partial.extend_from_slice(now_fits);
                self.flush(at, sink);
                text = rest;
            }
            if whole && self.partial.is_empty() {
                sink.line(at, self.source, true, text);
            } else {
                self.partial.extend_from_slice(text);
                if whole {
                    sink.line(at, self.source, true, &self.partial);
                    self.partial.clear();
                    self.partial_since = None;
                } else {
                    self.partial_since.get_or_insert(now);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use muster_host::state::Layout;

    use super::*;
    use crate::log::account::Account;

    #[test]
    fn lines_are_joined_across_reads_and_long_ones_are_split() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("r.log");
        let mut sink =
            Sink::new(LogWriter::create(&path, Account::new(&Layout::new(folder.path()), None)), None);
        let (read, _write) = rustix::pipe::pipe().expect("a pipe");
        let mut stream = Stream::new(read, Source::Out, Mirror::stdout(true));
        let (at, now) = (Timestamp::from_seconds(0), Instant::now());
        for piece in [b"one\ntw".as_slice(), b"o\n\nprompt".as_slice()] {
            stream.lines(piece, at, now, &mut sink);
        }
        assert_eq!(stream.prompt_due(), Some(now + PROMPT));
        stream.show_prompt(at, now, &mut sink);
        stream.show_prompt(at, now + PROMPT, &mut sink);
        stream.lines(b"answer\n", at, now, &mut sink);
        assert_eq!(sink.tail.parts().concat(), b"one\ntwo\n\npromptanswer\n");
        stream.lines(&vec![b'x'; LINE_LIMIT + 5], at, now, &mut sink);
        stream.flush(at, &mut sink);
        sink.log.close(at);
        let lines = crate::log::read::page(&path, 0, 100).expect("read").lines;
        let seen: Vec<(bool, usize, &str)> = lines
            .iter()
            .map(|line| (line.whole, line.text.len(), line.text.get(..3).unwrap_or(&line.text)))
            .collect();
        assert_eq!(
            seen,
            [
                (true, 3, "one"),
                (true, 3, "two"),
                (true, 0, ""),
                (false, 6, "pro"),
                (true, 6, "ans"),
                (false, LINE_LIMIT, "xxx"),
                (false, 5, "xxx")
            ]
        );
    }
}
