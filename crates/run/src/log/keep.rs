//! How many logs of a job stay when nobody else tidies up: the agent keeps logs by age and size, and a host without an
//! agent must not fill its disk either.

use std::fs;
use std::path::{Path, PathBuf};

/// Logs of one job that stay.
const LOGS: usize = 200;
/// Bytes of one job's logs that stay.
const BYTES: u64 = 512 << 20;

/// Removes the oldest logs beside `log` beyond the limits; the newest always stays.
pub(crate) fn tidy(log: &Path) {
    if let Some(folder) = log.parent() {
        tidy_to(folder, LOGS, BYTES);
    }
}

fn tidy_to(folder: &Path, logs: usize, bytes: u64) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "log"))
        .collect();
    // Names begin with the time of the run.
    paths.sort_unstable_by(|a, b| b.cmp(a));
    let mut total = 0;
    for (index, path) in paths.iter().enumerate() {
        total += fs::symlink_metadata(path).map_or(0, |there| there.len());
        if index > 0 && (index >= logs || total > bytes) {
            drop(fs::remove_file(path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_logs_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        for n in 0..10 {
            fs::write(folder.path().join(format!("2026112{n}.log")), [b'x'; 100]).expect("written");
        }
        fs::write(folder.path().join("other"), b"x").expect("written");
        let names = || fs::read_dir(folder.path()).expect("a folder").count();
        tidy_to(folder.path(), 8, u64::MAX);
        assert_eq!(names(), 9);
        tidy_to(folder.path(), 8, 300);
        assert_eq!(names(), 4);
        tidy_to(folder.path(), 8, 0);
        assert!(folder.path().join("20261129.log").exists() && names() == 2);
    }
}
