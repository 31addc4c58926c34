//! Finds the file and reads it, without ever waiting for a pipe or a device. Blocks.

use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use muster_config::glob::Glob;
use muster_core::time::Timestamp;
use muster_host::user;
use muster_host::walk::{self, Blind, Walk};
use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::lot::{self, BODY, Body, Lot, Which};
use crate::probe::{Class, Miss};

/// Most names that one look goes through.
const NAMES: u64 = 1_000_000;

/// What is looked for.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) place: Place,
    pub(super) which: Which,
    /// Its content is asked for.
    pub(super) body: bool,
    /// The file that it is compared with.
    pub(super) template: Option<PathBuf>,
}

/// Where it is.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// There.
    Path(PathBuf),
    /// One of these.
    Glob(Glob),
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// How many files match.
    pub(super) files: u64,
    /// Their bytes together.
    pub(super) bytes: u64,
    /// The one that is looked at.
    pub(super) one: Option<One>,
    /// Why there is none, as far as that is known: behind "there is no file".
    pub(super) hint: String,
    /// What it is compared with.
    pub(super) template: Option<Body>,
}

/// The file that is looked at.
#[derive(Debug)]
pub(super) struct One {
    pub(super) path: PathBuf,
    pub(super) modified: Timestamp,
    /// Seconds and nanoseconds.
    exact: (i64, i64),
    pub(super) size: u64,
    pub(super) mode: u32,
    pub(super) owner: u32,
    /// Its content, where that is asked for.
    pub(super) body: Option<Body>,
}

impl One {
    fn new(path: &Path, found: &Metadata) -> Self {
        Self {
            path: path.to_owned(),
            modified: walk::modified(found),
            exact: (found.mtime(), found.mtime_nsec()),
            size: found.len(),
            mode: found.mode() & 0o7777,
            owner: found.uid(),
            body: None,
        }
    }
}

impl Found {
    /// It as the rules see it; `template` is what the file that it is compared with is called.
    pub(super) fn lot<'a>(&'a self, template: Option<&'a str>) -> Lot<'a> {
        let one = self.one.as_ref().map(|one| lot::One {
            name: one.path.display().to_string(),
            modified: one.modified,
            size: one.size,
            body: one.body.as_ref(),
        });
        Lot { count: self.files, one, hint: &self.hint, template: template.zip(self.template.as_ref()) }
    }
}

/// Looks once.
pub(super) fn look(wanted: &Wanted, limit: Duration) -> Result<Found, Miss> {
    let mut found = match &wanted.place {
        Place::Path(path) => alone(path)?,
        Place::Glob(glob) => among(glob, wanted.which, limit)?,
    };
    let Some(one) = &mut found.one else { return Ok(found) };
    if wanted.body || wanted.template.is_some() {
        match open(&one.path) {
            Ok(body) => one.body = Some(body),
            // It went away after it was seen, as the files of a queue do.
            Err(error) if walk::is_absent(&error) => {
                return Err(Miss::blind(format!("{} went away while it was looked at", one.path.display())));
            }
            Err(error) => return Err(barred(&one.path, &error)),
        }
    }
    if let Some(template) = &wanted.template {
        let body = open(template).map_err(|error| {
            if walk::is_absent(&error) {
                let path = template.display();
                Miss::blind(format!("{path}, which it is compared with, is not there; correct `not_same_as`"))
            } else {
                barred(template, &error)
            }
        })?;
        found.template = Some(body);
    }
    Ok(found)
}

fn alone(path: &Path) -> Result<Found, Miss> {
    let found = match fs::metadata(path) {
        Ok(found) => found,
        Err(error) if walk::is_absent(&error) => {
            return Ok(Found { hint: missing(path), ..Found::default() });
        }
        Err(error) => return Err(barred(path, &error)),
    };
    if let Some(what) = not_a_file(&found) {
        return Err(Miss::down(Class::Absent, format!("{} is {what}", path.display())));
    }
    let one = One::new(path, &found);
    Ok(Found { files: 1, bytes: one.size, one: Some(one), ..Found::default() })
}

