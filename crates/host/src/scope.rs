//! Transient scopes of systemd: groups of processes that systemd makes, limits and removes, for whoever may make no
//! control group. `busctl` asks for them; each question has a deadline.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use muster_config::plan::Allowance;
use rustix::process::getuid;

use crate::discover::ask;

/// The systemd that makes scopes for us.
#[derive(Debug)]
pub struct Manager {
    /// Where a user's own manager listens; none for the system's.
    runtime: Option<PathBuf>,
    /// The slice that we are in ourselves: what limits it is to limit the job as well.
    slice: Option<String>,
}

impl Manager {
    /// The manager of the system for root, of the user for others. A user's manager takes its scopes with it when it
    /// ends, so it is asked only where it stays: for a user that lingers, and from below that manager.
    ///
    /// # Errors
    /// In words, why there is none.
    pub fn ours() -> Result<Self, String> {
        Self::of(Path::new("/"), getuid().as_raw())
    }

    fn of(root: &Path, uid: u32) -> Result<Self, String> {
        if !root.join("run/systemd/system").is_dir() {
            return Err("this machine was not booted with systemd".to_owned());
        }
        let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
        if uid == 0 {
            return Ok(Self { runtime: None, slice: slice(&groups) });
        }
        let runtime = root.join(format!("run/user/{uid}"));
        if !runtime.join("bus").exists() {
            return Err(format!("user {uid} has no manager with a bus in {}", runtime.display()));
        }
        let record = fs::read_to_string(root.join(format!("run/systemd/users/{uid}"))).unwrap_or_default();
        let name = record.lines().find_map(|line| line.strip_prefix("NAME="));
        let lingers = name.is_some_and(|name| root.join("var/lib/systemd/linger").join(name).exists());
        let below = groups.split_once(&format!("/user@{uid}.service/")).map(|(_, below)| below);
        if !lingers && below.is_none() {
            return Err(format!("the manager of user {uid} ends with its last session; it does not linger"));
        }
        Ok(Self { runtime: Some(runtime), slice: below.and_then(slice) })
    }

    /// Asks for a scope of this name around a process, with these limits. It is there soon after, not at once.
    ///
    /// # Errors
    /// What systemd said, or why it was not heard.
    pub fn start(&self, unit: &str, pid: u32, limits: &Allowance, until: Instant) -> Result<(), String> {
        let mut properties: Vec<[String; 3]> = Vec::new();
        let mut set = |name: &str, kind: &str, value: String| {
            properties.push([name.to_owned(), kind.to_owned(), value]);
        };
        set("Description", "s", "limits of a job that muster runs".to_owned());
        // With it the other processes live on when one is killed for memory, and processes can be attached.
        set("Delegate", "b", "true".to_owned());
        set("CollectMode", "s", "inactive-or-failed".to_owned());
        if let Some(slice) = &self.slice {
            set("Slice", "s", slice.clone());
        }
        if let Some(memory) = limits.memory {
            set("MemoryMax", "t", memory.to_string());
            set("MemorySwapMax", "t", "0".to_owned());
        }
        if let Some(cpu) = limits.cpu {
            set("CPUQuotaPerSecUSec", "t", (u64::from(cpu) * 1000).to_string());
        }
        if let Some(pids) = limits.pids {
            set("TasksMax", "t", pids.to_string());
        }
        let count = properties.len() + 1;
        let words =
            [unit, "fail", &count.to_string(), "PIDs", "au", "1", &pid.to_string()].map(str::to_owned);
        let words = words.into_iter().chain(properties.into_iter().flatten()).chain(["0".to_owned()]);
        self.call("StartTransientUnit", "ssa(sv)a(sa(sv))", words, until)
    }

    /// Moves a process into a scope.
    ///
    /// # Errors
    /// What systemd said, or why it was not heard.
    pub fn attach(&self, unit: &str, pid: u32, until: Instant) -> Result<(), String> {
        let words = [unit, "", "1", &pid.to_string()].map(str::to_owned);
        self.call("AttachProcessesToUnit", "ssau", words, until)
    }

    fn call(
        &self,
        method: &str,
        signature: &str,
        words: impl IntoIterator<Item = String>,
        until: Instant,
    ) -> Result<(), String> {
        let mut command = Command::new("busctl");
        match &self.runtime {
            None => {
                command.arg("--system");
            }
            Some(runtime) => {
                let mut address = OsString::from("unix:path=");
                address.push(runtime.join("bus"));
                // Under cron both are missing.
                command
                    .arg("--user")
                    .env("XDG_RUNTIME_DIR", runtime)
                    .env("DBUS_SESSION_BUS_ADDRESS", address);
            }
        }
        command
            .args(["--allow-interactive-authorization=no", "--", "call"])
            .args(["org.freedesktop.systemd1", "/org/freedesktop/systemd1"])
            .args(["org.freedesktop.systemd1.Manager", method, signature])
            .args(words);
        ask::run(command, until)
    }
}

/// The innermost slice on the first path that has one.
fn slice(groups: &str) -> Option<String> {
    let of = |line: &str| line.rsplit('/').find(|part| part.ends_with(".slice")).map(str::to_owned);
    groups.lines().find_map(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a folder");
        for folder in ["run/systemd/system", "run/systemd/users", "var/lib/systemd/linger", "proc/self"] {
            fs::create_dir_all(root.path().join(folder)).expect("made");
        }
        root
    }

    fn why(root: &Path, uid: u32) -> String {
        Manager::of(root, uid).map(|_| ()).expect_err("no manager")
    }

    #[test]
    fn a_manager_that_would_end_before_the_job_is_not_asked() {
        let root = host();
        let root = root.path();
        assert!(Manager::of(root, 0).is_ok_and(|manager| manager.runtime.is_none()));
        assert!(why(root, 1000).contains("no manager"));
        fs::create_dir_all(root.join("run/user/1000")).expect("made");
        fs::write(root.join("run/user/1000/bus"), "").expect("written");
        fs::write(root.join("run/systemd/users/1000"), "# private\nNAME=deploy\nSTATE=active\n")
            .expect("written");
        assert!(why(root, 1000).contains("does not linger"));
        fs::write(root.join("var/lib/systemd/linger/deploy"), "").expect("written");
        assert!(Manager::of(root, 1000).is_ok_and(|manager| manager.runtime.is_some()));
        fs::remove_file(root.join("var/lib/systemd/linger/deploy")).expect("removed");
        let groups = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/a.service\n";
        fs::write(root.join("proc/self/cgroup"), groups).expect("written");
        let own = Manager::of(root, 1000).expect("its own");
        assert_eq!(own.slice.as_deref(), Some("app.slice"));
        let groups = "9:pids:/\n1:name=systemd:/system.slice/system-shop.slice/a.service\n";
        fs::write(root.join("proc/self/cgroup"), groups).expect("written");
        let system = Manager::of(root, 0).expect("the system's");
        assert_eq!(system.slice.as_deref(), Some("system-shop.slice"));
        fs::remove_dir(root.join("run/systemd/system")).expect("removed");
        assert!(why(root, 0).contains("not booted with systemd"));
    }
}
