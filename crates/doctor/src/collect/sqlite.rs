//! Files of SQLite that processes have open or that lie in folders of projects. SQLite itself is never started on them: it
//! would make files beside them. What is wanted stands in the first bytes (the database file format, bytes 18 and 19).

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::os::unix::fs::MetadataExt;

use rustix::fs::FileType;

use super::descriptors::{self, Descriptor};
use super::ground::Ground;
use super::projects::HOMES;
use super::{Collector, Put, WITHIN};
use crate::facts::Fact;
use crate::facts::sqlite::Sqlite;

pub(super) const COLLECTOR: Collector =
    Collector { name: "sqlite", within: WITHIN, read, blind: |facts, why| facts.sqlite = Fact::unknown(why) };

/// What such files are called.
const ENDINGS: [&str; 4] = [".db", ".sqlite", ".sqlite3", ".db3"];
/// What such files begin with.
const MAGIC: &[u8] = b"SQLite format 3\0";
/// Most files that are told.
const FILES: usize = 200;
/// Most folders that are looked into, and the deepest below a project.
const FOLDERS: usize = 400;
const DEPTH: usize = 2;
/// Folders whose content can be made again, or is others'.
const FOREIGN: [&str; 9] =
    ["node_modules", "vendor", "venv", "site-packages", "target", "__pycache__", "cache", "tmp", "releases"];

/// Files and who has them open for writing: process and name.
pub(super) type Writers = BTreeMap<String, Vec<(u32, String)>>;

fn read(ground: &Ground) -> Put {
    let found: Vec<Sqlite> =
        in_projects(ground).into_iter().filter_map(|path| look(ground, path, Vec::new())).collect();
    // The open files were looked at by another collector, once for all who ask.
    Box::new(|facts| {
        if let Some(why) = facts.open_files.why_unknown() {
            facts.sqlite = Fact::unknown(why);
            return;
        }
        let mut files = facts.sqlite.known().cloned().unwrap_or_default();
        let open: BTreeSet<String> = files.iter().map(|file| file.path.clone()).collect();
        files.extend(found.into_iter().filter(|file| !open.contains(&file.path)));
        files.sort_by(|one, other| one.path.cmp(&other.path));
        facts.sqlite = match files.is_empty() {
            true => Fact::nothing("no file of SQLite was found"),
            false => Fact::Known(files),
        };
    })
}

/// Keeps an open file that is called like one of SQLite.
pub(super) fn note(writers: &mut Writers, descriptor: &Descriptor<'_>) {
    if is_named(descriptor.target) && writers.len() < FILES && writes(descriptor) {
        let known = writers.entry(descriptor.target.to_owned()).or_default();
        if !known.iter().any(|(pid, _)| *pid == descriptor.pid) {
            known.push((descriptor.pid, descriptors::program(descriptor.pid)));
        }
    }
}

/// Those of them that are what their names say.
pub(super) fn open(ground: &Ground, writers: Writers) -> Vec<Sqlite> {
    writers.into_iter().filter_map(|(path, writers)| look(ground, path, writers)).collect()
}

fn is_named(path: &str) -> bool {
    ENDINGS.iter().any(|ending| path.ends_with(ending))
}

/// It is open for writing, and a file of the host: the path of a container is another's.
fn writes(descriptor: &Descriptor<'_>) -> bool {
    let Ok(about) = descriptor.about() else { return false };
    let is_ours = |host: std::fs::Metadata| (host.dev(), host.ino()) == (about.dev(), about.ino());
    about.is_file()
        && std::fs::metadata(descriptor.target).is_ok_and(is_ours)
        // O_WRONLY or O_RDWR.
        && descriptor.flags() & 0o3 != 0
}

fn in_projects(ground: &Ground) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders: Vec<(String, usize)> = HOMES.iter().rev().map(|home| ((*home).to_owned(), 0)).collect();
    let mut left = FOLDERS;
    while let Some((folder, depth)) = folders.pop() {
        if left == 0 || found.len() >= FILES {
            break;
        }
        left -= 1;
        for (name, kind) in ground.names(&folder).ok().flatten().unwrap_or_default() {
            let path = format!("{folder}/{name}");
            match kind {
                FileType::RegularFile if is_named(&name) => found.push(path),
                FileType::Directory
                    if depth <= DEPTH && !name.starts_with('.') && !FOREIGN.contains(&name.as_str()) =>
                {
                    folders.push((path, depth + 1));
                }
                _ => {}
            }
        }
    }
    found
}

fn look(ground: &Ground, path: String, writers: Vec<(u32, String)>) -> Option<Sqlite> {
    let mut head = [0_u8; 20];
    let file = ground.large(&path)?;
    let about = file.metadata().ok()?;
    let wal = match file.take(20).read_exact(&mut head) {
        Ok(()) if !head.starts_with(MAGIC) => return None,
        Ok(()) => Fact::Known(head[18] == 2 && head[19] == 2),
        // A file that nobody has written to yet.
        Err(_) if about.len() < 20 => return None,
        Err(error) => Fact::unknown(error.to_string()),
    };
    let log = ground.large(&format!("{path}-wal")).and_then(|file| Some(file.metadata().ok()?.len()));
    let modified = muster_core::time::Timestamp::from_millis(about.mtime().saturating_mul(1000));
    Some(Sqlite { path, size: about.len(), modified, wal, log, writers })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_whether_there_is_a_log() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = root.path().join("srv/shop/data");
        std::fs::create_dir_all(&folder).expect("a folder");
        let head = |mode: u8| {
            let mut bytes = MAGIC.to_vec();
            bytes.extend([16, 0, mode, mode, 0, 64, 32, 32]);
            bytes
        };
        std::fs::write(folder.join("a.db"), head(2)).expect("a file");
        std::fs::write(folder.join("a.db-wal"), [0; 50]).expect("a file");
        std::fs::write(folder.join("b.sqlite3"), head(1)).expect("a file");
        std::fs::write(folder.join("c.db"), "Berkeley, and no SQLite at all").expect("a file");
        let ground = Ground::new(root.path(), false);
        let mut seen: Vec<Sqlite> =
            in_projects(&ground).into_iter().filter_map(|path| look(&ground, path, Vec::new())).collect();
        seen.sort_by(|one, other| one.path.cmp(&other.path));
        let told: Vec<_> =
            seen.iter().map(|file| (file.path.as_str(), file.wal.known().copied(), file.log)).collect();
        assert_eq!(
            told,
            [("/srv/shop/data/a.db", Some(true), Some(50)), ("/srv/shop/data/b.sqlite3", Some(false), None)]
        );
    }
}
