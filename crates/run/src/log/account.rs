//! The account of all logs: who writes a log takes its bytes from here *before* it writes them, so that all together
//! never occupy more than the cap, whatever writes at once and with or without an agent.
//!
//! It is a small file under a kernel lock. The number in it only saves listing the logs each time: once it says that
//! nothing is left, or cannot be read, a listing of what is really there decides, and room is made. A writer that is
//! killed therefore cannot spoil it for long, and it errs to the safe side: bytes are taken before they are used, and
//! given back after they are free.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use muster_core::time::Span;
use muster_host::clock;
use muster_host::state::{Layout, private_dir};
use rustix::fs::{FlockOperation, OFlags};

use super::bounds::{Bounds, floor};
use super::shelf::{self, Log};

/// Every run gets this much, if need be in place of another job's newest log, in bytes.
pub(super) const FIRST: u64 = 64 << 10;
/// How far the cap is exceeded by the first bytes of runs at most, when nothing is left that could go, in bytes.
const SLACK: u64 = 4 << 20;
/// How long a writer waits for the others: for its first bytes, and for more.
const PATIENCE: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(1)];
/// A listing this old is repeated, in seconds.
const OLD: i64 = 3600;
/// Length of the text in the file, in bytes.
const LENGTH: usize = 128;

/// The account, opened when it is first needed.
#[derive(Debug)]
pub struct Account {
    path: PathBuf,
    runs: PathBuf,
    told: Option<Bounds>,
    noted: Option<Bounds>,
    file: Option<File>,
}

/// How much bytes are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// They are among the first of a run: its log would be empty without them.
    First,
    /// The log goes on growing.
    More,
}

/// Why there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// All logs together have reached the cap.
    Cap,
    /// The file system has little room left.
    Floor,
    /// Others held the account for too long.
    Busy,
}

/// What one tidying did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tidied {
    /// Logs that were removed.
    pub removed: usize,
    /// Bytes on disk that all logs occupy now.
    pub bytes: u64,
}

/// What stands in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Entry {
    /// Bytes taken; none if the file says nothing that can be believed.
    taken: Option<u64>,
    /// The bounds, as the agent noted them.
    bounds: Option<Bounds>,
    /// When the logs were last listed, in seconds since 1970.
    listed: i64,
}

impl Account {
    /// The account of this state directory. `bounds` are those of the configuration; without any, those count that an
    /// agent noted, and else the defaults. Nothing is opened yet.
    pub fn new(layout: &Layout, bounds: Option<Bounds>) -> Self {
        Self { path: layout.log_account(), runs: layout.runs(), told: bounds, noted: None, file: None }
    }

    /// Where the logs are.
    pub(super) fn runs(&self) -> &Path {
        &self.runs
    }

    /// The bounds, as far as they are known by now.
    pub(super) fn bounds(&self) -> Bounds {
        self.told.or(self.noted).unwrap_or_default()
    }

    /// Takes bytes, making room for them if need be.
    pub(super) fn take(&mut self, bytes: u64, need: Need) -> Result<(), Refused> {
        let Some(mut held) = self.hold(need) else {
            // A few bytes that nobody counted are found by the next listing.
            return if need == Need::First { Ok(()) } else { Err(Refused::Busy) };
        };
        let bounds = self.told.or(held.entry.bounds).unwrap_or_default();
        self.noted = held.entry.bounds;
        let room = Room::of(&held.file);
        let answer = match held.entry.taken {
            Some(taken) if taken.saturating_add(bytes) <= bounds.bytes && room.leaves(bytes) => {
                Ok(taken + bytes)
            }
            _ => self.make_room(&mut held.entry, bounds, room, bytes, need),
        };
        if let Ok(taken) = answer {
            held.entry.taken = Some(taken);
        }
        held.write();
        self.file = Some(held.release());
        answer.map(drop)
    }

    /// Gives bytes back that are free on disk by now.
    pub(super) fn give_back(&mut self, bytes: u64) {
        if let Some(mut held) = self.hold(Need::First) {
            held.entry.taken = held.entry.taken.map(|taken| taken.saturating_sub(bytes));
            held.write();
            self.file = Some(held.release());
        }
    }

