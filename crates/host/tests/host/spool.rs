//! The spool on real file systems: a good one, a full one, a read-only one, and one full of hostile files.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use muster_core::ids::{ExpectationId, RunId};
use muster_core::signal::{Ending, Outcome, Report, Signal};
use muster_host::atomic::Durability;
use muster_host::spool::{BadRecord, Bounds, Place, Spool};
use muster_host::state::Layout;
use muster_host::{clock, ids};

fn signal(report: Report) -> Signal {
    let at = clock::now().wall;
    Signal {
        id: ids::signal_id(at),
        about: ExpectationId::of("job", "a").expect("valid"),
        at,
        run: Some(RunId::new("r").expect("valid")),
        report,
    }
}

fn failure() -> Signal {
    signal(Report::Failure(Outcome::bare(Ending::Exit { code: 3 })))
}

/// A tmpfs that goes away with the value.
struct Mount(PathBuf);

impl Mount {
    fn new(path: &Path, options: &str) -> Self {
        fs::create_dir_all(path).expect("made");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(path).status();
        assert!(mount.expect("mount").success(), "mount");
        Self(path.to_owned())
    }

    fn fill(&self) {
        let error = fs::write(self.0.join("ballast"), vec![1; 4 << 20]).expect_err("larger than the disk");
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.0).status().expect("umount");
    }
}

/// Takes everything, so that nothing stays in the folder in memory either.
fn drain(spool: &Spool) -> Vec<Signal> {
    let batch = spool.read(Bounds::default()).expect("read");
    for record in &batch.records {
        spool.forget(record).expect("forgotten");
    }
    batch.records.into_iter().map(|record| record.signal.expect("a signal")).collect()
}

pub(crate) fn signals_come_out_once_and_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let layout = Layout::new(folder.path().join("state"));
    let spool = Spool::new(&layout);
    let mut sent: Vec<Signal> = (0..20).map(|_| signal(Report::Alive)).collect();
    sent.push(failure());
    for signal in &sent {
        assert!(matches!(spool.write(signal, Durability::Disk).expect("written"), Place::Disk(_)));
    }
    let few = spool.read(Bounds { records: 5, bytes: u64::MAX }).expect("read");
    assert!(few.more && few.records.len() == 5);
    let small = spool.read(Bounds { records: 500, bytes: 1 }).expect("read");
    assert!(small.more && small.records.len() == 1);
    assert_eq!(drain(&spool), sent);
    assert_eq!(drain(&spool), []);
}

pub(crate) fn an_absent_spool_is_an_empty_one() {
    let spool = Spool::new(&Layout::new("/nonexistent/state"));
    assert!(spool.read(Bounds::default()).expect("read").records.is_empty());
}

pub(crate) fn hostile_records_are_told_and_set_aside() {
    let folder = tempfile::tempdir().expect("a folder");
    let layout = Layout::new(folder.path());
    layout.create().expect("made");
    let spool = Spool::new(&layout);
    let at = |name: &str| layout.spool().join(name);
    fs::write(at("a-garbage.json"), b"{\"id\":").expect("written");
    fs::write(at("b-long.json"), vec![b' '; 70_000]).expect("written");
    symlink("/etc/passwd", at("c-link.json")).expect("linked");
    rustix::fs::mkfifoat(rustix::fs::CWD, at("d-pipe.json"), rustix::fs::Mode::RUSR).expect("made");
    fs::create_dir(at("e-folder.json")).expect("made");
    fs::write(at(".half.tmp"), b"x").expect("written");
    let socket = std::os::unix::net::UnixDatagram::bind(at("f-socket.json")).expect("bound");
    spool.write(&failure(), Durability::Kernel).expect("written");

    let batch = spool.read(Bounds::default()).expect("read");
    let mut good = 0;
    for record in &batch.records {
        let place = record.place();
        match &record.signal {
            Ok(_) => {
                good += 1;
                continue;
            }
            Err(BadRecord::NotASignal(_)) => assert!(place.ends_with("a-garbage.json")),
            Err(BadRecord::TooLong(size)) => assert!(place.ends_with("b-long.json") && *size == 70_000),
            Err(BadRecord::NotAFile) => assert!(!place.ends_with("a-garbage.json"), "{place}"),
            Err(error) => panic!("{place}: {error}"),
        }
        spool.quarantine(record).expect("set aside");
    }
    drop(socket);
    assert_eq!((good, batch.records.len()), (1, 7));
    assert_eq!(fs::read_dir(at("bad")).expect("there").count(), 6);
    assert_eq!(drain(&spool).len(), 1, "the good one is still there, and only that");
}

pub(crate) fn a_record_of_another_user_is_set_aside() {
    let folder = tempfile::tempdir().expect("a folder");
    let layout = Layout::new(folder.path());
    layout.create().expect("made");
    let spool = Spool::new(&layout);
    let path = layout.spool().join("a-foreign.json");
    fs::write(&path, serde_json::to_vec(&failure()).expect("json")).expect("written");
    std::os::unix::fs::chown(&path, Some(12345), None).expect("given away");
    let batch = spool.read(Bounds::default()).expect("read");
    assert!(matches!(batch.records[0].signal, Err(BadRecord::Foreign(12345))), "{batch:?}");
    spool.quarantine(&batch.records[0]).expect("set aside");
    assert_eq!(drain(&spool), []);
}

pub(crate) fn a_full_disk_uses_the_reserve_and_then_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let mount = Mount::new(&folder.path().join("small"), "size=2m,nr_inodes=64");
    let layout = Layout::new(&mount.0);
    layout.create().expect("made");
    let spool = Spool::new(&layout);
    let before = failure();
    assert!(matches!(spool.write(&before, Durability::Disk).expect("kept"), Place::Disk(_)));
    mount.fill();
    let mut sent: Vec<Signal> = (0..18).map(|_| failure()).collect();
    let places: Vec<Place> =
        sent.iter().map(|signal| spool.write(signal, Durability::Disk).expect("kept")).collect();
    assert!(places[..16].iter().all(|place| matches!(place, Place::Reserve(_))), "{places:?}");
    assert!(matches!(places[17], Place::Memory(..)), "{places:?}");
    sent.insert(0, before);
    assert_eq!(drain(&spool), sent, "in the order of making, wherever they lie");
    assert_eq!(drain(&spool), []);
}

pub(crate) fn a_read_only_disk_uses_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let mount = Mount::new(&folder.path().join("frozen"), "size=1m,ro");
    let spool = Spool::new(&Layout::new(mount.0.join("state")));
    let sent = failure();
    assert!(matches!(spool.write(&sent, Durability::Disk).expect("kept"), Place::Memory(..)));
    assert_eq!(drain(&spool), [sent]);
}
