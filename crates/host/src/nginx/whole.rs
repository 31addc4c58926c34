//! All files of a configuration as one tree, read from disk as nginx reads them: `nginx -T` shows nothing as soon as one
//! file of many is missing.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::directive::Directive;
use super::parse::parse;

/// Most files of one configuration.
const FILES: usize = 500;
/// Most bytes of one file.
const BYTES: u64 = 1 << 20;
/// Most names of one folder that are looked at.
const NAMES: usize = 10_000;
/// Deepest includes.
const DEPTH: usize = 10;

/// What nginx is told by its first file and all that this includes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Configuration {
    /// Files in the order in which they are read.
    pub files: Vec<PathBuf>,
    /// Directives of the first file; those of an included file stand in the `include`.
    pub tree: Vec<Directive>,
    /// What could not be read, and why. A file that is not there is none: `nginx -t` complains of it.
    pub unseen: Vec<(PathBuf, String)>,
}

impl Configuration {
    /// Reads the configuration that begins with this file. What cannot be read is told in [`Configuration::unseen`].
    pub fn read(first: &Path) -> Self {
        let mut whole = Self::default();
        let folder = first.parent().unwrap_or(Path::new("/")).to_owned();
        whole.tree = whole.file(first, &folder, 0);
        whole
    }

    /// The file that a directive stands in.
    pub fn file_of(&self, directive: &Directive) -> &Path {
        self.files.get(directive.file as usize).map_or(Path::new(""), PathBuf::as_path)
    }

    fn file(&mut self, path: &Path, folder: &Path, depth: usize) -> Vec<Directive> {
        if self.files.len() >= FILES || depth >= DEPTH {
            self.unseen.push((path.to_owned(), "too many files or too deep".to_owned()));
            return Vec::new();
        }
        let mut bytes = Vec::new();
        match File::open(path).and_then(|file| file.take(BYTES + 1).read_to_end(&mut bytes)) {
            Ok(count) if count as u64 > BYTES => {
                self.unseen.push((path.to_owned(), "it is longer than 1 MiB".to_owned()));
                return Vec::new();
            }
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
            Err(error) => {
                self.unseen.push((path.to_owned(), error.to_string()));
                return Vec::new();
            }
        }
        let number = u32::try_from(self.files.len()).unwrap_or(u32::MAX);
        self.files.push(path.to_owned());
        let mut tree = parse(&String::from_utf8_lossy(&bytes), number);
        self.complete(&mut tree, folder, depth);
        tree
    }

    fn complete(&mut self, tree: &mut [Directive], folder: &Path, depth: usize) {
        for directive in tree {
            if directive.name != "include" {
                self.complete(&mut directive.inner, folder, depth);
                continue;
            }
            for path in matching(folder, directive.word()) {
                let inner = self.file(&path, folder, depth + 1);
                directive.inner.extend(inner);
            }
        }
    }
}

/// The files that an include means now, sorted. Relative ones begin in the folder of the first file.
fn matching(folder: &Path, pattern: &str) -> Vec<PathBuf> {
    let whole = folder.join(pattern);
    let mut paths = vec![PathBuf::from("/")];
    for part in whole.to_string_lossy().split('/').filter(|part| !part.is_empty()) {
        if !part.contains(['*', '?', '[']) {
            paths.iter_mut().for_each(|path| path.push(part));
            continue;
        }
        let mut next = Vec::new();
        for path in &paths {
            let Ok(entries) = std::fs::read_dir(path) else { continue };
            let names = entries.flatten().take(NAMES).map(|entry| entry.file_name());
            // Hidden ones are not meant by a pattern that does not begin with a dot.
            let meant = |name: &std::ffi::OsString| {
                let name = name.to_string_lossy();
                name.starts_with('.') == part.starts_with('.') && fits(part.as_bytes(), name.as_bytes())
            };
            next.extend(names.filter(meant).map(|name| path.join(name)).take(FILES));
        }
        next.sort();
        paths = next;
    }
    paths
}

/// glob(7) without ranges, which nobody includes by: `[` stands for any letter of its set.
pub fn fits(pattern: &[u8], name: &[u8]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some((b'*', rest)) => (0..=name.len()).any(|at| fits(rest, &name[at..])),
        Some((b'?', rest)) => !name.is_empty() && fits(rest, &name[1..]),
        Some((b'[', rest)) => match (rest.iter().position(|byte| *byte == b']'), name.split_first()) {
            (Some(end), Some((first, after))) => rest[..end].contains(first) && fits(&rest[end + 1..], after),
            _ => false,
        },
        Some((byte, rest)) => name.first() == Some(byte) && fits(rest, &name[1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_patterns_as_a_shell_says() {
        for (pattern, name, fit) in [
            ("*.conf", "a.conf", true),
            ("*.conf", "a.conf.bak", false),
            ("*", "x", true),
            ("a?[bc]*", "axb", true),
            ("a?[bc]*", "axd", false),
            ("[a", "a", false),
        ] {
            assert_eq!(fits(pattern.as_bytes(), name.as_bytes()), fit, "{pattern} {name}");
        }
    }

    #[test]
    fn a_configuration_is_one_tree_whatever_is_missing() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = folder.path();
        std::fs::create_dir(at.join("conf.d")).expect("made");
        std::fs::write(at.join("nginx.conf"), "a;\nhttp { include conf.d/*.conf; include gone.conf; }\n")
            .expect("written");
        for name in ["b.conf", "a.conf", ".c.conf", "d.conf.bak"] {
            std::fs::write(at.join("conf.d").join(name), format!("x {name};")).expect("written");
        }
        let whole = Configuration::read(&at.join("nginx.conf"));
        let inner: Vec<&str> = whole.tree[1].children().iter().map(|inner| inner.word()).collect();
        assert_eq!(inner, ["a.conf", "b.conf"]);
        assert_eq!(whole.file_of(whole.tree[1].children()[1]), at.join("conf.d/b.conf"));
        assert_eq!(whole.unseen, []);
    }

    #[test]
    fn files_that_include_themselves_come_to_an_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("nginx.conf");
        std::fs::write(&path, "include nginx.conf; include nginx.conf;").expect("written");
        let whole = Configuration::read(&path);
        assert!(whole.files.len() <= FILES && !whole.unseen.is_empty());
    }
}
