//! Root reads what users left at home, and is not led astray by them. Each user writes with their own rights.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use muster_core::ids::ExpectationId;
use muster_core::signal::{Ending, Outcome, Report, Signal};
use muster_core::time::Timestamp;
use muster_host::lock::{Attempt, try_lock};
use muster_host::spool::users::{UserSpool, Users};
use muster_host::spool::{BadRecord, Batch, Bounds, Spool};
use muster_host::state::Layout;
use muster_host::{clock, ids, process};

const DEPLOY: u32 = 51_234;
const OTHER: u32 = 51_235;

/// A host with two users, one of whom has a spool.
struct Host(tempfile::TempDir);

impl Host {
    fn new() -> Self {
        let host = Self(tempfile::tempdir().unwrap());
        fs::set_permissions(host.0.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let list = format!(
            "root:x:0:0:root:/root:/bin/sh\nnobody\nnone:x:4:4::/nonexistent:/bin/sh\nnull:x:5:5::/dev/null:/bin/sh\n\
             deploy:x:{DEPLOY}:{DEPLOY}::/home/deploy:/bin/sh\nother:x:{OTHER}:{OTHER}::/home/other:/bin/sh\n"
        );
        for folder in ["etc", "root/.local/state/muster/spool", "dev/shm", "run/user", "var/tmp"] {
            fs::create_dir_all(host.path(folder)).unwrap();
        }
        fs::write(host.path("etc/passwd"), list).unwrap();
        fs::write(host.path("dev/null"), "").unwrap();
        for (name, uid) in [("deploy", DEPLOY), ("other", OTHER)] {
            let home = host.path(&format!("home/{name}"));
            fs::create_dir_all(&home).unwrap();
            chown(&home, Some(uid), Some(uid)).unwrap();
        }
        host.shell(DEPLOY, "umask 077; mkdir -p home/deploy/.local/state/muster/spool");
        host
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.path("home/deploy/.local/state/muster/spool").join(name)
    }

    /// Runs a script with the rights of this user.
    fn shell(&self, uid: u32, script: &str) {
        let status = Command::new("setpriv")
            .args([format!("--reuid={uid}"), format!("--regid={uid}"), "--clear-groups".to_owned()])
            .args(["sh", "-ec", script])
            .current_dir(self.0.path())
            .status();
        assert!(status.unwrap().success(), "{script}");
    }

    /// A file of this user's.
    fn leave(&self, uid: u32, path: &Path, text: &[u8]) {
        fs::write(path, text).unwrap();
        chown(path, Some(uid), Some(uid)).unwrap();
    }

    fn record(&self, name: &str, signal: &Signal) {
        self.leave(DEPLOY, &self.at(name), &serde_json::to_vec(signal).unwrap());
    }

    fn spools(&self) -> Vec<UserSpool> {
        Users::new(self.0.path()).find().unwrap()
    }

    fn read(&self) -> Batch {
        self.spools()[0].read(Bounds::default())
    }
}

fn signal(about: &str, report: Report) -> Signal {
    let at = clock::now().wall;
    Signal { id: ids::signal_id(at), about: ExpectationId::new(about).unwrap(), at, run: None, report }
}

fn failure() -> Signal {
    signal("job.a", Report::Failure(Outcome::bare(Ending::Exit { code: 3 })))
}

/// The spool through which all records are taken; it has none of its own.
fn taker() -> Spool {
    Spool::new(&Layout::new("/nonexistent/state"))
}

fn good(batch: &Batch) -> Vec<Signal> {
    batch.records.iter().filter_map(|record| record.signal.as_ref().ok().cloned()).collect()
}

pub(crate) fn read_and_removed() {
    let host = Host::new();
    let names: Vec<String> = host.spools().into_iter().map(|spool| spool.user).collect();
    assert_eq!(names, ["deploy"], "root and users without a spool are none of them");
    let sent = [failure(), signal("check.b", Report::Alive)];
    host.record("2.json", &sent[1]);
    host.record("1.json", &sent[0]);
    host.leave(DEPLOY, &host.at(".half.json.tmp"), b"{");
    let batch = host.read();
    assert_eq!(good(&batch), sent);
    assert_eq!((batch.more, batch.odd.len()), (false, 0));
    for record in &batch.records {
        taker().forget(record).unwrap();
        taker().forget(record).unwrap();
    }
    assert_eq!(host.read().records.len(), 0);
    assert_eq!(fs::read_dir(host.at("")).unwrap().count(), 1, "only what is being written");
}

pub(crate) fn in_memory() {
    let host = Host::new();
    // The name that a wrapper with this home gives it: FNV-1a of the state directory's path.
    let path = b"/home/other/.local/state/muster";
    let hash = path.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    for (base, uid) in [(format!("dev/shm/muster-{OTHER}"), OTHER), ("var/tmp/muster-9".into(), 9)] {
        let folder =
            host.path(&base).join(if uid == OTHER { format!("spool-{hash:016x}") } else { "spool".into() });
        fs::create_dir_all(&folder).unwrap();
        for path in [host.path(&base), folder.clone()] {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
            chown(&path, Some(uid), Some(uid)).unwrap();
        }
        host.leave(uid, &folder.join("1.json"), &serde_json::to_vec(&failure()).unwrap());
    }
    let spools = host.spools();
    let users: Vec<&str> = spools.iter().map(|spool| spool.user.as_str()).collect();
    assert_eq!(users, ["deploy", "other"], "9 is nobody on this host");
    assert_eq!(good(&spools[1].read(Bounds::default())).len(), 1);
}

pub(crate) fn hostile_files() {
    let host = Host::new();
    // Something of root's in a folder that everybody may write, as /tmp is, with protected_hardlinks as it may be off.
    fs::write(host.path("secret"), serde_json::to_vec(&failure()).unwrap()).unwrap();
    fs::hard_link(host.path("secret"), host.at("b-hard.json")).unwrap();
    host.shell(
        DEPLOY,
        &format!(
            "cd home/deploy/.local/state/muster/spool
        ln -s {secret} a-link.json; ln -s /dev/zero a-zero.json; ln -s ../../../../../../secret a-up.json
        mkfifo c-pipe.json; mkdir d-folder.json; touch d-folder.json/inside
        truncate -s 300M e-huge.json
        printf '{{\"id\":' > f-garbage.json
        printf x > \"$(printf 'g-line\\nduty.spool is fine\\033[2J.json')\"
        printf x > \"$(printf 'h-bytes\\377.json')\"",
            secret = host.path("secret").display()
        ),
    );
    host.leave(OTHER, &host.at("i-foreign.json"), &serde_json::to_vec(&failure()).unwrap());
    host.record("j-good.json", &failure());
    let began = std::time::Instant::now();
    let batch = host.read();
    assert!(began.elapsed().as_secs() < 5);
    assert_eq!((good(&batch).len(), batch.records.len()), (1, 11), "{batch:?}");
    for record in &batch.records {
        let place = record.place();
        assert!(!place.contains('\n') && !place.contains('\u{1b}'), "{place:?}");
        match &record.signal {
            Err(BadRecord::NotAFile) => assert!(place.contains("/a-") || place.contains("/c-"), "{place}"),
            Err(BadRecord::Foreign(0)) => assert!(place.ends_with("b-hard.json")),
            Err(BadRecord::TooLong(300_000_000..)) => assert!(place.ends_with("e-huge.json")),
            Err(BadRecord::NotASignal(_)) => {
                assert!(["/f-", "/g-", "/h-"].iter().any(|start| place.contains(start)), "{place}");
            }
            Err(BadRecord::Foreign(OTHER)) => assert!(place.ends_with("i-foreign.json")),
            other => assert!(other.is_ok() && place.ends_with("j-good.json"), "{place}: {other:?}"),
        }
        taker().quarantine(record).unwrap();
    }
    let left: Vec<_> = fs::read_dir(host.at("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["d-folder.json"], "and nothing was made");
    let secret = fs::metadata(host.path("secret")).unwrap();
    assert_eq!((secret.nlink(), secret.uid()), (1, 0), "it is where it was");
}

pub(crate) fn links_on_the_way() {
    let host = Host::new();
    // Whatever the user replaces on the way, the records of root's own spool stay.
    let secret = host.path("root/.local/state/muster/spool/1.json");
    fs::write(&secret, serde_json::to_vec(&failure()).unwrap()).unwrap();
    let target = host.path("root/.local");
    for (name, target) in [
        (".local/state/muster/spool", target.join("state/muster/spool")),
        (".local/state/muster", target.join("state/muster")),
        (".local/state", target.join("state")),
        (".local", target.clone()),
    ] {
        let path = host.path("home/deploy").join(name);
        if name == ".local/state/muster/spool" {
            fs::remove_dir(&path).unwrap();
        } else {
            fs::remove_dir_all(&path).unwrap();
        }
        symlink(&target, &path).unwrap();
        let batch = host.read();
        assert_eq!((batch.records.len(), batch.odd.len()), (0, 1), "{batch:?}");
        assert!(batch.odd[0].contains("is a link"), "{batch:?}");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        chown(&path, Some(DEPLOY), None).unwrap();
    }
    // The home itself is root's choice; a folder of root's behind it is still not the user's.
    fs::remove_dir_all(host.path("home/deploy")).unwrap();
    symlink(host.path("root"), host.path("home/deploy")).unwrap();
    let batch = host.read();
    assert!(batch.records.is_empty() && batch.odd[0].contains("theirs alone"), "{batch:?}");
    // Changed between the look and the reading: what was opened stays what is worked on.
    let host = Host::new();
    host.record("1.json", &failure());
    let batch = host.read();
    let spool = host.at("").parent().unwrap().join("spool");
    fs::rename(&spool, spool.with_file_name("moved")).unwrap();
    symlink(secret.parent().unwrap(), &spool).unwrap();
    taker().forget(&batch.records[0]).unwrap();
    assert!(!spool.with_file_name("moved").join("1.json").exists());
}

pub(crate) fn open_to_others() {
    let host = Host::new();
    host.record("1.json", &failure());
    fs::set_permissions(host.at(""), fs::Permissions::from_mode(0o777)).unwrap();
    let batch = host.read();
    assert_eq!((batch.records.len(), batch.odd.len()), (0, 1), "{batch:?}");
    fs::set_permissions(host.at(""), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(host.read().records.len(), 1);
    chown(host.path("home/deploy/.local"), Some(OTHER), None).unwrap();
    let batch = host.read();
    assert!(batch.records.is_empty() && batch.odd[0].contains("somebody else"), "{batch:?}");
}

pub(crate) fn forbidden() {
    let host = Host::new();
    let by = "root".to_owned();
    for (name, signal) in [
        ("1.json", signal("duty.spool", Report::Alive)),
        ("2.json", signal("channel.ops", Report::Alive)),
        (
            "3.json",
            signal("job.a", Report::Acknowledge { by, until: Timestamp::from_seconds(4_000_000_000) }),
        ),
    ] {
        host.record(name, &signal);
    }
    let mark = process::mark(std::process::id()).unwrap();
    host.record("4.json", &signal("job.a", Report::Start { process: Some(mark) }));
    let batch = host.read();
    assert!(
        batch.records[..3].iter().all(|one| matches!(one.signal, Err(BadRecord::Forbidden(_)))),
        "{batch:?}"
    );
    assert_eq!(good(&batch)[0].report, Report::Start { process: None }, "this process is root's");
}

pub(crate) fn flood() {
    let host = Host::new();
    host.record("0.json", &failure());
    for n in 1..21_000 {
        fs::hard_link(host.at("0.json"), host.at(&format!("{n}.json"))).unwrap();
    }
    let batch = host.spools()[0].read(Bounds { records: 50, bytes: u64::MAX });
    assert!(batch.more && batch.records.len() == 50);
    let batch = host.spools()[0].read(Bounds { records: 30_000, bytes: u64::MAX });
    assert!(batch.more && batch.records.len() <= 20_000, "{}", batch.records.len());
    let batch = host.spools()[0].read(Bounds { records: 30_000, bytes: 1 });
    assert!(batch.more && batch.records.len() == 1);
}

pub(crate) fn own_agent() {
    let host = Host::new();
    host.record("1.json", &failure());
    let lock = host.at("").parent().unwrap().join("agent.lock");
    host.leave(DEPLOY, &lock, b"");
    assert_eq!(host.read().records.len(), 1, "a lock that nobody holds");
    let Ok(Attempt::Locked(held)) = try_lock(&lock) else { panic!("not locked") };
    assert_eq!(host.read().records.len(), 1, "somebody else's process holds it");
    drop(held);
    let ready = host.path("home/deploy/ready");
    let mut agent = Command::new("setpriv")
        .args([format!("--reuid={DEPLOY}"), format!("--regid={DEPLOY}"), "--clear-groups".to_owned()])
        .args(["flock", "home/deploy/.local/state/muster/agent.lock"])
        .args(["sh", "-c", ": > home/deploy/ready; read line"])
        .current_dir(host.0.path())
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !ready.exists() {
        assert!(std::time::Instant::now() < deadline, "never locked");
        std::thread::yield_now();
    }
    assert_eq!(host.read().records.len(), 0);
    drop(agent.stdin.take());
    agent.wait().unwrap();
    assert_eq!(host.read().records.len(), 1);
}
