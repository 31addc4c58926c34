//! The wrapper's side of a log. Whatever the disk says, a run goes on: what cannot be written stays in memory as far
//! as it fits, is tried once more at the end, and the loss is told.
//!
//! Bytes are taken from the [`Account`] before they are written. When it gives no more, the file keeps its beginning
//! and memory the end; if there is no room for both, the beginning is cut.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use muster_core::time::Timestamp;
use muster_host::state::private_dir;
use rustix::fs::FallocateFlags;

use super::account::{Account, FIRST, Need, Refused};
use super::bounds::Share;
use super::recent::Recent;
use super::shelf;
use super::{LINE_LIMIT, Source};

/// Lines are written together once there is this much, in bytes.
const TOGETHER: usize = 64 << 10;
/// Bytes are taken from the account in whole blocks of this size…
const BLOCK: u64 = 4096;
/// …and this much at once by a log that grows: a few bytes are soon used, and many writers hold little unused.
const CHUNK: u64 = 256 << 10;

/// The log of a run that is going on.
#[derive(Debug)]
pub(crate) struct LogWriter {
    file: Option<File>,
    path: PathBuf,
    account: Account,
    /// Bytes taken from the account.
    taken: u64,
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
    /// The file takes no more: lines go to memory.
    End { lines: Recent, why: Why },
}

