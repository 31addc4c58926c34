//! The files of a host under a root: read within bounds, and never followed out of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use muster_core::time::Timestamp;
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::packages::Packages;
use crate::facts::files::{Entry, Kind, Note};
use crate::facts::{Fact, Facts};

/// Most bytes of one file.
const FILE_LIMIT: u64 = 1 << 20;
/// Most names of one folder.
const NAMES: usize = 5_000;
/// Most notes of one host.
const NOTES: usize = 1_000;

/// What a file holds.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    pub(crate) bytes: Vec<u8>,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
}

impl Text {
    /// As text; what is not UTF-8 is replaced.
    pub(crate) fn lossy(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// A host's files, shared by all collectors: what several ask for is read once.
#[derive(Debug)]
pub struct Ground {
    root: PathBuf,
    handle: Option<OwnedFd>,
    pub(crate) live: bool,
    entries: Mutex<BTreeMap<String, Fact<Entry>>>,
    notes: Mutex<Vec<Note>>,
    packages: OnceLock<Packages>,
    noexec: OnceLock<Vec<String>>,
    processes: OnceLock<Option<BTreeSet<String>>>,
}

impl Ground {
    /// The host under `root`.
    pub fn new(root: &Path, live: bool) -> Self {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Self {
            root: root.to_owned(),
            handle: rustix::fs::open(root, flags, Mode::empty()).ok(),
            live,
            entries: Mutex::default(),
            notes: Mutex::default(),
            packages: OnceLock::new(),
            noexec: OnceLock::new(),
            processes: OnceLock::new(),
        }
    }

    /// The name of the host: its own where it runs, else that of the file.
    pub(crate) fn host_name(&self) -> String {
        if self.live {
            return rustix::system::uname().nodename().to_string_lossy().into_owned();
        }
        let text = self.read("/etc/hostname").ok().flatten();
        text.map(|text| text.lossy().trim().to_owned()).unwrap_or_default()
    }

    /// Opens what stands at a path, links followed, but never out of the root (`openat2(2)`, `RESOLVE_IN_ROOT`).
    fn open(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let handle = self.handle.as_ref().ok_or(Errno::NOENT)?;
        // Opening a pipe would wait for a writer, a terminal could become ours; openat2 refuses both for a mere path.
        let guards =
            if flags.contains(OFlags::PATH) { OFlags::empty() } else { OFlags::NONBLOCK | OFlags::NOCTTY };
        let flags = flags | guards | OFlags::CLOEXEC;
        let name = path.trim_start_matches('/');
        let name = if name.is_empty() { "." } else { name };
        match rustix::fs::openat2(handle, name, flags, Mode::empty(), ResolveFlags::IN_ROOT) {
            // Before Linux 5.6, or behind a filter; the root itself needs no guard.
            Err(Errno::NOSYS | Errno::PERM) if self.root == Path::new("/") => {
                rustix::fs::openat(handle, name, flags, Mode::empty())
            }
            other => other,
        }
    }

    /// A regular file of at most 1 MiB; none where there is no such file. Notes for the doctor in it are kept.
    ///
    /// # Errors
    /// Why it could not be read.
    pub(crate) fn read(&self, path: &str) -> Result<Option<Text>, String> {
        let Some((file, about)) = self.file(path)? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.take(FILE_LIMIT + 1).read_to_end(&mut bytes).map_err(|error| because(&error))?;
        if bytes.len() as u64 > FILE_LIMIT {
            return Err("larger than 1 MiB".to_owned());
        }
        self.keep_notes(path, &bytes);
        Ok(Some(Text { bytes, mode: about.mode() & 0o7777, uid: about.uid() }))
    }

    fn file(&self, path: &str) -> Result<Option<(File, std::fs::Metadata)>, String> {
        let file = match self.open(path, OFlags::RDONLY) {
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(error) => return Err(because(&error.into())),
            Ok(file) => File::from(file),
        };
        let about = file.metadata().map_err(|error| because(&error))?;
        match (about.is_dir(), about.is_file()) {
            (true, _) => Ok(None),
            (_, true) => Ok(Some((file, about))),
            _ => Err("not a regular file".to_owned()),
        }
    }

    /// A file of the system's own that may be larger than others.
    pub(crate) fn large(&self, path: &str) -> Option<File> {
        Some(self.file(path).ok().flatten()?.0)
    }

    /// The names in a folder in order, hidden ones left out; none where there is no such folder.
    ///
    /// # Errors
    /// Why it could not be read.
    pub(crate) fn list(&self, folder: &str) -> Result<Option<Vec<String>>, String> {
        let names = self.names(folder)?;
        Ok(names.map(|names| {
            names.into_iter().map(|(name, _)| name).filter(|name| !name.starts_with('.')).collect()
        }))
    }

    /// The names in a folder in order, hidden ones too, with what they are, links not followed.
    ///
    /// # Errors
    /// Why it could not be read.
    pub(crate) fn names(&self, folder: &str) -> Result<Option<Vec<(String, FileType)>>, String> {
        let handle = match self.open(folder, OFlags::RDONLY | OFlags::DIRECTORY) {
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            other => other.map_err(|error| because(&error.into()))?,
        };
        let mut names = Vec::new();
        let entries = rustix::fs::Dir::new(handle).map_err(|error| because(&error.into()))?;
        for entry in entries {
            let entry = entry.map_err(|error| because(&error.into()))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name == "." || name == ".." {
                continue;
            }
            if names.len() >= NAMES {
                return Err(format!("more than {NAMES} names"));
            }
            let kind = match entry.file_type() {
                FileType::Unknown => self.kind(&format!("{folder}/{name}")),
                kind => kind,
            };
            names.push((name, kind));
        }
        names.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(Some(names))
    }

    /// A folder, to be read by whoever asks; none where there is no such folder.
    ///
    /// # Errors
    /// Why it could not be opened.
    pub(crate) fn folder(&self, path: &str) -> Result<Option<OwnedFd>, String> {
        match self.open(path, OFlags::RDONLY | OFlags::DIRECTORY) {
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            other => other.map(Some).map_err(|error| because(&error.into())),
        }
    }

    fn kind(&self, path: &str) -> FileType {
        let handle = self.open(path, OFlags::PATH | OFlags::NOFOLLOW);
        let about = handle.and_then(rustix::fs::fstat);
        about.map_or(FileType::Unknown, |about| FileType::from_raw_mode(about.st_mode))
    }

    /// What a symbolic link says; none where it is not one.
    pub(crate) fn link(&self, path: &str) -> Option<String> {
        let handle = self.open(path, OFlags::PATH | OFlags::NOFOLLOW).ok()?;
        let target = rustix::fs::readlinkat(handle, "", Vec::new()).ok()?;
        Some(target.to_string_lossy().into_owned())
    }

    /// Permission bits and owner of what stands at a path, without keeping it with the facts.
    pub(crate) fn access(&self, path: &str) -> Option<(u32, u32, u32)> {
        let about = File::from(self.open(path, OFlags::PATH).ok()?).metadata().ok()?;
        Some((about.mode() & 0o7777, about.uid(), about.gid()))
    }

    /// It shares the kernel of another host, whose clock and counts are not its own.
    pub(crate) fn is_container(&self) -> bool {
        ["/.dockerenv", "/run/.containerenv", "/run/systemd/container"].iter().any(|path| self.exists(path))
    }

    /// Something stands at this path.
    pub(crate) fn exists(&self, path: &str) -> bool {
        self.open(path, OFlags::PATH).is_ok()
    }

    /// When a file was made, or last written where the file system does not know: a queue moves its files without
    /// making them anew, but sets their times.
    pub(crate) fn born(&self, path: &str) -> Option<Timestamp> {
        let about = File::from(self.open(path, OFlags::PATH).ok()?).metadata().ok()?;
        let at = about.created().or_else(|_| about.modified()).ok()?;
        let since = at.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(Timestamp::from_seconds(i64::try_from(since.as_secs()).ok()?))
    }

    /// When what stands at a path was last written, or the link that leads to it was made, whichever is later.
    pub(crate) fn written(&self, path: &str) -> Option<Timestamp> {
        let at = |flags| {
            let about = File::from(self.open(path, OFlags::PATH | flags).ok()?).metadata().ok()?;
            Some(Timestamp::from_millis(about.mtime().saturating_mul(1000)))
        };
        at(OFlags::empty()).max(at(OFlags::NOFOLLOW))
    }

    /// Whether a process has this name, by what the kernel calls it (15 letters at most).
    pub(crate) fn runs(&self, name: &str) -> Fact<bool> {
        if !self.live {
            return Fact::nothing("only files were read");
        }
        match self.processes.get_or_init(process_names) {
            Some(names) => Fact::Known(names.contains(name)),
            None => Fact::unknown("/proc cannot be read"),
        }
    }

    /// What stands at a path, and keeps it with the facts: rules ask for it by the same path.
    pub(crate) fn entry(&self, path: &str) -> Fact<Entry> {
        let mut known = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = known.get(path) {
            return entry.clone();
        }
        let entry = self.look(path);
        known.insert(path.to_owned(), entry.clone());
        entry
    }

    fn look(&self, path: &str) -> Fact<Entry> {
        let handle = match self.open(path, OFlags::PATH) {
            Err(Errno::NOENT | Errno::NOTDIR) => return Fact::nothing("there is no such file"),
            Err(error) => return Fact::unknown(because(&error.into())),
            Ok(handle) => File::from(handle),
        };
        let about = match handle.metadata() {
            Ok(about) => about,
            Err(error) => return Fact::unknown(because(&error)),
        };
        let kind = match (about.is_file(), about.is_dir()) {
            (true, _) => Kind::File,
            (_, true) => Kind::Folder,
            _ => Kind::Other,
        };
        let (interpreter, carriage_return) =
            if kind == Kind::File { self.first_line(path) } else { (None, false) };
        Fact::Known(Entry {
            kind,
            mode: about.mode() & 0o7777,
            uid: about.uid(),
            gid: about.gid(),
            size: about.len(),
            modified: Timestamp::from_millis(about.mtime().saturating_mul(1000)),
            interpreter,
            carriage_return,
            package: self.package(path),
            noexec: self.noexec(path),
        })
    }

    /// What `#!` asks for, and whether the line ends as on another system.
    fn first_line(&self, path: &str) -> (Option<String>, bool) {
        let mut head = [0_u8; 256];
        let read = match self.file(path) {
            Ok(Some((mut file, _))) => file.read(&mut head).unwrap_or(0),
            _ => 0,
        };
        let Some(line) = head[..read].split(|byte| *byte == b'\n').next() else { return (None, false) };
        let Some(asked) = line.strip_prefix(b"#!") else { return (None, false) };
        (Some(String::from_utf8_lossy(asked).trim().to_owned()), line.ends_with(b"\r"))
    }

    /// The package that a configuration file belongs to.
    pub(crate) fn package(&self, path: &str) -> Option<String> {
        self.packages.get_or_init(|| Packages::read(self)).owner(path)
    }

    fn noexec(&self, path: &str) -> bool {
        let mounts = self.noexec.get_or_init(|| match self.live {
            true => muster_host::process::read_small("/proc/self/mounts")
                .map(|bytes| noexec_mounts(&String::from_utf8_lossy(&bytes)))
                .unwrap_or_default(),
            false => Vec::new(),
        });
        let under =
            |mount: &str| path == mount || path.strip_prefix(mount).is_some_and(|rest| rest.starts_with('/'));
        mounts.iter().any(|mount| under(mount))
    }

    fn keep_notes(&self, path: &str, bytes: &[u8]) {
        const MARK: &[u8] = b"muster: allow ";
        if !bytes.windows(MARK.len()).any(|window| window == MARK) {
            return;
        }
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        for (line, text) in (1..).zip(String::from_utf8_lossy(bytes).lines()) {
            if let Some((before, said)) = text.split_once("muster: allow ")
                && before.trim_end().ends_with(['#', ';', '/', '-'])
                && notes.len() < NOTES
            {
                notes.push(Note {
                    file: path.to_owned(),
                    line,
                    everywhere: false,
                    text: said.trim().chars().take(400).collect(),
                });
            }
        }
        notes.sort_by(|one, other| (&one.file, one.line).cmp(&(&other.file, other.line)));
        notes.dedup();
    }

    /// Puts what was kept with the facts.
    pub(crate) fn settle(&self, facts: &mut Facts) {
        facts.entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone();
        facts.notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner).clone();
    }
}

fn process_names() -> Option<BTreeSet<String>> {
    let name = |entry: std::fs::DirEntry| {
        let pid = entry
            .file_name()
            .into_string()
            .ok()
            .filter(|pid| pid.bytes().all(|byte| byte.is_ascii_digit()))?;
        let comm = muster_host::process::read_small(&format!("/proc/{pid}/comm")).ok()?;
        Some(String::from_utf8_lossy(comm.trim_ascii()).into_owned())
    };
    Some(std::fs::read_dir("/proc").ok()?.flatten().filter_map(name).collect())
}

/// Where no program may be started, longest first does not matter: one is enough.
fn noexec_mounts(mounts: &str) -> Vec<String> {
    let fields = |line: &str| {
        let mut fields = line.split(' ').skip(1);
        let (place, options) = (fields.next()?.to_owned(), fields.nth(1)?.to_owned());
        options.split(',').any(|option| option == "noexec").then_some(place)
    };
    mounts.lines().filter_map(fields).filter(|place| place != "/").collect()
}

/// Words for why something could not be read.
pub(crate) fn because(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::PermissionDenied => "permission denied; run as root to see it".to_owned(),
        _ => error.to_string(),
    }
}
