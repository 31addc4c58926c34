//! Files that are replaced whole, if they are still as they were read: a crontab in its folder by a rename that keeps
//! owner, mode and labels; a user's own crontab through crontab(1), which alone may write it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{AtFlags, CWD, Gid, Mode, OFlags, Uid};
use serde::{Deserialize, Serialize};

/// Largest file that is read, in bytes.
const LIMIT: u64 = 1 << 20;

/// Where a text is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file of its own.
    File(PathBuf),
    /// Our own crontab, behind crontab(1).
    OwnCrontab,
}

/// Whose a file is, and what others may do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Permission bits.
    pub mode: u32,
}

/// Why a text was not replaced.
#[derive(Debug, thiserror::Error)]
pub enum NotReplaced {
    /// Somebody else changed it since it was read.
    #[error("it was changed since it was read")]
    Changed,
    /// The system said no.
    #[error(transparent)]
    System(#[from] io::Error),
}

impl Place {
    /// Every byte of it, and whose it is; none where it is not there.
    ///
    /// # Errors
    /// When it cannot be read, is no regular file, or has more than 1 MiB.
    pub fn read(&self) -> io::Result<Option<(Vec<u8>, About)>> {
        let path = match self {
            Self::File(path) => path,
            Self::OwnCrontab => return own_crontab().map(Some),
        };
        // Opening a pipe would wait for a writer.
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let there = file.metadata()?;
        if !there.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        let mut bytes = Vec::new();
        file.take(LIMIT + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LIMIT {
            return Err(io::Error::other("it has more than 1 MiB"));
        }
        Ok(Some((bytes, About { uid: there.uid(), gid: there.gid(), mode: there.mode() & 0o7777 })))
    }

    /// Puts `new` in the place of `old`. A kill at any moment leaves the one or the other.
    ///
    /// # Errors
    /// [`NotReplaced`]; the old text is then still there.
    pub fn replace(&self, old: Option<&[u8]>, new: &[u8], about: About) -> Result<(), NotReplaced> {
        let there = self.read()?;
        if there.as_ref().map(|(bytes, _)| bytes.as_slice()) != old {
            return Err(NotReplaced::Changed);
        }
        match self {
            Self::File(path) => Ok(rename_over(path, new, there.map_or(about, |(_, about)| about))?),
            Self::OwnCrontab => Ok(write_own_crontab(new)?),
        }
    }
}

/// Through a file whose name cron passes over, because it begins with a dot. The rename changes the folder's time,
/// which is how cron notices.
fn rename_over(path: &Path, bytes: &[u8], about: About) -> io::Result<()> {
    // A link in /etc/cron.d keeps pointing to the file that it points to.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not the path of a file"));
    };
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}.muster", std::process::id()));
    let temporary = folder.join(hidden);
    let written = fill(&temporary, &path, bytes, about).and_then(|()| fs::rename(&temporary, &path));
    if let Err(error) = written {
        // The first error is the one to report.
        drop(fs::remove_file(&temporary));
        return Err(error);
    }
    File::open(folder)?.sync_all()
}

fn fill(temporary: &Path, old: &Path, bytes: &[u8], about: About) -> io::Result<()> {
    // Left by one that was killed, with a process id that is ours now.
    drop(fs::remove_file(temporary));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(temporary)?;
    file.write_all(bytes)?;
    let (uid, gid) = (Uid::from_raw(about.uid), Gid::from_raw(about.gid));
    let now = file.metadata()?;
    if (now.uid(), now.gid()) != (about.uid, about.gid) {
        rustix::fs::chownat(CWD, temporary, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
    }
    rustix::fs::fchmod(&file, Mode::from_raw_mode(about.mode))?;
    copy_label(old, temporary);
    file.sync_all()
}

/// Under SELinux cron refuses a file whose label is not that of a crontab.
fn copy_label(from: &Path, to: &Path) {
    const LABEL: &str = "security.selinux";
    let mut label = [0_u8; 512];
    if let Ok(length) = rustix::fs::getxattr(from, LABEL, &mut label) {
        // Where it cannot be set, the folder's default is what the policy wants.
        let _set = rustix::fs::setxattr(to, LABEL, &label[..length], rustix::fs::XattrFlags::empty());
    }
}

fn own_crontab() -> io::Result<(Vec<u8>, About)> {
    let answer = Command::new("crontab").arg("-l").env("LC_ALL", "C").stdin(Stdio::null()).output()?;
    let about = About {
        uid: rustix::process::geteuid().as_raw(),
        gid: rustix::process::getegid().as_raw(),
        mode: 0o600,
    };
    match answer.status.success() {
        true => Ok((answer.stdout, about)),
        false => Err(io::Error::other(String::from_utf8_lossy(&answer.stderr).trim().to_owned())),
    }
}

fn write_own_crontab(bytes: &[u8]) -> io::Result<()> {
    let mut child = Command::new("crontab")
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let given = child.stdin.take().map_or(Ok(()), |mut input| input.write_all(bytes));
    let answer = child.wait_with_output()?;
    given?;
    match answer.status.success() {
        true => Ok(()),
        false => Err(io::Error::other(String::from_utf8_lossy(&answer.stderr).trim().to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_replaced_only_if_nobody_else_changed_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("shop");
        fs::write(&path, "old").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("mode");
        let place = Place::File(path.clone());
        let about = place.read().expect("read").expect("there").1;
        let before = fs::metadata(folder.path()).expect("there").modified().expect("time");
        place.replace(Some(b"old"), b"new", about).expect("replaced");
        assert_eq!(place.read().expect("read"), Some((b"new".to_vec(), about)));
        assert_eq!(about.mode, 0o640);
        assert!(fs::metadata(folder.path()).expect("there").modified().expect("time") >= before);
        assert!(matches!(place.replace(Some(b"old"), b"newer", about), Err(NotReplaced::Changed)));
        assert!(matches!(place.replace(None, b"newer", about), Err(NotReplaced::Changed)));
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }

    #[test]
    fn a_link_keeps_pointing_to_what_was_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::write(&real, "old").expect("written");
        std::os::unix::fs::symlink(&real, &link).expect("linked");
        let place = Place::File(link.clone());
        let (old, about) = place.read().expect("read").expect("there");
        place.replace(Some(&old), b"new", about).expect("replaced");
        assert_eq!(fs::read(&real).expect("read"), b"new");
        assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
    }
}
