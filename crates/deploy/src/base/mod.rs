//! The base of a host: what must be there before anything is deployed to it. It is planned as data on the machine that
//! deploys, compared with the host, made piece by piece, and taken back from a record.
//!
//! Nothing that somebody else wrote is changed. The two exceptions are told first and can be given back: another muster at
//! [`PROGRAM`] is replaced, and a file of settings that others can read is closed to them.
//!
//! | module | holds |
//! |---|---|
//! | [`pieces`] | which pieces services come to (pure) |
//! | `packages` | which package brings which program, and apt |
//! | `site` | the site of a service among those of nginx |
//! | `units` | units of systemd that must run |
//! | `program` | muster itself |
//! | `look` | how a host stands to a piece |
//! | `make` | makes what is missing |
//! | `record` | what was made |
//! | `undo` | takes back what the record names |

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use muster_host::state::Layout;
use serde::{Deserialize, Serialize};

use crate::books::Folder;
use crate::program::{Ended, Input, Program};
use crate::trouble::Trouble;

mod look;
mod make;
mod packages;
pub mod pieces;
mod program;
mod record;
mod site;
mod undo;
mod units;

pub use make::make_user;
pub use undo::Fate;

/// Where muster belongs on a host.
pub const PROGRAM: &str = "/usr/local/bin/muster";
/// Where programs of a host are looked for: the path of a session over ssh leaves half of it out.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// The longest that a question to a program may take.
const MOMENT: Duration = Duration::from_secs(20);

/// One piece of the base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Piece {
    /// A package.
    Package {
        /// Its name in Debian.
        name: String,
        /// What ends well where it is there, or where something else stands in for it.
        proof: Vec<String>,
    },
    /// A system user with a group of its own.
    User {
        /// Its name.
        name: String,
        /// Its home, which is not made.
        home: PathBuf,
    },
    /// A folder of root's.
    Folder {
        /// Where.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A file of root's that begins with this text; whatever stands in it later is somebody's.
    File {
        /// Where.
        path: PathBuf,
        /// Its text.
        text: String,
        /// Its permission bits.
        mode: u32,
    },
    /// A file of settings, which nobody but its owner and root may read.
    Settings {
        /// Where.
        path: PathBuf,
        /// What it begins with.
        text: String,
        /// Whose it is; none is root.
        owner: Option<String>,
        /// Names that must have a value in it.
        required: Vec<String>,
    },
    /// A site of nginx that leads to a service.
    Site {
        /// The service.
        service: String,
        /// Its domains.
        domains: Vec<String>,
        /// The text of the site, if nobody wrote one.
        text: String,
    },
    /// muster itself, at [`PROGRAM`]: the very program that looks.
    Program,
    /// A unit of systemd, started with the host and now.
    Unit {
        /// Such as `nginx.service`.
        name: String,
        /// What ends well where it runs without systemd.
        proof: Vec<String>,
    },
}

/// A piece, and who wants it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// The piece.
    pub piece: Piece,
    /// The services that need it; none is muster itself.
    pub of: Vec<String>,
}

/// How a host stands to a piece.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is there.
    There,
    /// It is not: what would be done, in a few words.
    Missing(String),
    /// It waits for somebody: why, and what to do. Nothing is done about it.
    Waits(Trouble),
    /// It cannot be made here, so nothing is begun.
    Barred(Trouble),
}

impl Piece {
    /// What it is called in a list: `package nginx`.
    pub fn name(&self) -> String {
        match self {
            Self::Package { name, .. } => format!("package {name}"),
            Self::User { name, .. } => format!("user {name}"),
            Self::Folder { path, .. } => format!("folder {}", path.display()),
            Self::File { path, .. } | Self::Settings { path, .. } => format!("file {}", path.display()),
            Self::Site { domains, .. } => format!("site {}", domains.join(" ")),
            Self::Program => format!("program {PROGRAM}"),
            Self::Unit { name, .. } => format!("unit {name}"),
        }
    }
}

/// A host, or a tree of files that stands for one.
#[derive(Debug, Clone)]
pub struct Base {
    /// `/`, or the tree.
    root: PathBuf,
    /// Where the record and what was replaced are kept.
    folder: PathBuf,
    /// Services that a release of stands on it.
    deployed: Vec<String>,
}

impl Base {
    /// This host.
    ///
    /// # Errors
    /// Whoever asks is not root.
    pub fn of_host(layout: &Layout) -> Result<Self, Trouble> {
        if !rustix::process::geteuid().is_root() {
            return Err(Trouble::new("only root may prepare this machine").help("sudo muster host prepare"));
        }
        let folders = std::fs::read_dir(layout.deploy()).into_iter().flatten().flatten();
        let names = folders.filter_map(|one| one.file_name().into_string().ok());
        // What cannot be read is not taken for nothing.
        let stands = |name: &String| {
            Folder::new(layout, name)
                .read()
                .map_or(true, |books| books.confirmed.is_some() || books.pending.is_some())
        };
        let mut deployed: Vec<String> = names.filter(stands).collect();
        deployed.sort();
        Ok(Self { deployed, ..Self::new(Path::new("/"), &layout.prepare()) })
    }

    /// A tree of files, and the folder of its record.
    pub fn new(root: &Path, folder: &Path) -> Self {
        Self { root: root.to_owned(), folder: folder.to_owned(), deployed: Vec::new() }
    }

    fn below(&self, path: &Path) -> PathBuf {
        crate::scaffold::write::below(&self.root, path)
    }
}

/// Runs a program of the host to its end.
fn run(words: &[&str], env: &[(&str, &str)], within: Duration) -> Result<Ended, Trouble> {
    let words: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
    let mut values = vec![("PATH", OsStr::new(PATH))];
    values.extend(env.iter().map(|(name, value)| (*name, OsStr::new(*value))));
    Program { words: &words, env: &values, within, output: 64 << 10, stdin: Input::Nothing }.run()
}

/// The words of a proof end well.
fn holds(proof: &[String]) -> bool {
    let words: Vec<&str> = proof.iter().map(String::as_str).collect();
    !words.is_empty() && run(&words, &[], MOMENT).is_ok_and(|ended| ended.status.success())
}

/// A name of a user, package or unit that a program takes as one.
fn is_plain(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-+@".contains(c);
    !name.is_empty() && !name.starts_with(['-', '.']) && name.chars().all(fits)
}
