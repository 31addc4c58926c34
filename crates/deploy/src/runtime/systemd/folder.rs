//! Gives the folder of a release to a user while it is built, and to root for good. Each step holds on to the folder that
//! it is in and follows no link, so that nobody who may write there can lead it elsewhere.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Gid, Mode, OFlags, Uid, fchmod, fchown, openat, statat};

use crate::trouble::Trouble;

/// Most entries of a release: a large `node_modules` has a tenth of it.
const ENTRIES: usize = 2_000_000;
/// How deep folders may lie in each other.
const DEPTH: usize = 200;

/// Whose everything in a folder is to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// Root, who alone may change it; everybody who may enter the folder may read it.
pub(super) const ROOT: Owner = Owner { uid: 0, gid: 0 };

/// Makes a folder and all in it somebody's. Files lose every permission but reading, and running where they had any of it.
///
/// # Errors
/// There is more than files, folders and links in it; it is too large; the file system refuses.
pub(super) fn give(folder: &Path, owner: Owner) -> Result<(), Trouble> {
    let failed = |what: String| Trouble::new(format!("{}: {what}", folder.display()));
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let top = rustix::fs::open(folder, flags, Mode::empty()).map_err(|error| failed(error.to_string()))?;
    let mut room = ENTRIES;
    give_inside(top, owner, &mut room, DEPTH).map_err(failed)
}

fn give_inside(folder: OwnedFd, owner: Owner, room: &mut usize, depth: usize) -> Result<(), String> {
    let told = |error: rustix::io::Errno| error.to_string();
    let (uid, gid) = (Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid)));
    fchown(&folder, uid, gid).map_err(told)?;
    fchmod(&folder, Mode::from_raw_mode(0o755)).map_err(told)?;
    for entry in Dir::read_from(&folder).map_err(told)? {
        let entry = entry.map_err(told)?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        *room = room.checked_sub(1).ok_or_else(|| format!("more than {ENTRIES} files"))?;
        let shown = || String::from_utf8_lossy(name.to_bytes()).escape_debug().to_string();
        let about = |error: rustix::io::Errno| format!("{}: {error}", shown());
        let stat = statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW).map_err(about)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                let inner = openat(&folder, name, flags | OFlags::DIRECTORY, Mode::empty()).map_err(about)?;
                let depth = depth.checked_sub(1).ok_or_else(|| format!("{}: too deep", shown()))?;
                give_inside(inner, owner, room, depth).map_err(|why| format!("{}/{why}", shown()))?;
            }
            FileType::Symlink => {
                rustix::fs::chownat(&folder, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW).map_err(about)?;
            }
            FileType::RegularFile => {
                let file = openat(&folder, name, flags, Mode::empty()).map_err(about)?;
                let mode = if stat.st_mode & 0o111 == 0 { 0o644 } else { 0o755 };
                fchown(&file, uid, gid).map_err(about)?;
                fchmod(&file, Mode::from_raw_mode(mode)).map_err(about)?;
            }
            _ => return Err(format!("{} is neither a file nor a folder nor a link", shown())),
        }
    }
    Ok(())
}

/// Makes a folder with this owner and mode, if nothing is there. What is there is somebody's, and stays as it is.
///
/// # Errors
/// What the file system says.
pub(super) fn make_if_absent(path: &Path, owner: Owner, mode: u32) -> Result<(), Trouble> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(()),
        Err(_) => make(path, owner, mode),
    }
}

/// Makes a folder with this owner and mode, or gives them to the one that is there.
///
/// # Errors
/// What the file system says; there is something else in its place, such as a link.
pub(super) fn make(path: &Path, owner: Owner, mode: u32) -> Result<(), Trouble> {
    let made = || -> io::Result<()> {
        match fs::create_dir(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = File::from(rustix::fs::open(path, flags, Mode::empty())?);
        fchown(&folder, Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid)))?;
        fchmod(&folder, Mode::from_raw_mode(mode))?;
        Ok(())
    };
    made().map_err(|error| Trouble::new(format!("the folder {} cannot be made: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_release_loses_what_could_be_abused_and_no_link_is_followed() {
        let (folder, outside) =
            (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("another"));
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("in")).expect("made");
        for (name, mode) in [("in/tool", 0o6777), ("in/text", 0o666)] {
            fs::write(at(name), "x").expect("written");
            fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).expect("set");
        }
        fs::write(outside.path().join("secret"), "x").expect("written");
        fs::set_permissions(outside.path(), fs::Permissions::from_mode(0o700)).expect("set");
        symlink(outside.path(), at("in/away")).expect("linked");
        let own = fs::metadata(folder.path()).expect("there");
        let owner = Owner { uid: own.uid(), gid: own.gid() };
        give(folder.path(), owner).expect("given");
        let mode = |path: &Path| fs::metadata(path).expect("there").mode() & 0o7777;
        assert_eq!((mode(&at("in/tool")), mode(&at("in/text")), mode(&at("in"))), (0o755, 0o644, 0o755));
        assert_eq!(mode(outside.path()), 0o700);
        assert!(give(&at("in/away"), owner).is_err());
        rustix::fs::mkfifoat(rustix::fs::CWD, at("in/pipe"), Mode::from_raw_mode(0o600)).expect("made");
        let odd = give(folder.path(), owner).expect_err("odd");
        assert!(odd.what.ends_with("in/pipe is neither a file nor a folder nor a link"), "{odd}");
    }
}
