//! The spools of ordinary users, for an agent that runs as root: a wrapped job in a user's own crontab cannot write
//! into root's spool and leaves its records at home.
//!
//! Everything below a home is that user's, links and pipes included, and root must not be led astray by it. So no link
//! is followed below the home, each folder on the way is opened from the one before it, only plain files of that very
//! user are read, and a record is removed by its name in the folder that was opened. Root makes nothing there and
//! removes nothing but records. What a record may say is checked in [`super::vet`].
//!
//! A user whose own agent runs is left alone: the records are that agent's.

use std::collections::HashSet;
use std::ffi::{CString, OsStr};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use muster_core::words::harmless;
use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, Stat, fstat, openat};
use rustix::io::Errno;

use super::read::{Batch, Bounds, Kept, Record, opened, parse, text_of};
use super::{memory_name, vet};

/// Most users that are looked at.
const USERS: usize = 5000;
/// Most bytes of the list of users.
const LIST: u64 = 1 << 20;
/// Most files of one folder that are looked at in one reading: more than a full spool has.
const FILES: usize = 20_000;

/// Where the users of a host are listed, and where they leave records.
#[derive(Debug, Clone)]
pub struct Users {
    root: PathBuf,
}

/// The spool of one user.
#[derive(Debug, Clone)]
pub struct UserSpool {
    /// The name.
    pub user: String,
    /// The number.
    pub uid: u32,
    ways: Vec<Way>,
}

/// The way to a folder: down from `base`, which others than the user answer for.
#[derive(Debug, Clone)]
struct Way {
    base: PathBuf,
    below: Vec<String>,
}

/// What became of going a [`Way`].
enum Gone {
    /// There it is, open for reading.
    There(OwnedFd),
    /// Not there, which is the usual case.
    Absent,
    /// Something in its place must not be entered: a sentence.
    Barred(String),
}

impl Users {
    /// The users of the host below `root`, which is `/` outside tests. Nothing is looked at.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The users that have a spool somewhere by now. Root is none of them.
    ///
    /// # Errors
    /// When `/etc/passwd` cannot be read.
    pub fn find(&self) -> io::Result<Vec<UserSpool>> {
        let mut list = String::new();
        File::open(self.root.join("etc/passwd"))?.take(LIST).read_to_string(&mut list)?;
        let mut seen = HashSet::new();
        let spools = list.lines().take(USERS).filter_map(|line| self.spool(line));
        Ok(spools
            .filter(|spool| seen.insert((spool.uid, spool.ways[0].base.clone())))
            .filter(|spool| spool.ways.iter().any(|way| !matches!(way.go(spool.uid), Gone::Absent)))
            .collect())
    }

    /// Where the user of this line of passwd(5) would leave records.
    fn spool(&self, line: &str) -> Option<UserSpool> {
        let fields: Vec<&str> = line.split(':').collect();
        let [user, _, uid, _, _, home, _] = fields.as_slice() else { return None };
        let uid: u32 = uid.parse().ok().filter(|&uid| uid != 0)?;
        let home = Path::new(home).strip_prefix("/").ok()?;
        // The same places as in `state::find_state` and in the list of folders in memory.
        let states =
            [(home.to_owned(), ".local/state/muster".into()), ("var/tmp".into(), format!("muster-{uid}"))];
        let disk = states.iter().map(|(base, below)| self.way(base, &format!("{below}/spool")));
        let memory = states.iter().flat_map(|(base, below)| {
            let name = memory_name(&Path::new("/").join(base).join(below));
            [
                self.way(Path::new(&format!("run/user/{uid}")), &format!("muster/{name}")),
                self.way(Path::new("dev/shm"), &format!("muster-{uid}/{name}")),
            ]
        });
        Some(UserSpool { user: harmless(user), uid, ways: disk.chain(memory).collect() })
    }

    fn way(&self, base: &Path, below: &str) -> Way {
        Way { base: self.root.join(base), below: below.split('/').map(str::to_owned).collect() }
    }
}