/// Why the file takes no more.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Why {
    /// It has reached its own limit, in bytes.
    Full(u64),
    /// All logs together have reached theirs, or the disk has.
    Refused(Refused),
    /// Writing failed with these words.
    Failed(String),
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
    pub(crate) fn create(path: &Path, account: Account) -> Self {
        let share = account.bounds().share();
        let (file, stage) = match open(path) {
            Ok(file) => {
                // Marked as being written, so that nobody compresses or removes it.
                shelf::hold(&file);
                (Some(file), Stage::Head)
            }
            Err(error) => (None, Stage::end(share, Why::Failed(error.to_string()))),
        };
        Self {
            file,
            path: path.to_owned(),
            account,
            taken: 0,
            waiting: Vec::new(),
            written: 0,
            stage,
            stamp: Stamp::default(),
        }
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
        if let Err(refused) = self.hold(self.written + self.waiting.len() as u64) {
            self.begin_at_least();
            return self.turn_to_memory(Why::Refused(refused));
        }
        let Some(file) = &mut self.file else { return };
        match file.write_all(&self.waiting) {
            Ok(()) => {
                self.written += self.waiting.len() as u64;
                self.waiting.clear();
                let share = self.account.bounds().share();
                if self.written >= share.head {
                    self.stage = Stage::end(share, Why::Full(share.whole));
                }
            }
            Err(error) => {
                // Half a line would be read as a whole one.
                drop(file.set_len(self.written));
                self.turn_to_memory(Why::Failed(error.to_string()));
            }
        }
    }

    /// Writes the end, and says what is missing.
    pub(crate) fn close(mut self, at: Timestamp) -> Closed {
        self.flush();
        let Stage::End { lines, why } = std::mem::replace(&mut self.stage, Stage::Head) else {
            self.settle();
            return Closed { path: Some(self.path), note: None };
        };
        let mut lost = Lost::default();
        (lost.bytes, lost.lines) = lines.lost();
        let end = lines.parts().concat();
        let done = self.append(at, end, &mut lost, &why);
        self.settle();
        let note = match (done, why) {
            (Ok(()), Why::Failed(why)) => Some(format!(
                "the log could not be written for a while ({why}); {} lines are lost",
                lost.lines
            )),
            (Ok(()), _) if lost.lines == 0 => None,
            (Ok(()), why) => {
                let Lost { lines, bytes } = lost;
                Some(format!(
                    "{lines} lines ({bytes} bytes) in the middle of the log are left out: {}",
                    why.words()
                ))
            }
            (Err(_), Why::Failed(why)) => Some(format!("the log is incomplete: {why}")),
            (Err(error), _) => Some(format!("the end of the log is missing: {error}")),
        };
        let there = self.file.is_some() && (self.written > 0 || note.is_none());
        Closed { path: there.then_some(self.path), note }
    }

    /// A log that begins with more than everybody gets still begins: half of that is for its beginning.
    fn begin_at_least(&mut self) {
        let room = usize::try_from((FIRST / 2).saturating_sub(self.written)).unwrap_or(0);
        let begin = self.waiting.get(..room).unwrap_or(&self.waiting);
        let Some(end) = begin.iter().rposition(|&byte| byte == b'\n') else { return };
        if self.hold(FIRST).is_err() {
            return;
        }
        let Some(file) = &mut self.file else { return };
        if file.write_all(self.waiting.get(..=end).unwrap_or_default()).is_ok() {
            self.waiting.drain(..=end);
            self.written += end as u64 + 1;
        } else {
            drop(file.set_len(self.written));
        }
    }

    /// Lines go to memory from now on, those that wait first.
    fn turn_to_memory(&mut self, why: Why) {
        self.stage = Stage::end(self.account.bounds().share(), why);
        let waiting = std::mem::take(&mut self.waiting);
        if let Stage::End { lines, .. } = &mut self.stage {
            for line in waiting.split_inclusive(|&byte| byte == b'\n') {
                lines.push(line, b"");
            }
        }
    }

    /// Sees to it that the file may have this many bytes.
    fn hold(&mut self, bytes: u64) -> Result<(), Refused> {
        let bytes = bytes.next_multiple_of(BLOCK);
        if bytes <= self.taken {
            return Ok(());
        }
        let lacking = bytes - self.taken;
        if bytes <= FIRST {
            // Twice as much each time: most runs say little, and few ask often.
            let more = lacking.max(self.taken).min(FIRST - self.taken);
            self.account.take(more, Need::First)?;
            self.taken += more;
            return Ok(());
        }
        let more = lacking.max(CHUNK);
        self.account.take(more, Need::More)?;
        if let Some(file) = &self.file {
            // What is taken is also set aside, so that a listing counts it. Where that cannot be done, it finds less
            // than is taken, by one chunk for each run.
            rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, self.taken, more).ok();
        }
        self.taken += more;
        Ok(())
    }

    /// Gives back what was taken and not used.
    fn settle(&mut self) {
        let used = self.written.next_multiple_of(BLOCK);
        if let Some(unused) = self.taken.checked_sub(used).filter(|unused| *unused > 0) {
            if let Some(file) = self.file.as_ref().filter(|_| self.taken > FIRST) {
                drop(file.set_len(self.written));
            }
            self.account.give_back(unused);
            self.taken = used;
        }
    }

    /// Appends the end behind a line that says what is missing. Where there is no room for both, the beginning is cut
    /// by as much as the end needs, but not by more than half of what there is.
    fn append(&mut self, at: Timestamp, mut end: Vec<u8>, lost: &mut Lost, why: &Why) -> io::Result<()> {
        if self.file.is_none() {
            return Err(io::Error::other("it could not be made"));
        }
        if end.is_empty() && lost.lines == 0 {
            return Ok(());
        }
        let mut room = u64::MAX;
        let need = |written: u64, end: &[u8]| written + (end.len() + GAP) as u64;
        if self.hold(need(self.written, &end)).is_err() {
            // The little that everybody gets.
            self.hold(FIRST).ok();
            room = self.taken;
        }
        if need(self.written, &end) > room {
            let most = (room / 2).max(room.saturating_sub(self.written)).saturating_sub(GAP as u64);
            lost.add(&cut_front(&mut end, most));
            self.cut_to(room.saturating_sub(need(0, &end)), lost)?;
        }
        let mut text = Vec::new();
        if lost.lines > 0 {
            let mut head = [0; 34];
            let length = self.stamp.head(&mut head, at, Source::Run, true);
            text.extend_from_slice(head.get(..length).unwrap_or_default());
            let Lost { lines, bytes } = lost;
            text.extend_from_slice(
                format!("{lines} lines ({bytes} bytes) are left out here: {}\n", why.words()).as_bytes(),
            );
        }
        text.append(&mut end);
        if self.written + text.len() as u64 > room {
            return Err(io::Error::other(why.words()));
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        match file.write_all(&text) {
            Ok(()) => {
                self.written += text.len() as u64;
                Ok(())
            }
            Err(error) => {
                drop(file.set_len(self.written));
                Err(error)
            }
        }
    }

    /// Cuts the file to at most this many bytes, whole lines.
    fn cut_to(&mut self, most: u64, lost: &mut Lost) -> io::Result<()> {
        let (Some(file), true) = (&self.file, most < self.written) else { return Ok(()) };
        // A line is shorter than this, so one ends in it.
        let from = most.saturating_sub(2 * LINE_LIMIT as u64);
        let mut last = vec![0; usize::try_from(self.written - from).unwrap_or(0)];
        file.read_exact_at(&mut last, from)?;
        let head = last.get(..usize::try_from(most - from).unwrap_or(0)).unwrap_or_default();
        let end = head.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        lost.add(last.get(end..).unwrap_or_default());
        self.written = from + end as u64;
        file.set_len(self.written)
    }
}

