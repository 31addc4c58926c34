//! Compresses the logs of runs that have ended. The agent's work: a job never waits for it.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use muster_host::clock;
use rustix::fs::{OFlags, Timespec, Timestamps};

use super::account::{Account, Need};
use super::body::packed_path;
use super::packed;
use super::shelf::{self, Log, PART};

/// A log that occupies no more cannot become smaller.
const BLOCK: u64 = 4096;

/// What one round did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Round {
    /// Logs that were compressed.
    pub packed: usize,
    /// Bytes on disk that became free.
    pub freed: u64,
    /// True if there is more to do.
    pub more: bool,
}

/// Goes through finished logs, and remembers those that do not become smaller.
#[derive(Debug, Default)]
pub struct Packer {
    passed_over: HashSet<PathBuf>,
}

impl Packer {
    /// Compresses finished logs, newest first because they are read most, for as long as `time`.
    ///
    /// # Errors
    /// When the logs cannot be listed, or one of them cannot be compressed: the first such error, after the others.
    pub fn round(&mut self, account: &mut Account, time: Duration) -> io::Result<Round> {
        let began = Instant::now();
        let (logs, _) = shelf::list(account.runs(), clock::now().wall.seconds())?;
        let mut round = Round::default();
        let mut failed = None;
        let plain = logs.iter().rev().filter(|log| log.bytes > BLOCK && !log.is_packed());
        let plain: Vec<&Log> = plain.collect();
        self.passed_over.retain(|path| plain.iter().any(|log| log.path == *path));
        for log in plain {
            if self.passed_over.contains(&log.path) {
                continue;
            }
            if began.elapsed() >= time {
                round.more = true;
                break;
            }
            match pack_one(account, log) {
                Ok(Some(freed)) => {
                    round.packed += 1;
                    round.freed += freed;
                }
                Ok(None) => {}
                // It does not become smaller, or not now: nothing is lost by leaving it.
                Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                    self.passed_over.insert(log.path.clone());
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    self.passed_over.insert(log.path.clone());
                    failed.get_or_insert(io::Error::new(
                        error.kind(),
                        format!("{}: {error}", log.path.display()),
                    ));
                }
            }
        }
        failed.map_or(Ok(round), Err)
    }
}

/// The bytes that became free; none while the run writes the log.
fn pack_one(account: &mut Account, log: &Log) -> io::Result<Option<u64>> {
    let Some(mut text) = shelf::finished(&log.path)? else { return Ok(None) };
    let there = text.metadata()?;
    let goal = packed_path(&log.path);
    let name = goal.file_name().unwrap_or_default().to_string_lossy();
    let part = goal.with_file_name(format!(".{name}.{PART}"));
    drop(fs::remove_file(&part));
    let flags = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
    let mut to =
        OpenOptions::new().write(true).create_new(true).mode(0o600).custom_flags(flags).open(&part)?;
    let (mut taken, mut written) = (0, 0);
    let mut room = |bytes: u64| {
        written += bytes;
        // Less than a block is not worth two forms of the same.
        if written + BLOCK > log.bytes {
            return false;
        }
        let lacking = written.next_multiple_of(BLOCK).saturating_sub(taken);
        if lacking > 0 && account.take(lacking, Need::More).is_err() {
            return false;
        }
        taken += lacking;
        true
    };
    let done = packed::pack(&mut text, &mut to, &mut room).and_then(|_| {
        let modified = Timespec {
            tv_sec: log.changed,
            tv_nsec: i64::from(std::os::unix::fs::MetadataExt::mtime_nsec(&there) as i32),
        };
        rustix::fs::futimens(&to, &Timestamps { last_access: modified, last_modification: modified })?;
        // Without it a power cut could leave an empty file in the place of the log.
        to.sync_data()?;
        fs::rename(&part, &goal)
    });
    if let Err(error) = done {
        drop(fs::remove_file(&part));
        account.give_back(taken);
        return Err(error);
    }
    fs::remove_file(&log.path)?;
    let now =
        File::open(&goal).and_then(|file| file.metadata()).map_or(taken, |there| shelf::occupied(&there));
    account.give_back((log.bytes + taken).saturating_sub(now));
    Ok(Some(log.bytes.saturating_sub(now)))
}

#[cfg(test)]
mod tests {
    use muster_host::state::Layout;

    use super::super::bounds::Bounds;
    use super::super::read;
    use super::*;

    struct Shelf {
        folder: tempfile::TempDir,
        account: Account,
    }

    impl Shelf {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let layout = Layout::new(folder.path());
            fs::create_dir_all(layout.runs().join("a")).expect("made");
            Self { account: Account::new(&layout, Some(Bounds::default())), folder }
        }

        fn log(&self, name: &str, text: &[u8]) -> PathBuf {
            let path = self.folder.path().join("runs/a").join(name);
            fs::write(&path, text).expect("written");
            path
        }

        fn round(&mut self, packer: &mut Packer) -> Round {
            packer.round(&mut self.account, Duration::from_secs(60)).expect("packed")
        }
    }

    fn text() -> Vec<u8> {
        (0..20_000).flat_map(|n| format!("2026-11-21T07:42:00.123Z out line {n}\n").into_bytes()).collect()
    }

    #[test]
    fn finished_logs_are_compressed_and_read_as_before() {
        let mut shelf = Shelf::new();
        let (small, large) = (shelf.log("1.log", b"x\n"), shelf.log("2.log", &text()));
        let running = shelf.log("3.log", &text());
        let before = (read::tail(&large, 7).expect("read"), fs::metadata(&large).expect("there"));
        let writer = File::open(&running).expect("there");
        assert!(shelf::hold(&writer));
        let mut packer = Packer::default();
        let round = shelf.round(&mut packer);
        assert_eq!((round.packed, round.more), (1, false));
        assert!(small.exists() && running.exists() && !large.exists());
        assert_eq!(read::tail(&large, 7).expect("read"), before.0);
        let now = fs::metadata(packed_path(&large)).expect("there");
        assert_eq!(now.modified().expect("a time"), before.1.modified().expect("a time"));
        assert_eq!(round.freed, shelf::occupied(&before.1) - shelf::occupied(&now));
        assert_eq!(fs::read_dir(large.parent().expect("a folder")).expect("listed").count(), 3);
        drop(writer);
        assert_eq!(shelf.round(&mut packer).packed, 1, "its run is over");
        assert_eq!(shelf.account.tidy(false).expect("tidied").removed, 0);
    }

    #[test]
    fn what_does_not_become_smaller_stays_as_it_is_and_is_not_tried_again() {
        let mut shelf = Shelf::new();
        let mut state = 88_172_645_463_325_252_u64;
        let mut noise = Vec::new();
        for _ in 0..20_000 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            noise.extend_from_slice(&state.to_le_bytes());
        }
        let path = shelf.log("1.log", &noise);
        let mut packer = Packer::default();
        assert_eq!(shelf.round(&mut packer), Round::default());
        assert!(path.exists() && packer.passed_over.len() == 1);
        fs::remove_file(&path).expect("removed");
        shelf.round(&mut packer);
        assert_eq!(packer.passed_over.len(), 0);
    }

    #[test]
    fn a_crash_between_the_two_forms_leaves_a_readable_log() {
        let mut shelf = Shelf::new();
        let path = shelf.log("1.log", &text());
        fs::write(packed_path(&path), b"half").expect("written");
        assert_eq!(read::tail(&path, 1).expect("read").lines[0].text, "line 19999");
        assert_eq!(shelf.round(&mut Packer::default()).packed, 1);
        assert_eq!(read::tail(&path, 1).expect("read").lines[0].text, "line 19999");
    }
}
