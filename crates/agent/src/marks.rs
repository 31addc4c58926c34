//! Whether things changed: one text of their times, sizes and numbers, the same as long as nobody touches them.

use std::fmt::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Entries of one folder that are looked at.
const ENTRIES: usize = 1000;

/// The mark of these files and folders; of a folder, what stands in it counts as well, and no deeper. Blocking.
pub(crate) fn of(paths: &[PathBuf]) -> String {
    let mut text = String::new();
    for path in paths {
        mark(path, &mut text);
        let Ok(entries) = std::fs::read_dir(path) else { continue };
        let mut inside: Vec<PathBuf> = entries.take(ENTRIES).flatten().map(|entry| entry.path()).collect();
        inside.sort();
        inside.iter().for_each(|path| mark(path, &mut text));
    }
    short(&text)
}

fn mark(path: &Path, text: &mut String) {
    if let Ok(about) = std::fs::symlink_metadata(path) {
        // Writing to a String cannot fail.
        _ = writeln!(
            text,
            "{}\0{} {} {} {} {}",
            path.display(),
            about.ino(),
            about.size(),
            about.mode(),
            about.mtime(),
            about.mtime_nsec()
        );
    }
}

/// Eight digits that stand for a text.
pub(crate) fn short(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(4).fold(String::new(), |mut text, byte| {
        _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_inside_a_folder_counts_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let paths = [folder.path().to_owned(), folder.path().join("absent")];
        std::fs::write(folder.path().join("a"), "1").unwrap();
        let before = of(&paths);
        assert_eq!(of(&paths), before);
        std::fs::write(folder.path().join("a"), "12").unwrap();
        let after = of(&paths);
        assert_ne!(after, before);
        std::fs::write(&paths[1], "").unwrap();
        assert_ne!(of(&paths), after);
    }
}
