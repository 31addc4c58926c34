//! The bound on the spool: while nobody reads it, it may not fill the disk. Starts and notes go first, then successes,
//! then failures, the oldest of each kind first; how many went is kept, so that the loss is told.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{RECORD_LIMIT, SPOOL_LIMIT, Spool};

/// The file that counts what was dropped.
const DROPPED: &str = "dropped";
/// A temporary file older than this was left behind by a writer that died, in seconds.
const STALE: i64 = 3600;

impl Spool {
    /// How many records were dropped for want of room since the count was last taken, which starts it again.
    pub fn take_dropped(&self) -> u64 {
        self.folders()
            .map(|folder| {
                let path = folder.join(DROPPED);
                let count = dropped(&path);
                if count > 0 {
                    drop(fs::remove_file(&path));
                }
                count
            })
            .sum()
    }
}

/// Looks at the size after one write in 64, and closely only if there are so many records that they could exceed the
/// limit: a listing costs more than a record.
pub(super) fn keep(folder: &Path, written: &str) {
    let random: Option<&str> = written.split('.').nth(1).and_then(|id| id.get(id.len().checked_sub(2)?..));
    if !random.is_some_and(|hex| matches!(hex, "00" | "40" | "80" | "c0")) {
        return;
    }
    let count = fs::read_dir(folder).map_or(0, Iterator::count);
    if count as u64 > SPOOL_LIMIT / RECORD_LIMIT {
        trim(folder, SPOOL_LIMIT);
    }
}

/// Drops records until three quarters of the limit are left, if it is exceeded.
fn trim(folder: &Path, limit: u64) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let now = crate::clock::now().wall.seconds();
    let mut total = 0;
    let mut records: Vec<(u8, String, u64, PathBuf)> = Vec::new();
    for entry in entries.flatten() {
        let (Ok(there), Ok(name)) = (entry.metadata(), entry.file_name().into_string()) else { continue };
        if !there.is_file() {
            continue;
        }
        if name.starts_with('.') && now - there.mtime() > STALE {
            drop(fs::remove_file(entry.path()));
            continue;
        }
        let size = there.blocks() * 512;
        total += size;
        if let Some(rank) = name.strip_suffix(".json").and_then(|stem| stem.bytes().last()) {
            records.push((rank, name, size, entry.path()));
        }
    }
    if total <= limit {
        return;
    }
    records.sort();
    let mut gone = 0;
    for (_, _, size, path) in records {
        if total <= limit / 4 * 3 {
            break;
        }
        if fs::remove_file(path).is_ok() {
            total = total.saturating_sub(size);
            gone += 1;
        }
    }
    let path = folder.join(DROPPED);
    drop(fs::write(&path, (dropped(&path) + gone).to_string()));
}

fn dropped(path: &Path) -> u64 {
    fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Layout;

    #[test]
    fn starts_go_before_failures_and_the_loss_is_counted() {
        let folder = tempfile::tempdir().expect("a folder");
        let spool = Spool::new(&Layout::new(folder.path()));
        let place = folder.path().join("spool");
        fs::create_dir(&place).expect("made");
        for n in 0..10 {
            fs::write(place.join(format!("{n}.2.json")), "x").expect("written");
            fs::write(place.join(format!("{n}.0.json")), "x").expect("written");
        }
        let block = fs::metadata(place.join("1.2.json")).expect("there").blocks() * 512;
        trim(&place, 20 * block);
        assert_eq!(spool.take_dropped(), 0, "within the limit");
        trim(&place, 16 * block);
        assert_eq!(spool.take_dropped(), 8);
        assert_eq!(spool.take_dropped(), 0);
        assert!((0..10).all(|n| place.join(format!("{n}.2.json")).exists()));
        assert!(!place.join("0.0.json").exists() && place.join("9.0.json").exists());
    }
}
