//! A server of its own on a socket of its own, run by nobody, and sessions that are left open.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// PostgreSQL refuses to run as root.
pub(crate) const NOBODY: u32 = 65534;
/// Where Debian has it, below a root of its own.
const DATA: &str = "var/lib/postgresql/15/main";
pub(crate) const PORT: &str = "54321";

/// A server; it ends when it is dropped.
pub(crate) struct Server {
    folder: TempDir,
    child: Child,
}

/// A session that somebody left open, or another program; it ends when it is dropped.
pub(crate) struct Left(pub(crate) Child);

impl Server {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        let data = folder.path().join(DATA);
        fs::create_dir_all(&data).unwrap();
        chown(&data, Some(NOBODY), Some(NOBODY)).unwrap();
        let made = nobody("initdb")
            .arg("-D")
            .arg(&data)
            .args(["-A", "peer", "--no-sync", "-E", "UTF8", "--locale=C"])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let child = nobody("postgres")
            .arg("-D")
            .arg(&data)
            .args(["-p", PORT, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "autovacuum=off", "-k"])
            .arg(folder.path())
            .stderr(log)
            .spawn()
            .unwrap();
        let server = Self { folder, child };
        server.until("select 1", "1");
        server.say("postgres", "create database shop");
        server
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The folder that its data are in, as on a host.
    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    fn psql(&self, database: &str) -> Command {
        let mut command = nobody("psql");
        command.args(["-XAtq", "-w", "-p", PORT, "-d", database, "-h"]).arg(self.folder.path());
        command
    }

    /// What the server answers.
    pub(crate) fn say(&self, database: &str, statement: &str) -> String {
        let done = self.psql(database).arg("-c").arg(statement).output().unwrap();
        assert!(done.status.success(), "{statement}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    /// Asks until this is the answer.
    pub(crate) fn until(&self, statement: &str, answer: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let done = self.psql("postgres").arg("-c").arg(statement).output().unwrap();
            let said = String::from_utf8_lossy(&done.stdout).trim().to_owned();
            if done.status.success() && said == answer {
                return;
            }
            let why = String::from_utf8_lossy(&done.stderr).into_owned();
            assert!(Instant::now() < deadline, "{statement} is {said:?} and never {answer:?}: {why}");
            thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// A session that says this and stays.
    pub(crate) fn leave(&self, statements: &str) -> Left {
        self.leave_at(PORT, statements)
    }

    /// The same at another port of the same folder.
    pub(crate) fn leave_at(&self, port: &str, statements: &str) -> Left {
        let mut child = self
            .psql("shop")
            .args(["-p", port])
            .env("PGAPPNAME", "left")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        writeln!(child.stdin.as_mut().unwrap(), "{statements}").unwrap();
        Left(child)
    }

    /// Stops all of it, or lets it go on.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.signal("-CONT");
        self.signal("-QUIT");
        drop(self.child.wait());
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A program of the newest PostgreSQL, run by nobody.
fn nobody(program: &str) -> Command {
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .unwrap()
        .flatten()
        .map(|entry| entry.path().join("bin").join(program))
        .filter(|path| path.exists())
        .collect();
    versions.sort();
    let mut command = Command::new(versions.pop().unwrap());
    command.uid(NOBODY).gid(NOBODY).current_dir("/").stdin(Stdio::null()).stdout(Stdio::piped());
    command
}
