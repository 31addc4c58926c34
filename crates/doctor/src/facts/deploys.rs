//! What was put on a host to run there, and what runs of it: programs whose files were replaced, repositories that were
//! changed in place, modules beside their lock files, scripts that deploy.

use muster_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::Fact;
use super::cron::Wrapper;

/// Deploys of a host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deploys {
    /// Processes that run code whose file is gone or was replaced.
    pub replaced: Fact<Vec<Replaced>>,
    /// Repositories of git in which something runs.
    pub repositories: Vec<Repository>,
    /// Modules of projects in which something runs.
    pub installs: Vec<Install>,
    /// Shell scripts that deploy, by their name.
    pub scripts: Vec<Wrapper>,
    /// What could not be read, and why.
    pub unseen: Vec<(String, String)>,
}

/// A process that runs code whose file is gone or was replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// Its number.
    pub pid: u32,
    /// What the kernel calls it.
    pub name: String,
    /// Its control group.
    pub group: String,
    /// The file that it runs, or a library of it.
    pub path: String,
    /// It is a library.
    pub library: bool,
    /// When the file lost its name; none where that cannot be seen.
    pub removed: Option<Timestamp>,
    /// Another file stands there now.
    pub is_there: bool,
    /// It lies where packages put theirs.
    pub of_package: bool,
}

/// A repository of git in which something runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// Its folder.
    pub folder: String,
    /// What runs there: a process, a unit, a crontab.
    pub runs: String,
    /// Files that git keeps and that are not as git left them: path below the folder, and whether it is still there.
    pub changed: Vec<(String, bool)>,
    /// How many more than those.
    pub more: usize,
}

/// Modules of a project beside the file that says which they should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Install {
    /// The file that says which.
    pub lock: String,
    /// Where they are.
    pub modules: String,
    /// What runs there.
    pub runs: String,
    /// Modules that differ.
    pub differs: Vec<Difference>,
    /// How many more than those.
    pub more: usize,
}

/// A module that is not the one that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Its name.
    pub name: String,
    /// The version that is asked for.
    pub wanted: String,
    /// The version that is there; none where it is not installed.
    pub has: Option<String>,
}
