//! Where muster keeps what it remembers on this machine, and where its configuration is looked for. Paths only: each
//! part reads and writes its own file.

use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use muster_core::ids::RunId;

/// Names of the state directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    root: PathBuf,
}

/// Size of the reserve file in bytes: space for outcomes on a full disk.
pub const RESERVE_BYTES: u64 = 1 << 20;

impl Layout {
    /// The names below `root`. Nothing is made or looked at.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The state directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }
    /// The embedded database.
    pub fn db(&self) -> PathBuf {
        self.root.join("muster.db")
    }
    /// Signals on their way to the agent, one file each.
    pub fn spool(&self) -> PathBuf {
        self.root.join("spool")
    }
    /// The logs of runs, one folder per job.
    pub fn runs(&self) -> PathBuf {
        self.root.join("runs")
    }
    /// The log of one run. `job` must have passed as an expectation's name, which is safe as a file name.
    pub fn run_log(&self, job: &str, run: &RunId) -> PathBuf {
        self.runs().join(job).join(format!("{run}.log"))
    }
    /// What all logs together occupy, counted by those who write them.
    pub fn log_account(&self) -> PathBuf {
        self.root.join("logs.account")
    }
    /// The lock of one job.
    pub fn lock(&self, job: &str) -> PathBuf {
        self.root.join("locks").join(format!("{job}.lock"))
    }
    /// Runs that were begun, one file each.
    pub fn claims(&self) -> PathBuf {
        self.root.join("claims")
    }
    /// The agent's wake-up socket: one datagram says "look into the spool".
    pub fn datagram(&self) -> PathBuf {
        self.root.join("agent.dgram")
    }
    /// The agent's control socket.
    pub fn socket(&self) -> PathBuf {
        self.root.join("agent.sock")
    }
    /// What was adopted, and the files that were replaced for it.
    pub fn adopted(&self) -> PathBuf {
        self.root.join("adopted")
    }
    /// What the doctor mended, with the originals.
    pub fn doctor(&self) -> PathBuf {
        self.root.join("doctor")
    }

    /// What is deployed on this host, a folder for each service.
    pub fn deploy(&self) -> PathBuf {
        self.root.join("deploy")
    }

    /// What was made of this host before anything was deployed to it, with what was replaced for that.
    pub fn prepare(&self) -> PathBuf {
        self.root.join("prepare")
    }

    /// What the agent keeps of its examinations of the host.
    pub fn chart(&self) -> PathBuf {
        self.root.join("chart.json")
    }
    /// What was accepted of this host.
    pub fn drift(&self) -> PathBuf {
        self.root.join("drift.json")
    }
    /// The texts that belong to it, secrets blotted.
    pub fn drift_texts(&self) -> PathBuf {
        self.root.join("drift")
    }

    /// Blocks that are already ours when the disk is full.
    pub fn reserve(&self) -> PathBuf {
        self.root.join("reserve")
    }

    /// Makes the directory and its folders with mode 0700, and sets the reserve aside if it is not there yet.
    ///
    /// # Errors
    /// When a folder cannot be made. A reserve that cannot be set aside is no error: a full disk must not stop the
    /// agent.
    pub fn create(&self) -> io::Result<()> {
        for folder in [self.root.clone(), self.spool(), self.runs(), self.root.join("locks")] {
            private_dir(&folder)?;
        }
        drop(self.set_reserve_aside());
        Ok(())
    }

    /// Allocates the reserve file unless it is there.
    ///
    /// # Errors
    /// When the disk is full already or the file system cannot allocate.
    pub fn set_reserve_aside(&self) -> io::Result<()> {
        let path = self.reserve();
        let file = match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            other => other?,
        };
        let allocated = rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, RESERVE_BYTES);
        if let Err(error) = allocated {
            // Half a reserve would look like a whole one next time.
            drop(fs::remove_file(&path));
            return Err(error.into());
        }
        Ok(())
    }
}

/// Makes a folder and its parents, each new one with mode 0700. A folder that is there keeps its mode.
///
/// # Errors
/// When it cannot be made, or the path is taken by something else.
pub fn private_dir(path: &Path) -> io::Result<()> {
    match DirBuilder::new().recursive(true).mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        other => other,
    }
}

/// True if others than the owner may read or write the file.
///
/// # Errors
/// When the file cannot be looked at.
pub fn is_open_to_others(path: &Path) -> io::Result<bool> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o077 != 0)
}