impl UserSpool {
    /// Reads the oldest records, in the order in which they were made, each one vetted. Removes nothing. What bars the
    /// way stands in the batch.
    pub fn read(&self, bounds: Bounds) -> Batch {
        let mut batch = Batch::default();
        if self.has_an_agent() {
            return batch;
        }
        let mut found: Vec<(CString, Arc<OwnedFd>, &Way)> = Vec::new();
        for way in &self.ways {
            match way.go(self.uid) {
                Gone::Absent => {}
                Gone::Barred(why) => batch.odd.push(format!("the spool of {} is not read: {why}", self.user)),
                Gone::There(folder) => {
                    let folder = Arc::new(folder);
                    match names(&folder) {
                        Ok((names, more)) => {
                            batch.more |= more;
                            found.extend(names.into_iter().map(|name| (name, Arc::clone(&folder), way)));
                        }
                        Err(error) => batch.odd.push(format!("the spool of {}: {error}", self.user)),
                    }
                }
            }
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        let mut bytes = 0;
        for (name, folder, way) in found {
            if batch.records.len() >= bounds.records || bytes >= bounds.bytes {
                batch.more = true;
                break;
            }
            let flags =
                OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
            let file = openat(&*folder, &name, flags, Mode::empty()).map(File::from).map_err(io::Error::from);
            let text = opened(file).and_then(|file| text_of(file, |owner| owner == self.uid));
            let signal = text.and_then(|text| {
                bytes += text.len() as u64;
                parse(&text).and_then(|signal| vet::vet(signal, self.uid))
            });
            let shown = harmless(&way.folder().join(OsStr::from_bytes(name.to_bytes())).to_string_lossy());
            batch.records.push(Record { signal, place: Kept::Theirs { folder, name, shown } });
        }
        batch
    }

    /// True while this user's own agent holds its lock. Read from the kernel's list and not tried: a lock that we held
    /// for a moment would turn away an agent that is just starting.
    fn has_an_agent(&self) -> bool {
        let inodes: Vec<u64> = self.ways.iter().filter_map(|way| way.agent_lock(self.uid)).collect();
        if inodes.is_empty() {
            return false;
        }
        let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
        locks.lines().any(|line| {
            // 1: FLOCK  ADVISORY  WRITE 1234 08:01:131090 0 EOF
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (Some(&"FLOCK"), Some(pid), Some(file)) = (fields.get(1), fields.get(4), fields.get(5))
            else {
                return false;
            };
            let inode = file.rsplit(':').next().and_then(|number| number.parse().ok());
            inode.is_some_and(|inode: u64| inodes.contains(&inode))
                && pid.parse().ok().and_then(crate::process::owner) == Some(self.uid)
        })
    }
}

impl Way {
    /// Goes down one folder at a time and follows no link; the last folder must be the user's alone.
    fn go(&self, uid: u32) -> Gone {
        self.walk(uid, &self.below).unwrap_or_else(|errno| match errno {
            Errno::NOENT => Gone::Absent,
            errno => Gone::Barred(format!("{}: {}", self.shown(), io::Error::from(errno))),
        })
    }

    fn walk(&self, uid: u32, names: &[String]) -> Result<Gone, Errno> {
        // The path of a home without a user behind it may be anything: /dev/null is popular.
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut at = match openat(CWD, &self.base, flags, Mode::empty()) {
            Err(Errno::NOTDIR | Errno::LOOP | Errno::ACCESS) => return Ok(Gone::Absent),
            other => other?,
        };
        let base = fstat(&at)?;
        let is_theirs = |there: &Stat| there.st_uid == uid || there.st_uid == 0;
        if !is_theirs(&base) {
            return Ok(Gone::Absent);
        }
        let mut last = base;
        for name in names {
            at = match openat(&at, name, flags | OFlags::NOFOLLOW, Mode::empty()) {
                Err(Errno::NOTDIR | Errno::LOOP) => return Ok(self.barred(name, "is a link or no folder")),
                other => other?,
            };
            last = fstat(&at)?;
            if !is_theirs(&last) {
                return Ok(self.barred(name, "belongs to somebody else"));
            }
            if last.st_dev != base.st_dev {
                // What is mounted there may be a program of the user's that answers when it likes.
                return Ok(self.barred(name, "is another file system"));
            }
        }
        if last.st_uid != uid || last.st_mode & 0o022 != 0 {
            return Ok(Gone::Barred(format!("{} is not theirs alone", self.shown())));
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat(&at, ".", flags, Mode::empty()).map(Gone::There)
    }

    /// The inode of the lock that an agent on the same state directory would hold.
    fn agent_lock(&self, uid: u32) -> Option<u64> {
        let state = self.below.strip_suffix(&["spool".to_owned()])?;
        let Ok(Gone::There(state)) = self.walk(uid, state) else { return None };
        let lock = rustix::fs::statat(&state, "agent.lock", rustix::fs::AtFlags::SYMLINK_NOFOLLOW).ok()?;
        Some(lock.st_ino)
    }

    fn barred(&self, name: &str, why: &str) -> Gone {
        Gone::Barred(format!("{name} on the way to {} {why}", self.shown()))
    }

    fn folder(&self) -> PathBuf {
        self.below.iter().fold(self.base.clone(), |path, name| path.join(name))
    }

    fn shown(&self) -> String {
        harmless(&self.folder().to_string_lossy())
    }
}

/// The names of what could be records, and whether the folder holds more than is looked at.
fn names(folder: &OwnedFd) -> io::Result<(Vec<CString>, bool)> {
    let mut names = Vec::new();
    for (count, entry) in Dir::read_from(folder)?.enumerate() {
        if count >= FILES {
            return Ok((names, true));
        }
        let entry = entry?;
        let name = entry.file_name();
        // No wrapper makes a folder, and none is removed here.
        let is_folder = entry.file_type() == FileType::Directory;
        if name.to_bytes().ends_with(b".json") && !name.to_bytes().starts_with(b".") && !is_folder {
            names.push(name.to_owned());
        }
    }
    Ok((names, false))
}
