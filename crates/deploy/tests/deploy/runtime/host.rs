//! A throw-away server with systemd, in which this very test program is run again.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::wait::within;

/// Says to this program that it is on such a server, and may do there what it likes.
pub(crate) const INSIDE: &str = "MUSTER_ON_A_THROWAWAY_HOST";
/// The testbed's server with git.
const IMAGE: &str = "muster-testbed-web:1";

struct Server(String);

impl Drop for Server {
    fn drop(&mut self) {
        drop(docker(&["rm", "--force", "--volumes", &self.0]));
    }
}

fn docker(words: &[&str]) -> Output {
    Command::new("docker").args(words).stdin(Stdio::null()).output().expect("docker runs")
}

impl Server {
    fn start(name: &str) -> Self {
        let server = Self(format!("muster-{name}-{}", std::process::id()));
        let mut words = vec!["run", "--detach", "--name", &server.0];
        words.extend(["--cap-add", "SYS_ADMIN", "--cap-add", "NET_ADMIN"]);
        // As root has on a host: without it nobody sees the sockets of another user's process.
        words.extend(["--cap-add", "SYS_PTRACE"]);
        words.extend(["--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"]);
        words.extend(["--tmpfs", "/run", "--tmpfs", "/run/lock", "--cgroupns=host"]);
        words.extend(["--volume", "/sys/fs/cgroup:/sys/fs/cgroup:rw", IMAGE, "/sbin/init"]);
        succeed(&words);
        server.wait();
        let program = std::env::current_exe().expect("we are somewhere");
        succeed(&["cp", program.to_str().expect("text"), &format!("{}:/root/tests", server.0)]);
        server
    }

    /// Waits until it has booted.
    fn wait(&self) {
        within(Duration::from_secs(60), "systemd to come up", || {
            let state = docker(&["exec", &self.0, "systemctl", "is-system-running"]).stdout;
            matches!(state.trim_ascii(), b"running" | b"degraded").then_some(())
        });
    }

    /// Runs this program there, and fails with what it said.
    fn run(&self, what: &str) {
        let inside = format!("{INSIDE}={what}");
        let ran = docker(&["exec", "--env", &inside, &self.0, "/root/tests", "--test-threads", "1"]);
        let said =
            format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        assert!(ran.status.success(), "{said}");
        println!("{said}");
    }
}

fn succeed(words: &[&str]) {
    let done = docker(words);
    assert!(done.status.success(), "docker {words:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// Runs the tests that are to have a server of their own.
pub(crate) fn tests_pass_on_a_server_with_systemd() {
    Server::start("runtime").run("all");
}

pub(crate) fn comes_back_after_a_reboot() {
    let server = Server::start("reboot");
    server.run("before");
    succeed(&["restart", "--time", "20", &server.0]);
    server.wait();
    server.run("after");
}