fn among(glob: &Glob, which: Which, limit: Duration) -> Result<Found, Miss> {
    let mut found = Found::default();
    let mut walk = Walk::within(limit, NAMES);
    walk.files(glob, |path, file| {
        found.files += 1;
        found.bytes = found.bytes.saturating_add(file.len());
        if found.one.as_ref().is_none_or(|best| {
            let this = ((file.mtime(), file.mtime_nsec()), file.len(), path);
            which.prefers(this, (best.exact, best.size, best.path.as_path()))
        }) {
            found.one = Some(One::new(path, file));
        }
    });
    match walk.blind {
        None => {}
        Some(Blind::Barred(path, error)) => return Err(barred(&path, &error)),
        Some(Blind::TooMany) => {
            let why = format!("more than {NAMES} names would have to be looked at for {glob}");
            return Err(Miss::blind(format!("{why}; write a glob that names fewer folders")));
        }
        Some(Blind::TooLong) => {
            let why = format!("the look did not come to its end: {} files of {glob} seen", found.files);
            return Err(Miss::down(Class::Timeout, why));
        }
    }
    if let Some(absent) = walk.absent {
        found.hint = missing(&absent.join("*"));
    }
    Ok(found)
}

/// Reads the beginning of a regular file.
fn open(path: &Path) -> io::Result<Body> {
    // A pipe that took the file's place would hold up an opening that waits, a terminal could become ours.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    if let Some(what) = not_a_file(&file.metadata()?) {
        return Err(io::Error::other(format!("it is {what}")));
    }
    let mut bytes = Vec::new();
    file.take(BODY as u64 + 1).read_to_end(&mut bytes)?;
    let is_cut = bytes.len() > BODY;
    bytes.truncate(BODY);
    Ok(Body { bytes, is_cut })
}

fn not_a_file(found: &Metadata) -> Option<&'static str> {
    let kind = found.file_type();
    match () {
        () if kind.is_file() => None,
        () if kind.is_dir() => Some("a folder; for the files in it, write `glob` with `/*` at its end"),
        () if kind.is_fifo() => Some("a pipe and no file"),
        () if kind.is_socket() => Some("a socket and no file"),
        () => Some("a device and no file"),
    }
}

/// The first folder of the path that is missing, or where a link leads to nowhere.
fn missing(path: &Path) -> String {
    if let Ok(target) = fs::read_link(path) {
        return format!("; it is a link to {}, which is not there", target.display());
    }
    let mut folders: Vec<&Path> = path.ancestors().skip(1).collect();
    folders.reverse();
    let absent = folders.into_iter().find(|folder| fs::symlink_metadata(folder).is_err());
    absent.map(|folder| format!("; {} is not there", folder.display())).unwrap_or_default()
}

/// Why this could not be looked at, and the command that changes it.
fn barred(path: &Path, error: &io::Error) -> Miss {
    let shown = path.display();
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            let who = user::own();
            let is_closed = |folder: &&Path| fs::metadata(folder.join(".")).is_err();
            let closed = path.ancestors().skip(1).filter(is_closed).last();
            let (rights, what) = match (fs::metadata(path), closed) {
                (Ok(found), _) if found.is_dir() => ("rx", path),
                (Ok(_), _) => ("r", path),
                (Err(_), Some(folder)) => ("x", folder),
                (Err(_), None) => ("rx", path),
            };
            let quoted = what.display().to_string().replace('\'', r"'\''");
            Miss::blind(format!("{who} may not read {shown}; try: setfacl -m u:{who}:{rights} '{quoted}'"))
        }
        _ if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => Miss::down(
            Class::Absent,
            format!("{shown} is a link that leads in a circle; try: namei -l {shown}"),
        ),
        _ => Miss::blind(format!("{shown} cannot be read: {error}; try: stat {shown}")),
    }
}
