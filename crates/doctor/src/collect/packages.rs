//! Which configuration files belong to a package (`deb-conffiles(5)`): the system's own, not the operator's.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;

use muster_host::adopt::package::of_status;

use super::ground::Ground;

/// Largest list of packages that is read, in bytes.
const LIMIT: u64 = 64 << 20;

/// Files below `/etc` and their packages.
#[derive(Debug, Default)]
pub(crate) struct Packages {
    owners: BTreeMap<String, String>,
}

impl Packages {
    /// Empty where dpkg is not what installs packages.
    pub(crate) fn read(ground: &Ground) -> Self {
        let mut text = Vec::new();
        if let Some(file) = ground.large("/var/lib/dpkg/status") {
            read_all(file, &mut text);
        }
        Self { owners: of_status(&String::from_utf8_lossy(&text), "/etc/") }
    }

    /// The package of a file.
    pub(crate) fn owner(&self, path: &str) -> Option<String> {
        self.owners.get(path).cloned()
    }
}

fn read_all(file: File, text: &mut Vec<u8>) {
    if file.take(LIMIT).read_to_end(text).is_err() {
        text.clear();
    }
}
