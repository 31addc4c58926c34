//! How a host stands to the plan, and what is made of it. Nothing that is there and differs is changed.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};

use muster_host::atomic::{self, Durability};

use super::plan::{FILE_LIMIT, Item, What};
use crate::trouble::Trouble;

/// How what is on the host stands to an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is there.
    Missing,
    /// It is there as it should be.
    Same,
    /// Something else is there: why, in words.
    Other(String),
}

/// A user and a group, by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// Of the user.
    pub uid: u32,
    /// Of the group.
    pub gid: u32,
}

/// Where an item is below another root.
pub fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// Looks at an item.
///
/// # Errors
/// Nobody could see.
pub fn look(root: &Path, item: &Item) -> Result<Standing, Trouble> {
    let path = below(root, &item.path);
    let about = match fs::symlink_metadata(&path) {
        Ok(about) => about,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound) => return Ok(Standing::Missing),
        Err(error) => return Err(told("seen", &path, &error)),
    };
    let other = |what: &str| Ok(Standing::Other(what.to_owned()));
    match &item.what {
        // A folder may be a link to a larger disk.
        What::Folder if fs::metadata(&path).is_ok_and(|there| there.is_dir()) => Ok(Standing::Same),
        What::Folder => other("it is no folder"),
        What::File(_) | What::Begun(_) if !about.is_file() => other("it is no file"),
        What::Begun(_) if about.mode() & 0o077 & !item.mode != 0 => other("others than its owner may use it"),
        What::Begun(_) => Ok(Standing::Same),
        What::File(text) => match is_same(&path, &about, text) {
            Ok(true) if about.mode() & 0o111 == item.mode & 0o111 => Ok(Standing::Same),
            Ok(true) => other("it has other permissions"),
            Ok(false) => other("it has another text"),
            Err(error) => Err(told("read", &path, &error)),
        },
    }
}

fn is_same(path: &Path, about: &Metadata, text: &str) -> io::Result<bool> {
    if about.len() != text.len() as u64 || text.len() > FILE_LIMIT {
        return Ok(false);
    }
    let mut there = Vec::with_capacity(text.len());
    let file =
        OpenOptions::new().read(true).custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32).open(path)?;
    file.take(text.len() as u64 + 1).read_to_end(&mut there)?;
    Ok(there == text.as_bytes())
}

/// Makes an item that is missing; it is on disk when this returns.
///
/// # Errors
/// The system says no; half a file is never left behind.
pub fn make(root: &Path, item: &Item, owner: Option<Owner>) -> Result<(), Trouble> {
    let path = below(root, &item.path);
    let made = match &item.what {
        What::Folder => folder(&path, item.mode),
        What::File(text) | What::Begun(text) => parents(&path)
            .and_then(|()| atomic::write(&path, text.as_bytes(), item.mode, Durability::Disk))
            .and_then(|()| permit(&path, item.mode)),
    };
    let owned = made.and_then(|()| match owner.filter(|_| item.is_theirs) {
        Some(Owner { uid, gid }) => chown(&path, Some(uid), Some(gid)),
        None => Ok(()),
    });
    owned.map_err(|error| told("made", &path, &error))
}

fn folder(path: &Path, mode: u32) -> io::Result<()> {
    parents(path)?;
    DirBuilder::new().mode(mode).create(path)?;
    permit(path, mode)
}

/// The mask of the process must not decide who may read what.
fn permit(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))?;
    File::open(path)?.sync_all()
}

fn parents(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => DirBuilder::new().recursive(true).mode(0o755).create(folder),
        None => Ok(()),
    }
}

fn told(done: &str, path: &Path, error: &io::Error) -> Trouble {
    let trouble = Trouble::new(format!("{} cannot be {done}: {error}", path.display()));
    match error.kind() {
        ErrorKind::PermissionDenied => {
            trouble.help("try again as root, or below a folder of yours: --root DIR")
        }
        _ => trouble,
    }
}

/// A user of the host below `root`, and its group, by /etc/passwd and /etc/group there.
pub fn user(root: &Path, name: &str) -> Option<(Owner, String)> {
    let passwd = text(&below(root, Path::new("/etc/passwd")))?;
    let fields = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let found = fields.into_iter().find(|fields| fields.first() == Some(&name))?;
    let owner = Owner { uid: found.get(2)?.parse().ok()?, gid: found.get(3)?.parse().ok()? };
    let group = text(&below(root, Path::new("/etc/group")))?;
    let fields = group.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let named = fields
        .into_iter()
        .find(|fields| fields.get(2).and_then(|gid| gid.parse().ok()) == Some(owner.gid))?;
    Some((owner, (*named.first()?).to_owned()))
}

/// A small file as text.
fn text(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(4 << 20).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
