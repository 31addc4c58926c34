//! The folder of the status page: nothing in it but our files, each the old one or the new one, readable by everybody
//! because a web server hands them out.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use muster_status::files::{File as Sheet, is_ours};

/// So much of a file shows whose it is.
const BEGINNING: u64 = 2048;

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShelfError {
    /// Something in it is not ours.
    #[error("{0} is not of the status page: name a folder in [status_page] that holds nothing else")]
    Strange(PathBuf),
    /// The system's word.
    #[error("{path}: {source}")]
    System {
        /// What was asked for.
        path: PathBuf,
        /// The answer.
        source: io::Error,
    },
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> ShelfError + '_ {
    move |source| ShelfError::System { path: path.to_owned(), source }
}

/// Puts the files into the folder, in their order, those that changed; how many that were.
pub(crate) fn put(folder: &Path, files: &[Sheet]) -> Result<usize, ShelfError> {
    make(folder)?;
    inspect(folder)?;
    let mut written = 0;
    for file in files {
        let path = folder.join(file.name);
        if fs::read(&path).is_ok_and(|there| there == file.text.as_bytes()) && is_open(&path) {
            continue;
        }
        replace(&path, file.text.as_bytes()).map_err(at(&path))?;
        written += 1;
    }
    Ok(written)
}

/// Makes the folder, open to everybody, if it is not there.
fn make(folder: &Path) -> Result<(), ShelfError> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder).map_err(at(folder))?;
    // Whatever the agent's own umask says.
    fs::set_permissions(folder, Permissions::from_mode(0o755)).map_err(at(folder))
}

/// Refuses a folder with anything else in it, and sweeps what a life of ours left half written.
fn inspect(folder: &Path) -> Result<(), ShelfError> {
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let path = entry.map_err(at(folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if is_temporary(name) {
            fs::remove_file(&path).map_err(at(&path))?;
        } else if !has_our_mark(&path, name).map_err(at(&path))? {
            return Err(ShelfError::Strange(path));
        }
    }
    Ok(())
}

fn is_temporary(name: &str) -> bool {
    let inner = name.strip_prefix('.').and_then(|rest| rest.strip_suffix(".muster-new"));
    inner.is_some_and(|inner| muster_status::files::NAMES.contains(&inner))
}

fn has_our_mark(path: &Path, name: &str) -> io::Result<bool> {
    // A link or a pipe of our name is none of ours, and is not opened.
    if !fs::symlink_metadata(path)?.is_file() {
        return Ok(false);
    }
    let mut beginning = Vec::new();
    File::open(path)?.take(BEGINNING).read_to_end(&mut beginning)?;
    Ok(is_ours(name, &beginning))
}

fn is_open(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|there| there.permissions().mode() & 0o777 == 0o644)
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.muster-new"));
    let fill = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&temporary)?;
        file.set_permissions(Permissions::from_mode(0o644))?;
        file.write_all(bytes)?;
        fs::rename(&temporary, path)
    };
    fill().inspect_err(|_| {
        // The first error is the one to report; a leftover is swept the next time.
        drop(fs::remove_file(&temporary));
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(words: &str) -> [Sheet; 2] {
        let text = |words: &str| format!("{} {words}", muster_status::html::GENERATOR);
        [Sheet { name: "feed.atom", text: text("feed") }, Sheet { name: "index.html", text: text(words) }]
    }

    #[test]
    fn only_what_changed_is_written_and_everybody_may_read_it() {
        let house = tempfile::tempdir().unwrap();
        let folder = house.path().join("www/status");
        assert_eq!(put(&folder, &files("a")).unwrap(), 2);
        assert_eq!(put(&folder, &files("a")).unwrap(), 0);
        fs::write(folder.join(".index.html.muster-new"), "half").unwrap();
        assert_eq!(put(&folder, &files("b")).unwrap(), 1);
        for entry in fs::read_dir(&folder).unwrap() {
            let mode = entry.unwrap().metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o644);
        }
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o755);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
    }

    #[test]
    fn a_folder_with_files_of_others_is_refused_and_left_alone() {
        for (name, text) in
            [("notes.txt", "mine"), ("index.html", "<h1>my own page</h1>"), (".htaccess", "x")]
        {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join(name), text).unwrap();
            let refused = put(folder.path(), &files("a"));
            assert!(matches!(refused, Err(ShelfError::Strange(_))), "{name}: {refused:?}");
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
            assert_eq!(fs::read_to_string(folder.path().join(name)).unwrap(), text);
        }
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("index.html")).unwrap();
        assert!(matches!(put(folder.path(), &files("a")), Err(ShelfError::Strange(_))));
    }
}
