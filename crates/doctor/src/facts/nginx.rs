//! What nginx is told: its files as one tree, and what the running host says to it.

use muster_core::time::Timestamp;
pub use muster_host::nginx::Directive;
use serde::{Deserialize, Serialize};

use super::Fact;

/// The configuration of nginx.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nginx {
    /// It runs; nothing of that sort where only files were read.
    pub running: Fact<bool>,
    /// Files in the order in which they were read.
    pub files: Vec<String>,
    /// Directives of the first file.
    pub tree: Vec<Directive>,
    /// What stands in the folders that people put sites into.
    pub sites: Vec<Site>,
    /// Ports of this host that something listens on.
    pub ports: Fact<Vec<Port>>,
    /// Names that `/etc/hosts` knows.
    pub hosts: Vec<String>,
    /// Docker forwards ports without a listening process.
    pub hidden_ports: bool,
    /// What `nginx -t` complains of; empty where it does not.
    pub test: Fact<String>,
    /// What runs of it outside of containers, and what that has read.
    pub masters: Fact<Vec<Master>>,
    /// What could not be read, and why.
    pub unseen: Vec<(String, String)>,
}

/// A name in a folder such as `sites-enabled`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// Its path.
    pub path: String,
    /// What it says, if it is a symbolic link.
    pub link: Option<String>,
    /// A file stands there, links followed.
    pub is_there: bool,
    /// The package that brought it.
    pub package: Option<String>,
}

/// A port that something listens on, on the loopback or on all addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// Its number.
    pub port: u16,
    /// Reached by 127.0.0.1.
    pub v4: bool,
    /// Reached by ::1.
    pub v6: bool,
}

/// A first process of nginx. It reads its files when it starts and when it is told to; each time it starts its workers anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Master {
    /// Its number.
    pub pid: u32,
    /// The file that it begins with.
    pub conf: String,
    /// When the oldest of its workers was started.
    pub read_at: Timestamp,
    /// Files of its configuration, and when each was last written.
    pub files: Vec<(String, Timestamp)>,
    /// Certificates that it is told to show.
    pub shown: Vec<Shown>,
}

/// A certificate in its file, and the one that is shown in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// Where it is named: file, line.
    pub named: (String, u32),
    /// Its file.
    pub path: String,
    /// When that was last written.
    pub written: Timestamp,
    /// From when the certificate in it is good.
    pub from: Timestamp,
    /// Where it is shown: `127.0.0.1:443 for shop.test`.
    pub at: String,
    /// What is shown there; nothing where nobody can ask.
    pub served: Fact<Served>,
}

/// A certificate as a server shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// From when it is good.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// One of the files that are named for the same server holds it.
    pub on_disk: bool,
    /// It is for a name that the one in the file is for, too.
    pub same_name: bool,
}

impl Nginx {
    /// The file that a directive stands in.
    pub fn file(&self, directive: &Directive) -> &str {
        self.files.get(directive.file as usize).map_or("", String::as_str)
    }

    /// Every directive with those that it stands in, the outermost first; included files count as if they stood there.
    pub fn each<'n>(&'n self, visit: &mut impl FnMut(&[&'n Directive], &'n Directive)) {
        muster_host::nginx::each(&self.tree, visit);
    }
}
