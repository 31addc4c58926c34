//! The wrapper's side of a log. Whatever the disk says, a run goes on: what cannot be written stays in memory as far
//! as it fits, is tried once more at the end, and the loss is told.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use muster_core::time::Timestamp;
use muster_host::state::private_dir;

use super::recent::Recent;
use super::{LOG_LIMIT, Source};

/// What is kept in memory and written at the end, in bytes.
const END_LIMIT: usize = 1 << 20;
/// Once the file has this many bytes, lines stay in memory. What was read together may exceed it by a little, and
/// muster's words come at the end: the rest of the limit has room for both.
const HEAD_LIMIT: u64 = LOG_LIMIT - END_LIMIT as u64 - (256 << 10);
/// Lines are written together once there is this much, in bytes.
const TOGETHER: usize = 64 << 10;

/// The log of a run that is going on.
#[derive(Debug)]
pub(crate) struct LogWriter {
    file: Option<File>,
    path: PathBuf,
    /// Lines that are not in the file yet.
    waiting: Vec<u8>,
    /// Bytes in the file, whole lines only.
    written: u64,
    stage: Stage,
    stamp: Stamp,
}

#[derive(Debug)]
enum Stage {
    /// Lines go to the file.
    Head,
    /// The file is full, or failed with these words: lines go to memory.
    End { lines: Recent, failure: Option<String> },
}

/// What became of a log.
#[derive(Debug)]
pub(crate) struct Closed {
    /// Where it is, if anything could be written.
    pub(crate) path: Option<PathBuf>,
    /// What a person should know: a sentence, if not all of it is there.
    pub(crate) note: Option<String>,
}

impl LogWriter {
    /// Makes the file and its folder. A failure is kept and told at the end.
    pub(crate) fn create(path: &Path) -> Self {
        let (file, stage) = match open(path) {
            Ok(file) => (Some(file), Stage::Head),
            Err(error) => (None, failed(&error)),
        };
        Self { file, path: path.to_owned(), waiting: Vec::new(), written: 0, stage, stamp: Stamp::default() }
    }

    /// Adds a line. `whole` says that a newline followed the text.
    pub(crate) fn line(&mut self, at: Timestamp, source: Source, whole: bool, text: &[u8]) {
        let mut head = [0; 34];
        let length = self.stamp.head(&mut head, at, source, whole);
        let head = head.get(..length).unwrap_or_default();
        match &mut self.stage {
            Stage::Head => {
                self.waiting.extend_from_slice(head);
                self.waiting.extend_from_slice(text);
                self.waiting.push(b'\n');
                if self.waiting.len() >= TOGETHER {
                    self.flush();
                }
            }
            Stage::End { lines, .. } => {
                self.waiting.clear();
                self.waiting.extend_from_slice(text);
                self.waiting.push(b'\n');
                lines.push(head, &self.waiting);
                self.waiting.clear();
            }
        }
    }

    /// Writes what is waiting.
    pub(crate) fn flush(&mut self) {
        if self.waiting.is_empty() || !matches!(self.stage, Stage::Head) {
            return;
        }
        let Some(file) = &mut self.file else { return };
        match file.write_all(&self.waiting) {
            Ok(()) => {
                self.written += self.waiting.len() as u64;
                self.waiting.clear();
                if self.written >= HEAD_LIMIT {
                    self.stage = Stage::End { lines: Recent::new(END_LIMIT), failure: None };
                }
            }
            Err(error) => {
                // Half a line would be read as a whole one.
                drop(file.set_len(self.written));
                self.stage = failed(&error);
                let waiting = std::mem::take(&mut self.waiting);
                if let Stage::End { lines, .. } = &mut self.stage {
                    for line in waiting.split_inclusive(|&byte| byte == b'\n') {
                        lines.push(line, b"");
                    }
                }
            }
        }
    }

