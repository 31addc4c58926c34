//! Tests that need a part of the machine, and are *counted* as ignored where it is missing.
//!
//! The built-in harness cannot ignore a test at run time, so a test file that needs parts is its own harness:
//! `harness = false` in the manifest, and `fn main() { Suite::new().test(…).run() }`. A part named in `MUSTER_REQUIRE`
//! (comma-separated) must be there: its tests then run and fail instead of being ignored.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use libtest_mimic::{Arguments, Failed, Trial};

use crate::database::postgres_bin;

/// A part of the machine that a test needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// User id 0 with the right to mount.
    Root,
    /// A Docker engine that answers and has the testbed's server image.
    Docker,
    /// Chromium and its WebDriver.
    Chromium,
    /// OpenSMTPD.
    Smtpd,
    /// BIND.
    Bind,
    /// Dovecot with IMAP, LMTP and submission.
    Dovecot,
    /// PostgreSQL.
    Postgres,
    /// PgBouncer.
    Pgbouncer,
    /// MariaDB.
    Mariadb,
    /// Redis.
    Redis,
    /// cron(8) and libfaketime.
    Cron,
    /// A memory control group of version 1 in which we may make another.
    MemoryCgroup,
    /// A free loop device and mkfs.ext4(8).
    Loop,
    /// OpenStack Swift: proxy, account, container and object server.
    Swift,
    /// nginx(8) with TLS and HTTP/2.
    Nginx,
    /// logrotate(8).
    Logrotate,
    /// systemd-analyze(1), which judges units without a running systemd.
    SystemdAnalyze,
    /// Python 3.
    Python,
    /// Node.js.
    Node,
    /// Network namespaces with iptables, nftables and ipsets in them, and Docker's proxy.
    Netfilter,
}

impl Part {
    /// The word in `MUSTER_REQUIRE`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Docker => "docker",
            Self::Chromium => "chromium",
            Self::Smtpd => "smtpd",
            Self::Bind => "bind",
            Self::Dovecot => "dovecot",
            Self::Postgres => "postgres",
            Self::Pgbouncer => "pgbouncer",
            Self::Mariadb => "mariadb",
            Self::Redis => "redis",
            Self::Cron => "cron",
            Self::MemoryCgroup => "memory-cgroup",
            Self::Loop => "loop",
            Self::Swift => "swift",
            Self::Nginx => "nginx",
            Self::Logrotate => "logrotate",
            Self::SystemdAnalyze => "systemd-analyze",
            Self::Python => "python",
            Self::Node => "node",
            Self::Netfilter => "netfilter",
        }
    }

    /// True if the part is here.
    pub fn is_here(self) -> bool {
        match self {
            Self::Root => answers("unshare", &["--mount", "true"]),
            Self::Docker => answers("docker", &["image", "inspect", "muster-testbed:2"]),
            Self::Chromium => {
                Path::new("/usr/bin/chromium").exists() && Path::new("/usr/bin/chromedriver").exists()
            }
            Self::Smtpd => Path::new("/usr/sbin/smtpd").exists() && answers("unshare", &["--mount", "true"]),
            Self::Bind => Path::new("/usr/sbin/named").exists() && answers("unshare", &["--mount", "true"]),
            Self::Dovecot => {
                Path::new("/usr/lib/dovecot/submission").exists()
                    && Path::new("/usr/lib/dovecot/lmtp").exists()
                    && answers("unshare", &["--mount", "true"])
            }
            Self::Postgres => postgres_bin().is_some() && answers("unshare", &["--mount", "true"]),
            Self::Pgbouncer => answers("pgbouncer", &["--version"]),
            Self::Mariadb => {
                Path::new("/usr/sbin/mariadbd").exists() && answers("unshare", &["--mount", "true"])
            }
            Self::Redis => {
                Path::new("/usr/bin/redis-server").exists() && answers("unshare", &["--mount", "true"])
            }
            Self::Cron => Path::new("/usr/sbin/cron").exists() && Path::new("/usr/bin/faketime").exists(),
            Self::Swift => {
                ["proxy", "account", "container", "object"]
                    .iter()
                    .all(|kind| Path::new(&format!("/usr/bin/swift-{kind}-server")).exists())
                    && answers("unshare", &["--mount", "true"])
            }
            Self::Nginx => answers("nginx", &["-v"]),
            Self::Logrotate => Path::new("/usr/sbin/logrotate").exists(),
            Self::SystemdAnalyze => answers("systemd-analyze", &["--version"]),
            Self::Python => answers("python3", &["--version"]),
            Self::Node => answers("node", &["--version"]),
            Self::Netfilter => {
                let tools =
                    "iptables-nft-save && ip6tables-nft-save && ipset list && nft list ruleset && ip link";
                answers("unshare", &["--net", "sh", "-c", tools])
                    && answers("sh", &["-c", "command -v docker-proxy iptables-legacy-save"])
            }
            Self::Loop => answers("losetup", &["-f"]) && answers("mkfs.ext4", &["-V"]),
            Self::MemoryCgroup => {
                let probe = format!("/sys/fs/cgroup/memory/muster-probe-{}", std::process::id());
                let limited = std::fs::create_dir(&probe).is_ok()
                    && Path::new(&probe).join("memory.limit_in_bytes").exists();
                std::fs::remove_dir(&probe).is_ok() && limited
            }
        }
    }

    fn is_required(self) -> bool {
        std::env::var("MUSTER_REQUIRE")
            .is_ok_and(|list| list.split(',').any(|word| word.trim() == self.word()))
    }
}

fn answers(program: &str, words: &[&str]) -> bool {
    Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// A list of tests with the parts they need.
#[derive(Default)]
pub struct Suite {
    trials: Vec<Trial>,
}

impl Suite {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a test. It fails by panicking, like any test.
    #[must_use]
    pub fn test(self, name: &str, parts: &[Part], body: fn()) -> Self {
        self.fallible(name, parts, move || {
            body();
            Ok(())
        })
    }

    /// Adds a test that fails by returning words.
    #[must_use]
    pub fn fallible(
        mut self,
        name: &str,
        parts: &[Part],
        body: impl FnOnce() -> Result<(), String> + Send + 'static,
    ) -> Self {
        let missing: Vec<&str> = parts
            .iter()
            .filter(|part| !part.is_required() && !part.is_here())
            .map(|part| part.word())
            .collect();
        // The reason stands in the name's place for a kind, so that a list of ignored tests says what they lack.
        let trial = Trial::test(name, move || body().map_err(Failed::from));
        self.trials.push(if missing.is_empty() {
            trial
        } else {
            trial.with_kind(format!("needs {}", missing.join(", "))).with_ignored_flag(true)
        });
        self
    }

    /// Runs the list with the usual arguments of a test binary.
    pub fn run(self) -> ExitCode {
        libtest_mimic::run(&Arguments::from_args(), self.trials).exit_code()
    }
}
