//! The files that a glob matches, one after the other, however many there are. Blocks: a file system can hang, so whoever
//! has to answer in time walks on a thread of its own.
//!
//! Links are followed to files and to the folders that the glob names, but not by `**`: they may lead in a circle. What
//! is not a file (a pipe, a device, a folder) is passed over without opening it.

use std::fmt;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use muster_config::glob::{self, Glob, Part};
use muster_core::time::Timestamp;

/// A walk with an end.
#[derive(Debug)]
pub struct Walk {
    end: Instant,
    names: u64,
    /// A folder of the glob, without wildcards before it, that is not there.
    pub absent: Option<PathBuf>,
    /// Why not everything was seen: the first reason.
    pub blind: Option<Blind>,
}

/// Why a walk did not see everything.
#[derive(Debug)]
pub enum Blind {
    /// There are more names than it looks at.
    TooMany,
    /// Its time was up.
    TooLong,
    /// This could not be looked at.
    Barred(PathBuf, io::Error),
}

impl fmt::Display for Blind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany => f.write_str("there are too many names"),
            Self::TooLong => f.write_str("it took too long"),
            Self::Barred(path, error) if error.kind() == io::ErrorKind::PermissionDenied => {
                write!(f, "{}: permission denied", path.display())
            }
            Self::Barred(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl Walk {
    /// A walk that takes no longer than `limit` and looks at no more than so many names.
    pub fn within(limit: Duration, names: u64) -> Self {
        Self { end: Instant::now() + limit, names, absent: None, blind: None }
    }

    /// Shows each file that matches. What could not be seen is told by [`Walk::blind`].
    pub fn files(&mut self, glob: &Glob, mut each: impl FnMut(&Path, &Metadata)) {
        let parts = glob.parts();
        // What is left to do: a folder, and from which part of the path on. It grows with the depth of the tree and
        // the folders in it, never with the files.
        let mut rest = vec![(PathBuf::from("/"), 0)];
        while let Some((folder, at)) = rest.pop() {
            if self.is_over() {
                return;
            }
            let last = at + 1 == parts.len();
            let is_plain = parts.iter().take(at).all(|part| matches!(part, Part::Name(_)));
            match parts.get(at) {
                None => {}
                Some(Part::Name(name)) if last => self.file(&folder.join(name), &mut each),
                Some(Part::Name(name)) => rest.push((folder.join(name), at + 1)),
                Some(Part::Wild(pieces)) => self.list(&folder, is_plain, |walk, name, entry| {
                    if !glob::matches(pieces, name) {
                        return;
                    }
                    if last {
                        walk.file(&entry.path(), &mut each);
                    } else if !entry.file_type().is_ok_and(|kind| kind.is_file()) {
                        rest.push((entry.path(), at + 1));
                    }
                }),
                Some(Part::Folders) => {
                    let mut below = Vec::new();
                    self.list(&folder, is_plain, |_, name, entry| {
                        if !name.starts_with('.') && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                            below.push((entry.path(), at));
                        }
                    });
                    rest.extend(below);
                    rest.push((folder, at + 1));
                }
            }
        }
    }

    fn list(&mut self, folder: &Path, is_plain: bool, mut each: impl FnMut(&mut Self, &str, &fs::DirEntry)) {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                if !is_absent(&error) {
                    self.is_barred(folder, error);
                } else if is_plain {
                    self.absent.get_or_insert_with(|| folder.to_owned());
                }
                return;
            }
        };
        for entry in entries {
            if self.is_over() {
                return;
            }
            match entry {
                Ok(entry) => {
                    self.names -= 1;
                    each(self, &entry.file_name().to_string_lossy(), &entry);
                }
                Err(error) => return self.is_barred(folder, error),
            }
        }
    }

    fn file(&mut self, path: &Path, each: &mut impl FnMut(&Path, &Metadata)) {
        match fs::metadata(path) {
            Ok(found) if found.is_file() => each(path, &found),
            Ok(_) => {}
            Err(error) if is_absent(&error) => {}
            Err(error) => self.is_barred(path, error),
        }
    }

    fn is_over(&mut self) -> bool {
        let late = Instant::now() >= self.end;
        if self.names == 0 {
            self.blind.get_or_insert(Blind::TooMany);
        } else if late {
            self.blind.get_or_insert(Blind::TooLong);
        }
        self.names == 0 || late
    }

    fn is_barred(&mut self, path: &Path, error: io::Error) {
        self.blind.get_or_insert_with(|| Blind::Barred(path.to_owned(), error));
    }
}

/// When a file was modified.
pub fn modified(found: &Metadata) -> Timestamp {
    stamp(found.mtime(), found.mtime_nsec())
}

/// When anything about a file was changed.
pub fn changed(found: &Metadata) -> Timestamp {
    stamp(found.ctime(), found.ctime_nsec())
}

fn stamp(seconds: i64, nanos: i64) -> Timestamp {
    Timestamp::from_millis(seconds.saturating_mul(1000).saturating_add(nanos / 1_000_000))
}

/// True if something of the path is not there.
pub fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(glob: &str, names: u64) -> (Vec<String>, Walk) {
        let mut walk = Walk::within(Duration::from_secs(30), names);
        let mut seen = Vec::new();
        let glob = Glob::parse(glob).expect("a glob");
        walk.files(&glob, |path, _| {
            seen.push(path.file_name().expect("a name").to_string_lossy().into_owned());
        });
        seen.sort();
        (seen, walk)
    }

    #[test]
    fn files_are_found_and_what_is_none_is_passed_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().display();
        fs::create_dir_all(folder.path().join("a/b")).expect("made");
        for name in ["a/1.gz", "a/b/2.gz", "a/b/.3.gz"] {
            fs::write(folder.path().join(name), "x").expect("written");
        }
        std::os::unix::fs::symlink(folder.path(), folder.path().join("a/up")).expect("a link");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        let pipe = folder.path().join("a/pipe.gz");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).expect("a pipe");
        let (seen, walk_) = walk(&format!("{root}/**/*.gz"), 100);
        assert_eq!((seen, walk_.blind.is_none()), (vec!["1.gz".to_owned(), "2.gz".to_owned()], true));
        let (seen, walk_) = walk(&format!("{root}/gone/*/x"), 100);
        assert_eq!((seen.len(), walk_.absent), (0, Some(folder.path().join("gone"))));
        let (_, walk_) = walk(&format!("{root}/**/*.gz"), 2);
        assert!(matches!(walk_.blind, Some(Blind::TooMany)));
    }

    #[test]
    fn a_barred_folder_does_not_outlast_the_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let looped = folder.path().join("loop");
        std::os::unix::fs::symlink(&looped, &looped).expect("a link");
        let mut walk = Walk::within(Duration::ZERO, 10);
        walk.is_barred(&looped, io::Error::from(io::ErrorKind::PermissionDenied));
        assert!(walk.is_over());
        assert_eq!(
            walk.blind.map(|blind| blind.to_string()),
            Some(format!("{}: permission denied", looped.display()))
        );
    }
}
