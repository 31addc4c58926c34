//! The files that a run should have written. Looks on a thread of its own, because a file system can hang, and the run
//! must be told all the same.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use muster_config::plan::{ExpectedFile, NewerThan};
use muster_core::signal::Artefact;
use muster_core::time::{Span, Timestamp};
use muster_core::words::{length, size};
use muster_host::walk::{self, Blind, Walk};

/// Longest look.
const DEADLINE: Duration = Duration::from_secs(30);
/// Most names that are looked at.
const NAMES: u64 = 5_000_000;
/// The kernel stamps files with the time of its last tick, at most 10 ms ago.
const TICK: Span = Span::millis(10);
/// File systems that keep whole seconds only (ext3, NFSv2), or every other one (FAT).
const COARSE: Span = Span::seconds(2);
/// The clock of a file server may be behind ours.
const REMOTE: Span = Span::seconds(5);

/// What was seen.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) unmet: Vec<String>,
    pub(super) artefact: Artefact,
}

/// Looks for the files of a run that began at `start` and has just ended.
pub(super) fn look(expected: &ExpectedFile, start: Timestamp, now: Timestamp) -> Seen {
    look_within(expected, start, now, DEADLINE, NAMES)
}

fn look_within(
    expected: &ExpectedFile,
    start: Timestamp,
    now: Timestamp,
    deadline: Duration,
    names: u64,
) -> Seen {
    let (tell, told) = mpsc::sync_channel(1);
    let since = match expected.newer_than {
        NewerThan::Start => start,
        NewerThan::Age(age) => now - age,
    };
    let copy = expected.clone();
    let looking = std::thread::Builder::new().name("expect".into()).spawn(move || {
        let mut look = Look { since, ..Look::new(copy) };
        look.walk(deadline, names);
        // Nobody may be waiting any more.
        tell.send(look).ok();
    });
    let blind = |why: String| Seen {
        unmet: vec![format!("{} could not be looked at: {why}", expected.glob)],
        artefact: Artefact { files: 0, bytes: 0 },
    };
    match looking {
        Err(error) => blind(error.to_string()),
        // The thread ends by itself shortly before; if it hangs in the kernel, our end is its end.
        Ok(_) => match told.recv_timeout(deadline + Duration::from_secs(1)) {
            Ok(look) => look.sum_up(now),
            Err(RecvTimeoutError::Timeout) => {
                blind(format!("the file system did not answer within {}", Span::from(deadline)))
            }
            Err(RecvTimeoutError::Disconnected) => blind("the look broke off".to_owned()),
        },
    }
}

/// A look at the disk. Only counts are kept, however many files there are.
#[derive(Debug)]
struct Look {
    expected: ExpectedFile,
    since: Timestamp,
    /// Files that match.
    matching: u64,
    /// Those of them that count, and their bytes.
    fresh: Artefact,
    /// The newest file that does not count.
    newest: Option<(Timestamp, PathBuf)>,
    /// A file that was changed in time and carries an older modification time.
    touched: Option<PathBuf>,
    /// The first file that is too small, its size, and how many there are.
    small: Option<(PathBuf, u64, u32)>,
    large: Option<(PathBuf, u64, u32)>,
    /// A folder of the path, without wildcards before it, that is not there.
    absent: Option<PathBuf>,
    /// What could not be seen, and why.
    blind: Option<Blind>,
}

impl Look {
    fn new(expected: ExpectedFile) -> Self {
        Self {
            expected,
            since: Timestamp::from_seconds(0),
            matching: 0,
            fresh: Artefact { files: 0, bytes: 0 },
            newest: None,
            touched: None,
            small: None,
            large: None,
            absent: None,
            blind: None,
        }
    }

    fn walk(&mut self, deadline: Duration, names: u64) {
        let mut walk = Walk::within(deadline, names);
        let glob = self.expected.glob.clone();
        walk.files(&glob, |path, found| self.file(path, found));
        self.absent = walk.absent;
        self.blind = walk.blind;
    }

    fn file(&mut self, path: &Path, found: &Metadata) {
        self.matching += 1;
        let modified = walk::modified(found);
        if !self.is_fresh(path, modified, found.mtime_nsec()) {
            if walk::changed(found) > self.since - TICK {
                self.touched.get_or_insert_with(|| path.to_owned());
            }
            if self.newest.as_ref().is_none_or(|(newest, _)| modified > *newest) {
                self.newest = Some((modified, path.to_owned()));
            }
            return;
        }
        let bytes = found.len();
        self.fresh.files = self.fresh.files.saturating_add(1);
        self.fresh.bytes = self.fresh.bytes.saturating_add(bytes);
        let count = |one: &mut Option<(PathBuf, u64, u32)>| match one {
            Some((_, _, more)) => *more = more.saturating_add(1),
            None => *one = Some((path.to_owned(), bytes, 1)),
        };
        if self.expected.min_size.is_some_and(|least| bytes < least) {
            count(&mut self.small);
        }
        if self.expected.max_size.is_some_and(|most| bytes > most) {
            count(&mut self.large);
        }
    }

