//! The files of a host under a root: read within bounds, and never followed out of it.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use muster_config::glob::{Part, matches};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use crate::thing::Access;

/// Largest file that is read, in bytes.
pub const FILE_LIMIT: u64 = 256 << 10;
/// Most names of one folder.
const NAMES: usize = 5_000;
/// Most places that a glob leads to.
const PLACES: usize = 2_000;

/// A host, or a folder that stands for one.
#[derive(Debug)]
pub struct Ground {
    root: OwnedFd,
    /// True for the host that this process runs on.
    pub live: bool,
}

/// What stands under a name.
#[derive(Debug)]
pub(crate) enum Stands {
    Folder(OwnedFd),
    File(File),
    Link(String),
    Other,
}

impl Ground {
    /// The host under `root`.
    ///
    /// # Errors
    /// When there is no such folder.
    pub fn new(root: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self { root: rustix::fs::open(root, flags, Mode::empty())?, live: root == Path::new("/") })
    }

    /// Opens what stands at a path, links followed, but never out of the root (`openat2(2)`, `RESOLVE_IN_ROOT`).
    fn open(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let guards =
            if flags.contains(OFlags::PATH) { OFlags::empty() } else { OFlags::NONBLOCK | OFlags::NOCTTY };
        let flags = flags | guards | OFlags::CLOEXEC;
        let name = path.trim_start_matches('/');
        let name = if name.is_empty() { "." } else { name };
        match rustix::fs::openat2(&self.root, name, flags, Mode::empty(), ResolveFlags::IN_ROOT) {
            // Before Linux 5.6, or behind a filter; the root itself needs no guard.
            Err(Errno::NOSYS | Errno::PERM) if self.live => {
                rustix::fs::openat(&self.root, name, flags, Mode::empty())
            }
            other => other,
        }
    }

    /// What stands at a path, a link at its end followed only if that is wanted; none where there is nothing.
    ///
    /// # Errors
    /// Why it cannot be seen.
    pub(crate) fn stands(&self, path: &str, follow: bool) -> Result<Option<(Stands, Access)>, String> {
        let last = if follow { OFlags::empty() } else { OFlags::NOFOLLOW };
        let handle = match self.open(path, OFlags::PATH | last) {
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            other => other.map_err(|error| because(path, error.into()))?,
        };
        let about = rustix::fs::fstat(&handle).map_err(|error| because(path, error.into()))?;
        let reopened = |flags| self.open(path, flags | last);
        stood(&handle, &about, reopened).map(Some).map_err(|error| because(path, error))
    }

    /// The paths that a glob leads to, in order.
    ///
    /// # Errors
    /// Why not all of them can be seen.
    pub(crate) fn expand(&self, parts: &[Part]) -> Result<Vec<String>, String> {
        let mut places = vec![String::new()];
        for (at, part) in parts.iter().enumerate() {
            let last = at + 1 == parts.len();
            let mut next = Vec::new();
            for place in places {
                match part {
                    Part::Name(name) => next.push(format!("{place}/{name}")),
                    Part::Wild(pieces) => {
                        let found = self.names_at(&place)?.into_iter();
                        next.extend(
                            found.filter(|name| matches(pieces, name)).map(|name| format!("{place}/{name}")),
                        );
                    }
                    Part::Folders => self.folders(place, &mut next)?,
                }
                if next.len() > PLACES {
                    return Err(format!("more than {PLACES} names match"));
                }
            }
            // What is not there leads nowhere.
            if last {
                next.retain(|place| self.open(place, OFlags::PATH | OFlags::NOFOLLOW).is_ok());
            }
            places = next;
        }
        places.sort();
        Ok(places)
    }

    /// A folder and all below it, links and hidden ones left out, as `**` means it.
    fn folders(&self, place: String, into: &mut Vec<String>) -> Result<(), String> {
        let mut rest = vec![place];
        while let Some(place) = rest.pop() {
            for name in self.names_at(&place)?.into_iter().filter(|name| !name.starts_with('.')) {
                let below = format!("{place}/{name}");
                if let Ok(Some((Stands::Folder(_), _))) = self.stands(&below, false) {
                    rest.push(below);
                }
            }
            into.push(place);
            if into.len() + rest.len() > PLACES {
                return Err(format!("more than {PLACES} folders match"));
            }
        }
        Ok(())
    }

    fn names_at(&self, folder: &str) -> Result<Vec<String>, String> {
        let shown = if folder.is_empty() { "/" } else { folder };
        match self.open(folder, OFlags::RDONLY | OFlags::DIRECTORY) {
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(Vec::new()),
            Err(error) => Err(because(shown, error.into())),
            Ok(handle) => names(&handle, shown),
        }
    }
}