    /// Writes the end, and says what is missing.
    pub(crate) fn close(mut self, at: Timestamp) -> Closed {
        self.flush();
        let Stage::End { lines, failure } = self.stage else {
            return Closed { path: Some(self.path), note: None };
        };
        let (bytes, count) = lines.lost();
        let mut end = Vec::new();
        if count > 0 {
            let mut head = [0; 34];
            let length = self.stamp.head(&mut head, at, Source::Run, true);
            end.extend_from_slice(head.get(..length).unwrap_or_default());
            end.extend_from_slice(format!("{count} lines ({bytes} bytes) are left out here\n").as_bytes());
        }
        let [older, newer] = lines.parts();
        end.extend_from_slice(older);
        end.extend_from_slice(newer);
        let done = match (&mut self.file, end.is_empty()) {
            (_, true) => Ok(()),
            (Some(file), false) => append(file, self.written, &end),
            (None, false) => Err(io::Error::other("it could not be made")),
        };
        let note = match (done, failure) {
            (Ok(()), None) if count == 0 => None,
            (Ok(()), None) => Some(format!(
                "the log is full at 16 MiB: {count} lines ({bytes} bytes) in its middle are left out"
            )),
            (Ok(()), Some(why)) => {
                Some(format!("the log could not be written for a while ({why}); {count} lines are lost"))
            }
            (Err(_), Some(why)) => Some(format!("the log is incomplete: {why}")),
            (Err(error), None) => Some(format!("the end of the log is missing: {error}")),
        };
        let there = self.file.is_some() && (self.written > 0 || note.is_none());
        Closed { path: there.then_some(self.path), note }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let new = || fs::OpenOptions::new().append(true).create_new(true).mode(0o600).open(path);
    match new() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(folder) = path.parent() {
                private_dir(folder)?;
            }
            new()
        }
        other => other,
    }
}

fn append(file: &mut File, written: u64, end: &[u8]) -> io::Result<()> {
    let result = file.write_all(end);
    if result.is_err() {
        drop(file.set_len(written));
    }
    result
}

fn failed(error: &io::Error) -> Stage {
    Stage::End { lines: Recent::new(END_LIMIT), failure: Some(error.to_string()) }
}

/// Writes times without asking the calendar for every line.
#[derive(Debug, Default)]
struct Stamp {
    second: Option<i64>,
    text: String,
}

impl Stamp {
    /// The time, the tag and their blanks; how many bytes they are.
    fn head(&mut self, head: &mut [u8; 34], at: Timestamp, source: Source, whole: bool) -> usize {
        if self.second != Some(at.seconds()) {
            self.second = Some(at.seconds());
            self.text = at.to_string();
            self.text.truncate(self.text.trim_end_matches('Z').len());
        }
        let plus = if whole { "" } else { "+" };
        let milli = at.millis().rem_euclid(1000);
        let room = head.len();
        let mut rest: &mut [u8] = head;
        // A year beyond 9999 would not fit and loses its tail; the line stays.
        drop(write!(rest, "{}.{milli:03}Z {}{plus} ", self.text, source.tag()));
        room - rest.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_millis(1_795_246_920_123);

    #[test]
    fn a_log_reads_like_the_documentation() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("runs/a/r.log");
        let mut log = LogWriter::create(&path);
        log.line(AT, Source::Out, true, b"one");
        log.line(AT.shifted(900), Source::Err, false, b"two\xff");
        log.line(AT.shifted(-200), Source::Run, true, b"");
        let closed = log.close(AT);
        assert_eq!((closed.path.as_deref(), closed.note), (Some(path.as_path()), None));
        assert_eq!(
            fs::read(&path).expect("there"),
            b"2026-11-21T07:42:00.123Z out one\n2026-11-21T07:42:01.023Z err+ two\xff\n\
              2026-11-21T07:41:59.923Z run \n"
        );
    }

    #[test]
    fn a_long_log_keeps_its_beginning_and_its_end_within_the_limit() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("r.log");
        let mut log = LogWriter::create(&path);
        let text = [b'x'; 1000];
        for n in 0..40_000 {
            log.line(AT, Source::Out, true, format!("{n} ").as_bytes());
            log.line(AT, Source::Out, true, &text);
        }
        let closed = log.close(AT);
        assert!(closed.note.expect("a note").contains("left out"));
        let all = fs::read(&path).expect("there");
        assert!(all.len() as u64 <= LOG_LIMIT && all.len() as u64 > LOG_LIMIT / 16 * 15, "{}", all.len());
        let text = String::from_utf8(all).expect("text");
        assert!(text.contains("out 0 \n") && text.contains("out 39999 \n"));
        assert!(text.lines().any(|line| line.contains("Z run ") && line.contains("left out here")));
    }

    #[test]
    fn a_log_that_cannot_be_made_is_told_and_stops_nothing() {
        let mut log = LogWriter::create(Path::new("/proc/nowhere/r.log"));
        log.line(AT, Source::Out, true, b"one");
        log.flush();
        let closed = log.close(AT);
        assert!(closed.path.is_none() && closed.note.is_some());
    }
}
