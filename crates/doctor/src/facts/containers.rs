//! Containers and their images as the engine shows them. Of environment variables only names are kept.

use muster_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::Fact;

/// What one engine holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Containers {
    /// Where it was asked.
    pub socket: String,
    /// Its version.
    pub version: String,
    /// All containers, stopped ones too.
    pub all: Vec<Container>,
    /// Images that they use.
    pub images: Vec<Image>,
    /// What could not be read, and why.
    pub unseen: Vec<(String, String)>,
}

/// What an engine keeps that nothing uses, in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Hoard {
    /// Where it keeps all of it.
    pub folder: String,
    /// Images of which there is no container, and what of them no other image shares.
    pub images: (u64, u64),
    /// Steps of builds.
    pub cache: u64,
}

/// One container.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Container {
    /// Twelve digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The image as it was asked for.
    pub image: String,
    /// The image that it runs.
    pub image_id: String,
    /// What that name stands for now; none where nothing has it.
    pub image_now: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// `running`, `exited`, `restarting`…
    pub status: String,
    /// What it ended with.
    pub exit_code: i64,
    /// Why the engine could not start it.
    pub error: String,
    /// It was killed for want of memory.
    pub oom_killed: bool,
    /// How often the engine started it again.
    pub restarts: u64,
    /// Its first process; 0 without one.
    pub pid: u32,
    /// `no`, `always`, `on-failure`, `unless-stopped`.
    pub restart: String,
    /// It goes when it ends.
    pub passing: bool,
    /// An orchestrator keeps it (Swarm, Kubernetes).
    pub orchestrated: bool,
    /// The project and the service of compose.
    pub compose: Option<(String, String)>,
    /// The folder of the compose file.
    #[serde(default)]
    pub folder: Option<String>,
    /// Its addresses on networks of the engine; none where it shares the network of the host, or does not run.
    #[serde(default)]
    pub addresses: Vec<std::net::IpAddr>,
    /// The files that compose made it from.
    pub compose_files: Vec<String>,
    /// Ports that are published: address, port of the host, port in the container.
    pub ports: Vec<(String, String, String)>,
    /// Bytes; 0 without a limit.
    pub memory: u64,
    /// Its first process is a small init.
    pub init: bool,
    /// It may do what root on the host may.
    pub privileged: bool,
    /// The signal that is to stop it.
    pub stop_signal: String,
    /// Seconds until it is killed instead.
    pub stop_timeout: u64,
    /// Where its log goes, and the most bytes of one file.
    pub log: Log,
    /// What is mounted in it.
    pub mounts: Vec<Mount>,
    /// How it is asked for its health; nothing where nobody asks.
    pub health: Fact<Health>,
    /// Files of databases in its own layer, by their path in the container.
    pub written: Fact<Vec<String>>,
}

/// Where a container's log goes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Log {
    /// `json-file`, `journald`…
    pub driver: String,
    /// `max-size` as written.
    pub max_size: Option<String>,
    /// The file.
    pub path: String,
    /// Its bytes.
    pub size: Option<u64>,
}

/// One mount.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Mount {
    /// `bind`, `volume`, `tmpfs`.
    pub kind: String,
    /// The volume's name, or the path on the host.
    pub source: String,
    /// Where in the container.
    pub target: String,
}

/// The health of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// `healthy`, `unhealthy`, `starting`.
    pub status: String,
    /// Failures in a row.
    pub streak: u64,
    /// The command that asks, secrets blotted.
    pub test: Vec<String>,
    /// What the last question ended with.
    pub exit_code: Option<i64>,
    /// What it wrote, shortened and blotted.
    pub output: String,
}

/// One image.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Image {
    /// Its digest.
    pub id: String,
    /// It came from a registry.
    pub pulled: bool,
    /// Variables with a value that are named like secrets: names only.
    pub secrets: Vec<String>,
    /// Arguments of its build that are named like secrets and stand in its history: names only.
    pub build_secrets: Vec<String>,
}

impl Container {
    /// A container that runs and gives no offence: what fixtures begin with.
    pub fn sound(name: &str, image: &str) -> Self {
        Self {
            id: "0123456789ab".to_owned(),
            name: name.to_owned(),
            image: image.to_owned(),
            image_id: "sha256:1".to_owned(),
            image_now: Some("sha256:1".to_owned()),
            created: Timestamp::from_seconds(1_795_000_000),
            status: "running".to_owned(),
            exit_code: 0,
            error: String::new(),
            oom_killed: false,
            restarts: 0,
            pid: 100,
            restart: "unless-stopped".to_owned(),
            passing: false,
            orchestrated: false,
            compose: None,
            folder: None,
            addresses: Vec::new(),
            compose_files: Vec::new(),
            ports: Vec::new(),
            memory: 1 << 28,
            init: false,
            privileged: false,
            stop_signal: String::new(),
            stop_timeout: 10,
            log: Log { driver: "local".to_owned(), ..Log::default() },
            mounts: Vec::new(),
            health: Fact::Known(Health {
                status: "healthy".to_owned(),
                streak: 0,
                test: Vec::new(),
                exit_code: Some(0),
                output: String::new(),
            }),
            written: Fact::Known(Vec::new()),
        }
    }
}