/// What stands under a name of an open folder, no link followed; none where it is gone.
///
/// # Errors
/// Why it cannot be seen.
pub(crate) fn child(folder: &OwnedFd, name: &str, path: &str) -> Result<Option<(Stands, Access)>, String> {
    let about = match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(None),
        other => other.map_err(|error| because(path, error.into()))?,
    };
    if FileType::from_raw_mode(about.st_mode) == FileType::Symlink {
        let target = rustix::fs::readlinkat(folder, name, Vec::new());
        let target = target.map_err(|error| because(path, error.into()))?;
        return Ok(Some((Stands::Link(target.to_string_lossy().into_owned()), access(&about))));
    }
    let open = |flags| {
        let guards = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        rustix::fs::openat(folder, name, flags | guards, Mode::empty())
    };
    stood(folder, &about, open).map(Some).map_err(|error| because(path, error))
}

fn stood(
    handle: &OwnedFd,
    about: &Stat,
    open: impl Fn(OFlags) -> Result<OwnedFd, Errno>,
) -> io::Result<(Stands, Access)> {
    let stands = match FileType::from_raw_mode(about.st_mode) {
        FileType::Directory => Stands::Folder(open(OFlags::RDONLY | OFlags::DIRECTORY)?),
        FileType::RegularFile => Stands::File(open(OFlags::RDONLY)?.into()),
        FileType::Symlink => {
            let target = rustix::fs::readlinkat(handle.as_fd(), "", Vec::new())?;
            Stands::Link(target.to_string_lossy().into_owned())
        }
        _ => Stands::Other,
    };
    Ok((stands, access(about)))
}

fn access(about: &Stat) -> Access {
    let is_link = FileType::from_raw_mode(about.st_mode) == FileType::Symlink;
    // The bits of a link say nothing.
    Access { mode: if is_link { 0 } else { about.st_mode & 0o7777 }, uid: about.st_uid, gid: about.st_gid }
}

/// The names in a folder, in order, hidden ones too.
///
/// # Errors
/// Why they cannot be seen.
pub(crate) fn names(folder: &OwnedFd, path: &str) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder).map_err(|error| because(path, error.into()))? {
        let entry = entry.map_err(|error| because(path, error.into()))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == "." || name == ".." {
            continue;
        }
        if names.len() >= NAMES {
            return Err(format!("{path} has more than {NAMES} names"));
        }
        names.push(name);
    }
    names.sort();
    Ok(names)
}

/// The bytes of a regular file.
///
/// # Errors
/// Why they cannot be had: larger than [`FILE_LIMIT`], or the system says no.
pub(crate) fn bytes(file: File, path: &str) -> Result<Vec<u8>, String> {
    let about = file.metadata().map_err(|error| because(path, error))?;
    if !about.is_file() {
        return Err(format!("{path} is no regular file any more"));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(about.size().min(FILE_LIMIT)).unwrap_or(0) + 1);
    file.take(FILE_LIMIT + 1).read_to_end(&mut bytes).map_err(|error| because(path, error))?;
    match bytes.len() as u64 > FILE_LIMIT {
        true => Err(format!("{path} is larger than {} KiB", FILE_LIMIT >> 10)),
        false => Ok(bytes),
    }
}

/// Words for why something could not be read.
fn because(path: &str, error: io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => format!("{path}: permission denied; root sees it"),
        _ => format!("{path}: {error}"),
    }
}
