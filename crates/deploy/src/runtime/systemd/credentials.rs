//! Secrets of the host that systemd hands to a service, each as a file that nobody else can read.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::unit;
use crate::trouble::Trouble;

/// The first systemd that hands over credentials.
pub(super) const OLDEST: u32 = 247;

/// What keeps them from being handed over, on a systemd of this version.
pub(super) fn objections(credentials: &[(String, PathBuf)], version: u32) -> Vec<Trouble> {
    if credentials.is_empty() {
        return Vec::new();
    }
    let old = (version < OLDEST).then(|| {
        Trouble::new(format!("systemd {version} cannot hand over `credentials`: {OLDEST} is needed"))
            .help("give the values as `secrets`, or in the `env_file`")
    });
    old.into_iter().chain(credentials.iter().filter_map(|(name, path)| judge(name, path).err())).collect()
}

fn judge(name: &str, path: &Path) -> Result<(), Trouble> {
    let shown = path.display();
    let found = fs::metadata(path)
        .map_err(|error| Trouble::new(format!("{shown}, the credential {name}: {error}")))?;
    if !found.is_file() {
        return Err(Trouble::new(format!("{shown}, the credential {name}, is not a file")));
    }
    match found.mode() & 0o077 {
        0 => Ok(()),
        _ => Err(Trouble::new(format!(
            "{shown}, the credential {name}, can be read by others (mode {:03o})",
            found.mode() & 0o777
        ))
        .help(format!("chmod 600 {shown}"))),
    }
}

/// The lines of a unit, as they stand: specifiers mean something in its file, and nothing to systemd-run.
///
/// # Errors
/// A path that cannot stand in a unit.
pub(super) fn lines(credentials: &[(String, PathBuf)]) -> Result<Vec<String>, Trouble> {
    let line = |(name, path): &(String, PathBuf)| Ok(format!("LoadCredential={name}:{}", unit::path(path)?));
    credentials.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_cannot_be_handed_over_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let (key, gone) = (folder.path().join("key"), folder.path().join("gone"));
        fs::write(&key, "x").expect("written");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).expect("set");
        let all = [("key", &key), ("gone", &gone), ("folder", &folder.path().to_owned())]
            .map(|(name, path)| (name.to_owned(), path.clone()));
        let told = objections(&all, 246);
        let words: Vec<&str> = told.iter().map(|trouble| trouble.what.as_str()).collect();
        assert!(words[0].starts_with("systemd 246 cannot hand over"), "{words:?}");
        assert!(words[1].ends_with("the credential key, can be read by others (mode 640)"), "{words:?}");
        assert!(words[2].contains("the credential gone: No such file"), "{words:?}");
        assert!(words[3].ends_with("is not a file") && words.len() == 4, "{words:?}");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o400)).expect("set");
        assert_eq!(objections(&all[..1], OLDEST), []);
        assert_eq!(objections(&[], 200), []);
    }
}