    /// Removes what is too old, too much or, on a file system with little room, the oldest; the newest log of each job
    /// stays. Notes the bounds for wrappers that find no configuration.
    ///
    /// # Errors
    /// When the account or the logs cannot be read.
    pub fn tidy(&mut self, note: bool) -> io::Result<Tidied> {
        let mut held = self.hold(Need::More).ok_or(io::ErrorKind::ResourceBusy)?;
        let bounds = self.told.or(held.entry.bounds).unwrap_or_default();
        let now = clock::now().wall.seconds();
        let (logs, mut bytes) = shelf::list(&self.runs, now)?;
        let age = i64::try_from(bounds.age.as_millis() / 1000).unwrap_or(i64::MAX);
        let mut room = Room::of(&held.file);
        let mut removed = 0;
        for log in logs.iter().filter(|log| log.newer > 0) {
            let too_many = log.newer >= bounds.per_job || now.saturating_sub(log.changed) > age;
            if too_many || bytes > bounds.bytes || !room.leaves(0) {
                let freed = shelf::remove(log);
                removed += usize::from(freed > 0 || !log.path.exists());
                bytes = bytes.saturating_sub(freed);
                room.free += freed;
            }
        }
        held.entry = Entry {
            taken: Some(bytes),
            bounds: if note { Some(bounds) } else { held.entry.bounds },
            listed: now,
        };
        held.write();
        self.file = Some(held.release());
        Ok(Tidied { removed, bytes })
    }

    /// True where the file system has less room than logs leave to others, or the account cannot be looked at.
    pub fn is_short_of_room(&mut self) -> bool {
        self.hold(Need::First).is_none_or(|held| {
            let room = Room::of(&held.file);
            self.file = Some(held.release());
            !room.leaves(0)
        })
    }

    /// Tidies if nobody did it for an hour: for hosts without an agent.
    pub(crate) fn tidy_if_old(&mut self) {
        let Some(held) = self.hold(Need::First) else { return };
        let is_old = (clock::now().wall.seconds() - held.entry.listed).abs() > OLD;
        self.file = Some(held.release());
        if is_old {
            // The next one tries again.
            drop(self.tidy(false));
        }
    }

    /// Lists what is there and lets the oldest go: bytes taken then, those that were asked for among them.
    fn make_room(
        &self,
        entry: &mut Entry,
        bounds: Bounds,
        mut room: Room,
        bytes: u64,
        need: Need,
    ) -> Result<u64, Refused> {
        let now = clock::now().wall.seconds();
        let Ok((logs, mut taken)) = shelf::list(&self.runs, now) else {
            return if need == Need::First { Ok(entry.taken.unwrap_or(0)) } else { Err(Refused::Busy) };
        };
        // Some more at once, because a listing is dear.
        let spare = (bounds.bytes / 16).min(64 << 20);
        let fits = |taken: u64, room: Room, spare: u64| {
            taken + bytes + spare <= bounds.bytes && room.leaves(bytes + spare)
        };
        let let_go = |log: &Log, taken: &mut u64, room: &mut Room| {
            let freed = shelf::remove(log);
            *taken = taken.saturating_sub(freed);
            room.free += freed;
        };
        if !fits(taken, room, 0) {
            for log in logs.iter().filter(|log| log.newer > 0) {
                if fits(taken, room, spare) {
                    break;
                }
                let_go(log, &mut taken, &mut room);
            }
        }
        if need == Need::First {
            for log in logs.iter().filter(|log| log.newer == 0) {
                if fits(taken, room, 0) {
                    break;
                }
                let_go(log, &mut taken, &mut room);
            }
        }
        (entry.taken, entry.listed) = (Some(taken), now);
        let in_slack =
            need == Need::First && taken + bytes <= bounds.bytes + SLACK && room.leaves_half(bytes);
        if fits(taken, room, 0) || in_slack {
            return Ok(taken + bytes);
        }
        Err(if room.leaves(bytes) { Refused::Cap } else { Refused::Floor })
    }

    /// Opens and locks the file, within the patience that the need allows.
    fn hold(&mut self, need: Need) -> Option<Held> {
        let file = match self.file.take() {
            Some(file) => file,
            None => open(&self.path).ok()?,
        };
        let deadline = Instant::now() + PATIENCE[usize::from(need == Need::More)];
        while rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            if Instant::now() >= deadline {
                return None;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let mut text = [0; LENGTH];
        let read = file.read_at(&mut text, 0).unwrap_or(0);
        let entry = Entry::parse(text.get(..read).unwrap_or_default());
        Some(Held { file, entry })
    }
}

fn open(path: &Path) -> io::Result<File> {
    let flags = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
    let open = || {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(flags)
            .open(path)
    };
    match open() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(folder) = path.parent() {
                private_dir(folder)?;
            }
            open()
        }
        other => other,
    }
}

