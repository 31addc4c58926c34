//! The layer that a container writes to, and that goes with it: are there files of a database?

use std::path::Path;

use super::ground::because;
use crate::facts::Fact;

/// Most names that are looked at.
const NAMES: usize = 4_000;
/// Deepest folder.
const DEPTH: usize = 7;
/// Most files that are named.
const FOUND: usize = 10;
/// Folders whose databases can be made again.
const PASSING: [&str; 9] = [
    "/tmp/",
    "/usr/",
    "/etc/",
    "/proc/",
    "/run/",
    "/var/cache/",
    "/var/lib/dpkg/",
    "/var/lib/rpm/",
    "/root/.cache/",
];

/// Files of databases below a folder, by their path from there. No link is followed.
pub(super) fn databases(layer: &Path) -> Fact<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![(layer.to_owned(), String::new(), 0)];
    let mut names = 0;
    while let Some((folder, place, depth)) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if depth == 0 => return Fact::unknown(because(&error)),
            Err(_) => continue,
        };
        for entry in entries.flatten() {
            names += 1;
            if names > NAMES || found.len() >= FOUND {
                found.sort();
                // What was found is true, and the rest nobody saw.
                return if found.is_empty() {
                    Fact::unknown("too many files to look at")
                } else {
                    Fact::Known(found)
                };
            }
            let path = format!("{place}/{}", entry.file_name().to_string_lossy());
            let Ok(kind) = entry.file_type() else { continue };
            if PASSING.iter().any(|folder| format!("{path}/").starts_with(folder)) {
                continue;
            }
            if kind.is_dir() && depth < DEPTH {
                folders.push((entry.path(), path, depth + 1));
            } else if kind.is_file()
                && is_database(&path)
                && entry.metadata().is_ok_and(|about| about.len() > 0)
            {
                found.push(path);
            }
        }
    }
    found.sort();
    Fact::Known(found)
}

fn is_database(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    ["PG_VERSION", "ibdata1", "WiredTiger", "dump.rdb", "appendonly.aof"].contains(&name)
        || [".sqlite", ".sqlite3", ".db"].iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn databases_are_found_and_links_are_not_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let put = |path: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, "x").expect("a file");
        };
        ["layer/app/data/shop.sqlite3", "layer/tmp/x.db", "layer/app/readme", "outside/other.db"]
            .into_iter()
            .for_each(put);
        std::os::unix::fs::symlink(folder.path().join("outside"), folder.path().join("layer/link"))
            .expect("a link");
        let found = databases(&folder.path().join("layer"));
        assert_eq!(found, Fact::Known(vec!["/app/data/shop.sqlite3".to_owned()]));
        assert!(databases(&folder.path().join("none")).why_unknown().is_some());
    }
}
