//! What becomes of the store when the disk or the file is not as it should be.

use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use muster_store::contract::{Commit, Store, StoreError};
use muster_store::keep::Keep;
use muster_store::sqlite::{Opened, Sqlite};

use crate::made::{at, beat, id};

fn one(name: &str) -> Commit {
    Commit { signals: vec![beat(name, 1)], rows: vec![(id("job.x"), "1".into())], ..Commit::default() }
}

fn open(path: &Path) -> Result<(Sqlite, Opened), StoreError> {
    Sqlite::open(path, &Keep::default(), at(0))
}

pub(crate) fn damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("muster.db");
    std::fs::write(&path, "this was never a database, or is one no longer\n".repeat(200)).unwrap();
    let (store, opened) = open(&path).unwrap();
    let Opened::Replaced { aside, .. } = opened else { panic!("{opened:?}") };
    assert_eq!(aside, folder.path().join(format!("muster.db.corrupt-{}", at(0).seconds())));
    assert!(std::fs::read_to_string(&aside).unwrap().starts_with("this was never"));
    store.commit(one("a")).unwrap();
    drop(store);
    assert_eq!(open(&path).unwrap().1, Opened::Existing);
    // A second time in the same second does not overwrite the first evidence.
    std::fs::write(&path, "again".repeat(1000)).unwrap();
    let Opened::Replaced { aside: second, .. } = open(&path).unwrap().1 else { panic!("not replaced") };
    assert_ne!(aside, second);
}

pub(crate) fn damaged_page() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("muster.db");
    let (store, _) = open(&path).unwrap();
    let signals = (0..2000).map(|n| beat(&format!("s{n}"), n)).collect();
    store.commit(Commit { signals, ..Commit::default() }).unwrap();
    drop(store);
    let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(60 * 4096)).unwrap();
    file.write_all(&[0xAA; 20 * 4096]).unwrap();
    drop(file);
    let (_, opened) = open(&path).unwrap();
    assert!(matches!(opened, Opened::Replaced { .. }), "{opened:?}");
}

pub(crate) fn locked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("muster.db");
    let (store, _) = open(&path).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(matches!(store.commit(one("a")), Err(StoreError::Locked(_))));
    assert!(store.health().fault.is_some());
    assert!(store.load().unwrap().rows.is_empty(), "reading goes on");
    other.execute_batch("ROLLBACK").unwrap();
    store.commit(one("a")).unwrap();
    assert_eq!(store.health().fault, None);
}

pub(crate) fn private() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("muster.db");
    std::fs::write(&path, "").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (store, _) = open(&path).unwrap();
    store.commit(one("a")).unwrap();
    let mut files = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
        files += 1;
    }
    assert_eq!(files, 3, "database, log and shared memory");
}

pub(crate) fn missing_folder() {
    let folder = tempfile::tempdir().unwrap();
    let result = open(&folder.path().join("none/muster.db")).map(|(_, opened)| opened);
    assert!(matches!(result, Err(StoreError::Unavailable(_))), "{result:?}");
    assert!(!folder.path().join("none").exists());
}

/// A small file system of its own, gone at the end.
struct Tiny(tempfile::TempDir);

impl Tiny {
    fn mount() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let status =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(folder.path()).status();
        assert!(status.unwrap().success(), "mount");
        Self(folder)
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        let status = Command::new("umount").arg("-l").arg(self.0.path()).status();
        assert!(status.unwrap().success(), "umount");
    }
}

pub(crate) fn full() {
    let tiny = Tiny::mount();
    let path = tiny.0.path().join("muster.db");
    let (store, _) = open(&path).unwrap();
    store.commit(one("first")).unwrap();
    let ballast = tiny.0.path().join("ballast");
    drop(std::fs::write(&ballast, vec![1; 4 << 20]));
    // What fits into pages that exist may still be written; soon nothing does.
    let refused = (0..2000).find_map(|n| store.commit(one(&format!("s{n}"))).err());
    assert!(matches!(refused, Some(StoreError::Full(_))), "{refused:?}");
    assert!(store.health().fault.is_some());
    let kept = store.signals(None, None, 1000).unwrap().items.len();
    assert!(kept >= 1, "reading goes on");
    let beside = open(&tiny.0.path().join("second.db")).map(|(_, opened)| opened);
    assert!(matches!(beside, Err(StoreError::Full(_) | StoreError::Unavailable(_))), "{beside:?}");
    std::fs::remove_file(&ballast).unwrap();
    store.commit(one("after")).unwrap();
    assert_eq!(store.health().fault, None);
    assert_eq!(store.signals(None, None, 1000).unwrap().items.len(), kept + 1);
}
