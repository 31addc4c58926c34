//! Folders of projects (`/opt`, `/srv`, `/var/www`, homes): files of settings, links, who runs there. No value of a
//! setting comes here.

use serde::{Deserialize, Serialize};

use super::needs::Need;

/// What stands in the folders of projects.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Projects {
    /// Files such as `.env`.
    pub settings: Vec<SettingsFile>,
    /// Symbolic links.
    pub links: Vec<Link>,
    /// Units of the operator.
    pub units: Vec<Unit>,
    /// Hosts and ports that the files of settings name, until they are put with those of others.
    #[serde(skip)]
    pub needs: Vec<Need>,
    /// What could not be read, and why.
    pub unseen: Vec<(String, String)>,
}

/// A file such as `.env`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsFile {
    /// Its path.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// Who owns it.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Names whose values look like secrets.
    pub secrets: Vec<String>,
    /// The nearest folder above it that others may not enter.
    pub behind: Option<String>,
    /// The folder of the git repository that has it among its files.
    pub repository: Option<String>,
}

/// A symbolic link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its path.
    pub path: String,
    /// What it says.
    pub says: String,
    /// Where that is, as a path from the root.
    pub to: String,
    /// Something stands there.
    pub is_there: bool,
}

/// A unit below `/etc/systemd/system`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// Its path.
    pub path: String,
    /// The user that it names.
    pub user: Option<String>,
    /// Its user is made when it starts.
    pub dynamic: bool,
    /// Paths that it speaks of.
    pub paths: Vec<String>,
    /// Lines that hold a secret: number, and the name that it has.
    pub secrets: Vec<(u32, String)>,
}

impl Unit {
    /// Whether it speaks of something in a folder.
    pub fn works_in(&self, folder: &str) -> bool {
        self.paths.iter().any(|path| under(path, folder))
    }
}

/// Whether a path is a folder, or below it.
pub fn under(path: &str, folder: &str) -> bool {
    let folder = folder.trim_end_matches('/');
    path == folder || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}