/// Finds the state directory: the flag, then `MUSTER_STATE`, then `[muster].state` of the file, then
/// `/var/lib/muster` for root and `$XDG_STATE_HOME/muster` (`~/.local/state/muster`) for others.
pub fn find_state(flag: Option<&Path>, file: Option<&Path>) -> Layout {
    Layout::new(state_from(flag, file, rustix::process::geteuid().is_root(), &|name| std::env::var_os(name)))
}

/// Finds the configuration: the flag, then `MUSTER_CONFIG`, then `./muster.toml`, then `/etc/muster/muster.toml`,
/// else none. A flag or variable names the file even if it is not there: silence about a typo would be wrong.
pub fn find_config(flag: Option<&Path>) -> Option<PathBuf> {
    config_from(flag, &|name| std::env::var_os(name), &|path| path.is_file())
}

fn state_from(
    flag: Option<&Path>,
    file: Option<&Path>,
    root: bool,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> PathBuf {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(path) = flag {
        return path.to_owned();
    }
    if let Some(path) = set("MUSTER_STATE").or_else(|| file.map(Path::to_owned)) {
        return path;
    }
    if root {
        return PathBuf::from("/var/lib/muster");
    }
    // The XDG rules say that a relative path counts as unset.
    let base = set("XDG_STATE_HOME").filter(|path| path.is_absolute());
    let home = || set("HOME").map(|home| home.join(".local/state"));
    match base.or_else(home) {
        Some(base) => base.join("muster"),
        None => PathBuf::from(format!("/var/tmp/muster-{}", rustix::process::geteuid().as_raw())),
    }
}

fn config_from(
    flag: Option<&Path>,
    variable: &dyn Fn(&str) -> Option<OsString>,
    exists: &dyn Fn(&Path) -> bool,
) -> Option<PathBuf> {
    if let Some(path) = flag {
        return Some(path.to_owned());
    }
    if let Some(path) = variable("MUSTER_CONFIG").filter(|value| !value.is_empty()) {
        return Some(PathBuf::from(path));
    }
    ["muster.toml", "/etc/muster/muster.toml"].map(PathBuf::from).into_iter().find(|path| exists(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_found_in_the_documented_order() {
        let none = |_: &str| None;
        let all = |name: &str| match name {
            "MUSTER_STATE" => Some(OsString::from("/variable")),
            "XDG_STATE_HOME" => Some(OsString::from("/xdg")),
            "HOME" => Some(OsString::from("/home/x")),
            _ => None,
        };
        let home = |name: &str| if name == "MUSTER_STATE" { Some(OsString::new()) } else { all(name) };
        let (flag, file) = (Some(Path::new("/flag")), Some(Path::new("/file")));
        assert_eq!(state_from(flag, file, true, &all), Path::new("/flag"));
        assert_eq!(state_from(None, file, true, &all), Path::new("/variable"));
        assert_eq!(state_from(None, file, true, &none), Path::new("/file"));
        assert_eq!(state_from(None, None, true, &none), Path::new("/var/lib/muster"));
        assert_eq!(state_from(None, None, false, &home), Path::new("/xdg/muster"));
        let relative = |name: &str| if name == "XDG_STATE_HOME" { Some("x".into()) } else { home(name) };
        assert_eq!(state_from(None, None, false, &relative), Path::new("/home/x/.local/state/muster"));
    }

    #[test]
    fn the_configuration_is_found_in_the_documented_order() {
        let none = |_: &str| None;
        let set = |_: &str| Some(OsString::from("/missing.toml"));
        assert_eq!(config_from(Some(Path::new("x")), &set, &|_| true), Some("x".into()));
        assert_eq!(config_from(None, &set, &|_| false), Some("/missing.toml".into()));
        assert_eq!(config_from(None, &none, &|_| true), Some("muster.toml".into()));
        assert_eq!(config_from(None, &none, &|p| p.is_absolute()), Some("/etc/muster/muster.toml".into()));
        assert_eq!(config_from(None, &none, &|_| false), None);
    }

    #[test]
    fn a_new_state_directory_is_private_and_has_a_reserve() {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(folder.path().join("deep/state"));
        layout.create().expect("made");
        layout.create().expect("made twice");
        for path in [layout.root().to_owned(), layout.spool(), layout.runs()] {
            assert!(!is_open_to_others(&path).expect("there"), "{path:?}");
        }
        assert_eq!(fs::metadata(layout.reserve()).expect("there").len(), RESERVE_BYTES);
        let run = RunId::new("20261121T074200.123Z-9f3c2a71").expect("valid");
        assert!(layout.run_log("a", &run).ends_with("runs/a/20261121T074200.123Z-9f3c2a71.log"));
    }
}