/// The file while it is ours.
struct Held {
    file: File,
    entry: Entry,
}

impl Held {
    fn write(&self) {
        // What cannot be written is found by the next listing.
        drop(self.file.write_all_at(self.entry.text().as_bytes(), 0));
    }

    fn release(self) -> File {
        // The lock goes with the file at the latest.
        rustix::fs::flock(&self.file, FlockOperation::Unlock).ok();
        self.file
    }
}

impl Entry {
    /// Words and numbers of a fixed length, so that one write replaces them.
    fn text(&self) -> String {
        let bounds = self.bounds.unwrap_or(Bounds { age: Span::ZERO, per_job: 0, bytes: 0 });
        let text = format!(
            "muster 1 taken {} listed {} cap {} per-job {} age-ms {}",
            self.taken.unwrap_or(u64::MAX),
            self.listed,
            bounds.bytes,
            bounds.per_job,
            bounds.age.as_millis()
        );
        format!("{text:<width$}\n", width = LENGTH - 1)
    }

    fn parse(text: &[u8]) -> Self {
        let text = std::str::from_utf8(text).unwrap_or_default();
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let ["muster", "1", "taken", taken, "listed", listed, "cap", cap, "per-job", per_job, "age-ms", age] =
            words.as_slice()
        else {
            return Self::default();
        };
        let bounds = match (cap.parse(), per_job.parse(), age.parse()) {
            (Ok(bytes), Ok(per_job), Ok(age)) if bytes > 0 => {
                Some(Bounds { age: Span::millis(age), per_job, bytes })
            }
            _ => None,
        };
        let taken = taken.parse().ok().filter(|taken| *taken != u64::MAX);
        Self { taken, bounds, listed: listed.parse().unwrap_or(0) }
    }
}

/// What the file system has.
#[derive(Debug, Clone, Copy)]
struct Room {
    free: u64,
    floor: u64,
}

impl Room {
    /// Where the file system does not tell, only the cap counts.
    fn of(file: &File) -> Self {
        rustix::fs::fstatvfs(file).map_or(Self { free: u64::MAX / 2, floor: 0 }, |there| Self {
            free: there.f_bavail.saturating_mul(there.f_frsize),
            floor: floor(there.f_blocks.saturating_mul(there.f_frsize)),
        })
    }

    fn leaves(self, bytes: u64) -> bool {
        self.free >= self.floor + bytes
    }

    fn leaves_half(self, bytes: u64) -> bool {
        self.free >= self.floor / 2 + bytes
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A state directory with logs in it.
    struct State {
        folder: tempfile::TempDir,
        layout: Layout,
    }

    impl State {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            Self { layout: Layout::new(folder.path()), folder }
        }

        fn log(&self, job: &str, run: u32, kib: usize) -> PathBuf {
            let folder = self.layout.runs().join(job);
            fs::create_dir_all(&folder).expect("made");
            let path = folder.join(format!("{run:04}.log"));
            fs::write(&path, vec![b'x'; kib << 10]).expect("written");
            path
        }

        fn account(&self, mib: u64) -> Account {
            Account::new(&self.layout, Some(Bounds { bytes: mib << 20, ..Bounds::default() }))
        }

        fn left(&self) -> Vec<String> {
            let (logs, _) = shelf::list(&self.layout.runs(), 0).expect("listed");
            let name =
                |log: &Log| log.path.strip_prefix(self.layout.runs()).expect("below").display().to_string();
            logs.iter().map(name).collect()
        }

        fn taken(&self) -> Option<u64> {
            Entry::parse(&fs::read(self.layout.log_account()).expect("there")).taken
        }
    }

    const MIB: u64 = 1 << 20;

