//! What puts packet filters in place when the host starts: files of rules, scripts that insert some, and settings of the
//! kernel.

use serde::{Deserialize, Serialize};

/// What the files say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filters {
    /// Rules that a file restores, as `iptables-restore` reads them (`-A chain …`), in their order.
    pub restored: Vec<Line>,
    /// Lines of scripts, units and crontabs that change packet filters, secrets blotted.
    pub scripts: Vec<Insertion>,
    /// `nftables.service` is started at boot.
    pub nftables: bool,
    /// `flush ruleset` in what it reads.
    pub flush: Option<Line>,
    /// The folder of a program that manages all rules, such as firewalld's.
    pub manager: Option<String>,
    /// The file or link that says that Docker is on this host.
    pub docker: Option<String>,
    /// Settings of the kernel about forwarding, in the order in which they are applied.
    pub forwarding: Vec<Setting>,
    /// What could not be read, and why.
    pub unseen: Vec<(String, String)>,
}

/// A line of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The file.
    pub file: String,
    /// Line number, from 1.
    pub line: u32,
    /// What stands there.
    pub text: String,
}

/// A command that changes packet filters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Insertion {
    /// Where it stands.
    pub at: Line,
    /// A `sleep` before it in the same script, as written.
    pub after: Option<String>,
}

/// A setting of the kernel in a file (sysctl.d(5)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// Where it stands.
    pub at: Line,
    /// With dots: `net.ipv4.ip_forward`.
    pub key: String,
    /// As written.
    pub value: String,
    /// Where the value begins, in bytes from the beginning of the file.
    pub byte: u64,
    /// Somebody else than a package wrote it.
    pub own: bool,
}