    /// True if a file of that time counts, as far as the clock of its file system can tell.
    fn is_fresh(&self, path: &Path, modified: Timestamp, nanos: i64) -> bool {
        let allowed = if nanos == 0 { COARSE } else { TICK };
        modified >= self.since - allowed || modified >= self.since - REMOTE && is_remote(path)
    }

    fn sum_up(&self, now: Timestamp) -> Seen {
        let Self { expected, fresh, .. } = self;
        let glob = &expected.glob;
        let newer = match expected.newer_than {
            NewerThan::Start => "newer than the start".to_owned(),
            NewerThan::Age(age) => format!("newer than {age}"),
        };
        let mut unmet = Vec::new();
        if let Some(why) = &self.blind {
            unmet.push(format!("{glob} could not be looked at as a whole: {why}"));
        } else if self.matching == 0 {
            let absent = self.absent.as_ref();
            let hint =
                absent.map(|folder| format!("; {} is not there", folder.display())).unwrap_or_default();
            unmet.push(format!("no file matches {glob}{hint}"));
        } else if fresh.files == 0 {
            let hint = match (&self.touched, &self.newest) {
                (Some(touched), _) => {
                    format!("; {} was written and carries the time of an older file", name(touched))
                }
                (None, Some((modified, path))) => {
                    let age = length(now.since(*modified).max(Span::ZERO));
                    match self.matching {
                        1 => format!("; {} is {age} old", name(path)),
                        many => format!("; the newest of {many}, {}, is {age} old", name(path)),
                    }
                }
                (None, None) => String::new(),
            };
            unmet.push(format!("no file matches {glob} {newer}{hint}"));
        } else if fresh.files < expected.min_count {
            let files = if fresh.files == 1 {
                "1 file matches".to_owned()
            } else {
                format!("{} files match", fresh.files)
            };
            unmet.push(format!("{files} {glob} {newer}, and at least {} should", expected.min_count));
        }
        let sizes =
            [(&self.small, expected.min_size, "at least"), (&self.large, expected.max_size, "at most")];
        for (one, bound, word) in sizes {
            if let (Some((path, bytes, count)), Some(bound)) = (one, bound) {
                let more =
                    if *count > 1 { format!(" ({} more are like it)", count - 1) } else { String::new() };
                unmet.push(format!(
                    "{} has {}, and should have {word} {}{more}",
                    path.display(),
                    size(*bytes),
                    size(bound)
                ));
            }
        }
        Seen { unmet, artefact: *fresh }
    }
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// NFS, CIFS, SMB2, 9P, Ceph, FUSE (statfs(2)).
fn is_remote(path: &Path) -> bool {
    const KINDS: [u64; 6] = [0x6969, 0xff53_4d42, 0xfe53_4d42, 0x0102_1997, 0x00c3_6400, 0x6573_5546];
    rustix::fs::statfs(path).is_ok_and(|found| KINDS.contains(&((found.f_type as u64) & 0xffff_ffff)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use muster_config::glob::Glob;

    use super::*;

    fn expected(folder: &Path) -> ExpectedFile {
        ExpectedFile {
            glob: Glob::parse(&format!("{}/d*/*.gz", folder.display())).expect("a glob"),
            newer_than: NewerThan::Start,
            min_size: None,
            max_size: None,
            min_count: 1,
        }
    }

    fn now() -> Timestamp {
        muster_host::clock::now().wall
    }

    #[test]
    fn a_look_that_could_not_end_is_never_well() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("day")).expect("made");
        let start = now();
        for n in 0..50 {
            fs::write(folder.path().join(format!("day/{n}.gz")), "x").expect("written");
        }
        let expected = expected(folder.path());
        let whole = look(&expected, start, now());
        assert_eq!((whole.unmet.len(), whole.artefact.files), (0, 50));
        let few = look_within(&expected, start, now(), DEADLINE, 20);
        assert!(few.unmet[0].contains("too many names"), "{few:?}");
        let short = look_within(&expected, start, now(), Duration::ZERO, NAMES);
        assert!(short.unmet[0].contains("took too long"), "{short:?}");
    }

    #[test]
    fn a_file_system_with_whole_seconds_raises_no_false_alarm() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("day")).expect("made");
        let path = folder.path().join("day/a.gz");
        let file = fs::File::create(&path).expect("made");
        let start = Timestamp::from_millis(1_795_246_921_900);
        for (millis, fresh) in [
            (1_795_246_920_000, true),
            (1_795_246_919_000, false),
            (1_795_246_921_891, true),
            (1_795_246_921_500, false),
        ] {
            let time = std::time::UNIX_EPOCH + Duration::from_millis(millis);
            file.set_times(fs::FileTimes::new().set_modified(time)).expect("set");
            let seen = look(&expected(folder.path()), start, start + Span::seconds(5));
            // The change time is now, long before that start by the clock of this test or long after it.
            assert_eq!(seen.artefact.files, u32::from(fresh), "{millis} {seen:?}");
        }
    }
}
