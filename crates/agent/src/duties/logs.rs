//! The bound on the logs of all runs together. The newest log of each job stays whatever its age.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use muster_core::time::{Span, Timestamp};

struct Log {
    path: PathBuf,
    bytes: u64,
    changed: Timestamp,
    newest: bool,
}

/// Removes logs below `runs` that are older than `age`, then the oldest until all together are at most `bytes`.
pub(super) fn tidy(runs: &Path, age: Span, bytes: u64, now: Timestamp) -> Result<usize, String> {
    let mut logs = Vec::new();
    for folder in list(runs)? {
        let mut of_job: Vec<Log> = list(&folder)?.into_iter().filter_map(look).collect();
        if let Some(newest) = of_job.iter_mut().max_by_key(|log| log.changed) {
            newest.newest = true;
        }
        logs.append(&mut of_job);
    }
    logs.sort_by_key(|log| log.changed);
    let mut total: u64 = logs.iter().map(|log| log.bytes).sum();
    let mut removed = 0;
    for log in logs.iter().filter(|log| !log.newest) {
        if total <= bytes && now.since(log.changed) <= age {
            break;
        }
        fs::remove_file(&log.path).map_err(|error| format!("{}: {error}", log.path.display()))?;
        total -= log.bytes;
        removed += 1;
    }
    Ok(removed)
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, String> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(entries.flatten().map(|entry| entry.path()).collect()),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(Vec::new())
        }
        Err(error) => Err(format!("{}: {error}", folder.display())),
    }
}

fn look(path: PathBuf) -> Option<Log> {
    // Not through links: what they point to is not ours to count or remove.
    let there = fs::symlink_metadata(&path).ok().filter(fs::Metadata::is_file)?;
    let since = there.modified().ok()?.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let changed = Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
    let is_log = path.extension().is_some_and(|ending| ending == "log");
    is_log.then_some(Log { path, bytes: there.len(), changed, newest: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_first_and_the_newest_of_each_job_stays() {
        let folder = tempfile::tempdir().unwrap();
        for (job, count) in [("a", 5), ("b", 1)] {
            fs::create_dir(folder.path().join(job)).unwrap();
            for n in 0..count {
                let path = folder.path().join(job).join(format!("{n}.log"));
                fs::write(&path, [b'x'; 1000]).unwrap();
                let at = UNIX_EPOCH + Duration::from_secs(1_000_000 + n);
                fs::File::options().write(true).open(&path).unwrap().set_modified(at).unwrap();
            }
        }
        let now = Timestamp::from_seconds(1_000_100);
        assert_eq!(tidy(folder.path(), Span::days(1), 10_000, now), Ok(0));
        assert_eq!(tidy(folder.path(), Span::days(1), 4_000, now), Ok(2));
        assert!(folder.path().join("a/2.log").exists() && folder.path().join("b/0.log").exists());
        assert_eq!(tidy(folder.path(), Span::seconds(1), 4_000, now), Ok(2));
        assert_eq!(tidy(&folder.path().join("none"), Span::ZERO, 0, now), Ok(0));
        assert!(folder.path().join("a/4.log").exists(), "the newest stays");
    }
}
