//! Records in blocks that were set aside while there was room: 16 slots of 64 KiB in one file. A slot is free while its
//! first byte is zero; a record in it ends at the first zero byte. Writers and the reader take turns by a lock on the file.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, OFlags};

use super::RECORD_LIMIT;
use crate::state::RESERVE_BYTES;

/// Length of a slot in bytes.
const SLOT: u64 = RECORD_LIMIT;

/// Writes a record into the first free slot.
///
/// # Errors
/// When there is no reserve, no free slot, the record fills its slot, or others hold the lock for half a second.
pub(super) fn put(path: &Path, text: &[u8]) -> io::Result<()> {
    if text.len() as u64 >= SLOT || text.first() == Some(&0) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let file = open(path)?;
    for slot in 0..RESERVE_BYTES / SLOT {
        let mut first = [0];
        file.read_exact_at(&mut first, slot * SLOT)?;
        if first == [0] {
            // The end first and the first byte last, so that half a record is a free slot.
            let (first, rest) = text.split_at(text.len().min(1));
            file.write_all_at(&[rest, &[0]].concat(), slot * SLOT + 1)?;
            file.write_all_at(first, slot * SLOT)?;
            return file.sync_data();
        }
    }
    Err(io::Error::from(io::ErrorKind::StorageFull))
}

/// The records with the numbers of their slots. Empty where there is no reserve.
pub(super) fn records(path: &Path) -> Vec<(u64, Vec<u8>)> {
    let Ok(file) = open(path) else { return Vec::new() };
    (0..RESERVE_BYTES / SLOT).filter_map(|slot| Some((slot, record(&file, slot)?))).collect()
}

/// Frees a slot.
///
/// # Errors
/// When the reserve cannot be written.
pub(super) fn free(path: &Path, slot: u64) -> io::Result<()> {
    open(path)?.write_all_at(&[0], slot * SLOT)
}

fn record(file: &File, slot: u64) -> Option<Vec<u8>> {
    let mut first = [0];
    file.read_exact_at(&mut first, slot * SLOT).ok()?;
    if first == [0] {
        return None;
    }
    let mut text = vec![0; usize::try_from(SLOT).ok()?];
    let read = file.read_at(&mut text, slot * SLOT).ok()?;
    text.truncate(text.iter().position(|&byte| byte == 0).unwrap_or(read).min(read));
    Some(text)
}

/// Opened and locked; the lock goes with the file.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
        .open(path)?;
    let deadline = Instant::now() + Duration::from_millis(500);
    loop {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(error) if Instant::now() >= deadline => return Err(error.into()),
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Layout;

    #[test]
    fn the_reserve_takes_sixteen_records_and_gives_them_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(folder.path());
        assert!(put(&layout.reserve(), b"{}").is_err(), "nothing set aside");
        layout.create().expect("made");
        for n in 0..16 {
            put(&layout.reserve(), format!("{{\"n\":{n}}}").as_bytes()).expect("room");
        }
        assert!(put(&layout.reserve(), b"{}").is_err(), "full");
        let found = records(&layout.reserve());
        assert_eq!(found.len(), 16);
        assert_eq!(found[3], (3, b"{\"n\":3}".to_vec()));
        free(&layout.reserve(), 3).expect("freed");
        put(&layout.reserve(), b"again").expect("room");
        assert_eq!(records(&layout.reserve())[3].1, b"again");
        assert!(put(&layout.reserve(), &vec![b'x'; 64 << 10]).is_err(), "too long");
    }
}