/// Room for the line that says what is missing, in bytes.
const GAP: usize = 200;

/// What is not in the log.
#[derive(Debug, Default)]
struct Lost {
    lines: u64,
    bytes: u64,
}

impl Lost {
    fn add(&mut self, cut: &[u8]) {
        self.bytes += cut.len() as u64;
        self.lines += cut.iter().filter(|byte| **byte == b'\n').count() as u64;
    }
}

/// Takes whole lines off the front until at most `most` bytes are left; what was taken.
fn cut_front(text: &mut Vec<u8>, most: u64) -> Vec<u8> {
    let over = text.len().saturating_sub(usize::try_from(most).unwrap_or(usize::MAX));
    if over == 0 {
        return Vec::new();
    }
    let rest = text.get(over - 1..).unwrap_or_default();
    let from = rest.iter().position(|&byte| byte == b'\n').map_or(text.len(), |at| over + at);
    text.drain(..from).collect()
}

impl Stage {
    fn end(share: Share, why: Why) -> Self {
        Self::End { lines: Recent::new(share.end), why }
    }
}

impl Why {
    fn words(&self) -> String {
        match self {
            Self::Full(bytes) if bytes % (1 << 20) == 0 => format!("the log is full at {} MiB", bytes >> 20),
            Self::Full(bytes) => format!("the log is full at {} KiB", bytes >> 10),
            Self::Refused(Refused::Cap) => "all logs together have reached their cap".into(),
            Self::Refused(Refused::Floor) => "the disk has little room left".into(),
            Self::Refused(Refused::Busy) => "the account of the logs was held by others".into(),
            Self::Failed(why) => why.clone(),
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let new = || fs::OpenOptions::new().read(true).append(true).create_new(true).mode(0o600).open(path);
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
    use muster_host::state::Layout;

    use super::super::bounds::Bounds;
    use super::*;

    fn account(folder: &Path, bytes: u64) -> Account {
        Account::new(&Layout::new(folder), Some(Bounds { bytes, ..Bounds::default() }))
    }

    const AT: Timestamp = Timestamp::from_millis(1_795_246_920_123);

    #[test]
    fn a_log_reads_like_the_documentation() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("runs/a/r.log");
        let mut log = LogWriter::create(&path, account(folder.path(), 1 << 30));
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
        let mut log = LogWriter::create(&path, account(folder.path(), 1 << 30));
        let text = [b'x'; 1000];
        for n in 0..40_000 {
            log.line(AT, Source::Out, true, format!("{n} ").as_bytes());
            log.line(AT, Source::Out, true, &text);
        }
        let closed = log.close(AT);
        assert!(closed.note.expect("a note").contains("left out"));
        let all = fs::read(&path).expect("there");
        assert!(all.len() <= 16 << 20 && all.len() > 15 << 20, "{}", all.len());
        let text = String::from_utf8(all).expect("text");
        assert!(text.contains("out 0 \n") && text.contains("out 39999 \n"));
        assert!(text.lines().any(|line| line.contains("Z run ") && line.contains("left out here")));
    }

    /// Writes 8 MiB of numbered lines to a log beside others that are being written.
    fn crowded(cap: u64, others: u64) -> (String, Option<String>, u64) {
        let folder = tempfile::tempdir().expect("a folder");
        let runs = Layout::new(folder.path()).runs();
        fs::create_dir_all(runs.join("a")).expect("made");
        fs::create_dir_all(runs.join("b")).expect("made");
        let mut other = File::create(runs.join("b/1.log")).expect("made");
        other.write_all(&vec![b'x'; usize::try_from(others).expect("small")]).expect("written");
        assert!(shelf::hold(&other));
        let path = runs.join("a/2.log");
        let mut log = LogWriter::create(&path, account(folder.path(), cap));
        let text = [b'x'; 1000];
        for n in 0..8192 {
            log.line(AT, Source::Out, true, format!("line {n} ").as_bytes());
            log.line(AT, Source::Out, true, &text);
        }
        let closed = log.close(AT);
        let occupied = shelf::occupied(&fs::metadata(&path).expect("there"));
        let mut account = account(folder.path(), cap);
        let all = account.tidy(false).expect("listed").bytes;
        assert!(all <= (cap + (64 << 10)).max(others + (64 << 10)), "{all} of {cap} with {others}");
        (fs::read_to_string(&path).expect("text"), closed.note, occupied)
    }

    #[test]
    fn without_room_for_all_a_log_keeps_its_beginning_and_its_end() {
        for (cap, others) in [(16 << 20, 31 << 19), (16 << 20, (16 << 20) - (100 << 10)), (4 << 20, 4 << 20)]
        {
            let (text, note, occupied) = crowded(cap, others);
            let note = note.expect("a note");
            assert!(note.ends_with(" left out: all logs together have reached their cap"), "{note}");
            assert!(text.contains("out line 0 "), "the beginning is kept");
            let last = text.lines().rev().nth(1).expect("a line");
            assert!(last.ends_with("out line 8191 "), "{last}");
            let lines = text.lines().filter(|line| !line.contains("Z run ")).count() as u64;
            let mark = text.lines().find(|line| line.contains("Z run ")).expect("a mark");
            let lost: u64 = mark.split(' ').nth(2).expect("a number").parse().expect("a number");
            assert_eq!(lines + lost, 2 * 8192, "{mark}");
            assert!(mark.ends_with("left out here: all logs together have reached their cap"), "{mark}");
            assert!(occupied >= 48 << 10, "{occupied}");
        }
    }

    #[test]
    fn a_log_gives_back_what_it_did_not_use() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("runs/a/1.log");
        let mut log = LogWriter::create(&path, account(folder.path(), 1 << 30));
        for _ in 0..300 {
            log.line(AT, Source::Out, true, &[b'x'; 1000]);
        }
        log.close(AT);
        let entry = fs::read_to_string(folder.path().join("logs.account")).expect("there");
        let taken: u64 = entry.split(' ').nth(3).expect("a number").parse().expect("a number");
        let there = fs::metadata(&path).expect("there");
        assert_eq!(taken, there.len().next_multiple_of(4096));
        assert_eq!(taken, shelf::occupied(&there), "what was set aside is free again");
    }

    #[test]
    fn a_log_that_cannot_be_made_is_told_and_stops_nothing() {
        let mut log =
            LogWriter::create(Path::new("/proc/nowhere/r.log"), account(Path::new("/proc/nowhere"), 1 << 30));
        log.line(AT, Source::Out, true, b"one");
        log.flush();
        let closed = log.close(AT);
        assert!(closed.path.is_none() && closed.note.is_some());
    }
}
