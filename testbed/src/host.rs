//! One server. It is gone when the value is dropped.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const IMAGE: &str = "muster-testbed:2";
const WEB: &str = "muster-testbed-web:1";

/// A running Debian server.
#[derive(Debug)]
pub struct Host {
    container: String,
}

/// What a command on the server did.
#[derive(Debug)]
pub struct Done {
    /// Exit code; 137 for one that was killed.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Host {
    /// Starts a server and waits until systemd has started everything.
    ///
    /// # Errors
    /// In words, with what Docker said.
    pub fn start(name: &str) -> Result<Self, String> {
        Self::of(IMAGE, name, name, &[])
    }

    /// Starts a server that has what a web server has beside that: nginx, sshd, logrotate, nft, git.
    ///
    /// # Errors
    /// In words, with what Docker said.
    pub fn start_web(name: &str) -> Result<Self, String> {
        Self::of(WEB, name, name, &[])
    }

    /// Starts a web server whose own Docker engine has a volume to keep its images on. Unlike the layers of the host
    /// itself, a volume can have layers on it.
    pub(crate) fn start_with_volume(name: &str, hostname: &str) -> Result<Self, String> {
        Self::of(WEB, name, hostname, &["--volume", "/var/lib/docker"])
    }

    fn of(image: &str, name: &str, hostname: &str, more: &[&str]) -> Result<Self, String> {
        let container = format!("muster-{name}-{}", std::process::id());
        let mut words = vec![
            "run",
            "--detach",
            "--name",
            &container,
            "--hostname",
            hostname,
            "--cap-add",
            "SYS_ADMIN",
            "--cap-add",
            "NET_ADMIN",
            // Whose socket it is, root of a real server may see.
            "--cap-add",
            "SYS_PTRACE",
            "--security-opt",
            "seccomp=unconfined",
            "--security-opt",
            "apparmor=unconfined",
            "--tmpfs",
            "/run",
            "--tmpfs",
            "/run/lock",
            "--volume",
            "/sys/fs/cgroup:/sys/fs/cgroup:rw",
            "--cgroupns=host",
        ];
        words.extend(more);
        words.extend([image, "/sbin/init"]);
        succeed(docker(&words, &[])?)?;
        let host = Self { container };
        // The packaged configuration listens twice on one address when localhost has two names.
        host.put(
            "/etc/smtpd.conf",
            b"listen on 127.0.0.1\naction \"local\" mbox\nmatch from any for any action \"local\"\n",
            "644",
        )?;
        host.wait(Duration::from_secs(180), "systemd to finish booting", |host| {
            let state = host.run("systemctl is-system-running")?.out;
            Ok(matches!(state.trim(), "running" | "degraded"))
        })?;
        host.must("systemctl restart opensmtpd")?;
        Ok(host)
    }

    /// Its name for Docker, and for its neighbours on a network.
    pub fn container(&self) -> &str {
        &self.container
    }

    /// Stops every process of it where it stands.
    ///
    /// # Errors
    /// What Docker said.
    pub fn pause(&self) -> Result<(), String> {
        succeed(docker(&["pause", &self.container], &[])?).map(drop)
    }

    /// Lets them go on.
    ///
    /// # Errors
    /// What Docker said.
    pub fn unpause(&self) -> Result<(), String> {
        succeed(docker(&["unpause", &self.container], &[])?).map(drop)
    }

    /// Runs a shell script on the server as root.
    ///
    /// # Errors
    /// Only when Docker itself fails; the script's own exit code is in [`Done`].
    pub fn run(&self, script: &str) -> Result<Done, String> {
        let output = docker(&["exec", &self.container, "sh", "-c", script], &[])?;
        Ok(Done {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs a script that must succeed, and gives back its output.
    ///
    /// # Errors
    /// The script, its code and what it said.
    pub fn must(&self, script: &str) -> Result<String, String> {
        let done = self.run(script)?;
        if done.code == 0 {
            Ok(done.out)
        } else {
            Err(format!("{script}\nexit {}\n{}{}", done.code, done.out, done.err))
        }
    }

    /// Writes a file on the server.
    ///
    /// # Errors
    /// What Docker or the server's shell said.
    pub fn put(&self, path: &str, bytes: &[u8], mode: &str) -> Result<(), String> {
        let script = format!(
            "mkdir -p $(dirname {path}) && cat > {path}.part && chmod {mode} {path}.part && mv {path}.part {path}"
        );
        succeed(docker(&["exec", "--interactive", &self.container, "sh", "-c", &script], bytes)?).map(drop)
    }

    /// Copies a file of this machine to the server.
    ///
    /// # Errors
    /// When it cannot be read here or written there.
    pub fn copy(&self, from: &Path, to: &str, mode: &str) -> Result<(), String> {
        let bytes = std::fs::read(from).map_err(|error| format!("{}: {error}", from.display()))?;
        self.put(to, &bytes, mode)
    }

    /// Waits until a condition holds, looking twice a second.
    ///
    /// # Errors
    /// What was waited for, when the time is up; or the condition's own error.
    pub fn wait(
        &self,
        limit: Duration,
        what: &str,
        mut holds: impl FnMut(&Self) -> Result<bool, String>,
    ) -> Result<Duration, String> {
        let start = Instant::now();
        loop {
            if holds(self)? {
                return Ok(start.elapsed());
            }
            if start.elapsed() > limit {
                return Err(format!("waited {limit:?} in vain for {what}"));
            }
            std::thread::sleep(Duration::from_millis(500));
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if std::env::var_os("MUSTER_TESTBED_KEEP").is_none() {
            let _gone = docker(&["rm", "--force", "--volumes", &self.container], &[]);
        }
    }
}

/// True if an engine answers and has the image of a server.
pub fn is_ready() -> bool {
    docker(&["image", "inspect", IMAGE], &[]).is_ok_and(|output| output.status.success())
}

pub(crate) fn docker(words: &[&str], input: &[u8]) -> Result<Output, String> {
    let mut child = Command::new("docker")
        .args(words)
        .stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("docker: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input).map_err(|error| format!("docker {}: {error}", words.join(" ")))?;
    }
    child.wait_with_output().map_err(|error| format!("docker {}: {error}", words.join(" ")))
}

pub(crate) fn succeed(output: Output) -> Result<Output, String> {
    if output.status.success() {
        Ok(output)
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