    #[test]
    fn the_oldest_logs_go_first_and_the_newest_of_each_job_last() {
        let state = State::new();
        for (job, run) in [("a", 1), ("b", 2), ("a", 3), ("a", 4), ("c", 5)] {
            state.log(job, run, 256);
        }
        let mut account = state.account(2);
        assert_eq!(account.take(256 << 10, Need::More), Ok(()));
        assert_eq!(state.taken(), Some(6 * (256 << 10)));
        assert_eq!(
            account.take(MIB, Need::More),
            Ok(()),
            "with what is taken it would be 2.5 MiB, but 1.25 are there"
        );
        assert_eq!(state.left(), ["b/0002.log", "a/0004.log", "c/0005.log"], "two, so that some is spare");
        state.log("a", 6, 1024);
        assert_eq!(account.take(512 << 10, Need::More), Ok(()));
        assert_eq!(state.left(), ["b/0002.log", "c/0005.log", "a/0006.log"]);
        assert_eq!(
            account.take(MIB, Need::More),
            Err(Refused::Cap),
            "none grows at the cost of another job's newest"
        );
        assert_eq!(state.left().len(), 3);
        assert_eq!(account.take(600 << 10, Need::First), Ok(()), "but none is left empty");
        assert_eq!(state.left(), ["c/0005.log", "a/0006.log"]);
    }

    #[test]
    fn a_log_that_is_being_written_stays_whatever_is_needed() {
        let state = State::new();
        let path = state.log("a", 1, 1024);
        let writer = File::open(&path).expect("there");
        assert!(shelf::hold(&writer));
        state.log("a", 2, 4);
        let mut account = state.account(1);
        assert_eq!(account.take(64 << 10, Need::More), Err(Refused::Cap));
        let mut first = 0;
        while account.take(64 << 10, Need::First).is_ok() {
            // Nobody has counted these yet: as if each were on disk by now.
            state.log(&format!("b{first}"), 3, 64);
            let held = File::open(state.layout.runs().join(format!("b{first}/0003.log"))).expect("there");
            assert!(shelf::hold(&held));
            std::mem::forget(held);
            first += 1;
        }
        assert!((60..=64).contains(&first), "{first} of 64 KiB: the slack and no more");
        assert!(path.exists());
    }

    #[test]
    fn a_number_that_is_wrong_is_replaced_by_what_is_there() {
        let state = State::new();
        let path = state.log("a", 1, 256);
        let mut account = state.account(1);
        for taken in ["muster 1 taken 18446744073709551614 listed 1 cap 0 per-job 0 age-ms 0", "garbage", ""]
        {
            fs::write(state.layout.log_account(), taken).expect("written");
            assert_eq!(account.take(4096, Need::More), Ok(()), "{taken}");
            assert_eq!(state.taken(), Some((256 << 10) + 4096));
        }
        account.give_back(4096);
        assert_eq!(state.taken(), Some(256 << 10));
        account.give_back(u64::MAX);
        assert_eq!(state.taken(), Some(0));
        assert!(path.exists());
    }

    #[test]
    fn a_tidy_keeps_the_bounds_and_notes_them_for_those_without_a_configuration() {
        let state = State::new();
        for run in 0..6 {
            state.log("a", run, 4);
        }
        let old = state.log("b", 0, 4);
        state.log("b", 7, 4);
        let ago = std::time::SystemTime::now() - Duration::from_secs(100_000);
        File::options().write(true).open(&old).expect("there").set_modified(ago).expect("set");
        let bounds = Bounds { age: Span::days(1), per_job: 4, bytes: 2 << 20 };
        let mut account = Account::new(&state.layout, Some(bounds));
        assert_eq!(account.tidy(true).expect("tidied"), Tidied { removed: 3, bytes: 5 * 4096 });
        assert_eq!(state.left(), ["a/0002.log", "a/0003.log", "a/0004.log", "a/0005.log", "b/0007.log"]);
        let mut without = Account::new(&state.layout, None);
        assert_eq!(without.take(4096, Need::First), Ok(()));
        assert_eq!(without.bounds(), bounds);
        assert_eq!(without.tidy(false).expect("tidied").bytes, 5 * 4096);
        assert_eq!(state.account(1).tidy(false).expect("tidied").removed, 0);
        drop(state.folder);
    }

    #[test]
    fn an_account_that_is_held_up_gives_first_bytes_only() {
        let state = State::new();
        let mut account = state.account(1);
        assert_eq!(account.take(1, Need::First), Ok(()));
        let other = File::open(state.layout.log_account()).expect("there");
        assert!(shelf::hold(&other));
        assert_eq!(account.take(1, Need::First), Ok(()));
        assert_eq!(account.take(1, Need::More), Err(Refused::Busy));
        assert_eq!(account.tidy(false).expect_err("held").kind(), io::ErrorKind::ResourceBusy);
        drop(other);
        assert_eq!(account.take(1, Need::More), Ok(()));
    }
}
