//! Servers of others as children of a test: each in a process namespace of its own, so that it ends with all that it
//! started, and with a log that is shown where it does not come up.

use std::fs::{self, File, Permissions};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a server may take to come up.
const PATIENCE: Duration = Duration::from_secs(30);

/// One server; it ends when it is dropped.
pub(crate) struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Runs a line of the shell, which must `exec` the server, in the foreground. `$0` is the folder.
    pub(crate) fn start(folder: &Path, name: &str, line: &str) -> io::Result<Self> {
        let log = folder.join(format!("{name}.out"));
        let out = File::create(&log)?;
        let child = Command::new("unshare")
            .args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", line])
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()?;
        Ok(Self { child, log })
    }

    /// Waits until it takes connections there.
    pub(crate) fn wait_for(&mut self, address: SocketAddr) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            let is_over = self.child.try_wait()?.is_some() || Instant::now() > deadline;
            if is_over {
                let log = fs::read_to_string(&self.log)?;
                return Err(io::Error::other(format!("nobody takes connections at {address}:\n{log}")));
            }
            thread::park_timeout(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // The first process of the namespace takes all others with it; `unshare` then collects it and ends.
        let pid = self.child.id();
        let first = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        let ended = Command::new("kill").arg("-9").args(first.split_whitespace()).status();
        if first.trim().is_empty() || !ended.is_ok_and(|status| status.success()) {
            drop(self.child.kill());
        }
        drop(self.child.wait());
    }
}

/// Lets every user of the machine look into a folder, as servers do that give up their rights.
pub(crate) fn open_to_all(folder: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(mode))
}
