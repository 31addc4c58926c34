//! What `[service.NAME]` and `[host.NAME]` say.

use std::path::PathBuf;

use muster_core::time::Span;
use serde::{Deserialize, Serialize};

use crate::secret::SecretRef;

/// A machine that services are deployed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPlan {
    /// Its name in the file.
    pub name: String,
    /// Where users reach it.
    pub address: Option<String>,
    /// How ssh(1) reaches it, such as `deploy@203.0.113.10`; none is this machine itself.
    pub ssh: Option<String>,
}

/// What is deployed, where to, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct ServicePlan {
    /// Its name in the file.
    pub name: String,
    /// The hosts, in the order of the file, the canary first.
    pub hosts: Vec<HostPlan>,
    /// For the helpers on the hosts.
    pub spec: ServiceSpec,
    /// Values for its environment from this machine, by their names; they travel on standard input.
    pub secrets: Vec<(String, SecretRef)>,
    /// In which order the hosts lead requests to the new release.
    pub strategy: Strategy,
    /// What the deploying machine runs itself.
    pub hooks: Hooks,
}

/// Commands that the deploying machine runs itself: program and arguments, empty for none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hooks {
    /// Before anything is changed. When it fails, nothing is.
    pub before: Vec<String>,
    /// Once the new release stays.
    pub after: Vec<String>,
    /// Once it is known that it does not stay.
    pub failed: Vec<String>,
}

/// The part of a service that its hosts must know. It travels, and is kept with each release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceSpec {
    /// Its name.
    pub service: String,
    /// What runs it.
    pub runtime: RuntimeSpec,
    /// Names that users reach it by; empty for a service that nobody outside asks.
    pub domains: Vec<String>,
    /// Where it listens: inside its container for Docker; systemd services are told theirs as `PORT`. None is a worker.
    pub port: Option<u16>,
    /// When it is well.
    pub health: HealthSpec,
    /// A file of settings on the host, copied into each release.
    pub env_file: Option<PathBuf>,
    /// Names that must have a value in its environment before anything starts.
    pub required_env: Vec<String>,
    /// Programs that its hosts must have.
    #[serde(default)]
    pub tools: Vec<ToolSpec>,
    /// With systemd: what is handed to it as a file of its own, by name and by where it is on the host.
    #[serde(default)]
    pub credentials: Vec<(String, PathBuf)>,
    /// The user that it runs as.
    pub user: Option<String>,
    /// The most memory that it may use, in bytes.
    pub memory: Option<u64>,
    /// How often it may be started again by itself.
    pub restart: RestartSpec,
    /// A command that runs once, on one host, in the new release, before it starts anywhere.
    pub pre_deploy: Vec<String>,
    /// How nginx is led from one release to the next.
    #[serde(default)]
    pub switch: Switch,
    /// The longest that requests of the old release are waited for.
    pub drain: Span,
    /// How long the old release stays ready after that.
    pub keep_warm: Span,
    /// How many releases a host keeps, with the one in front.
    pub keep_releases: u32,
    /// How long it may take to end in order.
    pub stop_timeout: Span,
    /// Only one may run at a time, because of its data: it is stopped before the new one starts.
    pub stop_first: bool,
    /// Going back to the code before does not undo what this release does to data.
    pub irreversible: bool,
}

/// How nginx is led from one release to the next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Switch {
    /// It looks for a flag with each request: nothing is reloaded.
    #[default]
    Flag,
    /// It is given other files, and told to read them.
    Reload,
}

/// A program that a host must have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// The word that it is found by.
    pub program: String,
    /// The parts of the least version: `[3, 11]` for `>= 3.11`. Never empty.
    pub least: Vec<u64>,
}

/// What runs a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuntimeSpec {
    /// The Docker engine of the host.
    Docker {
        /// The repository of the image, with or without a tag.
        image: String,
        /// What is run in place of the image's own command.
        command: Vec<String>,
        /// Folders and volumes, as `docker run --volume` takes them.
        volumes: Vec<String>,
    },
    /// The systemd of the host.
    Systemd {
        /// Where releases come from.
        source: Source,
        /// What is run, in the folder of the release.
        command: Vec<String>,
        /// Runs once in a fresh folder of a release, before anything starts: installs what it needs.
        build: Vec<String>,
    },
}

/// Where the releases of a systemd service come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A repository that the host can clone.
    Git {
        /// Its address.
        url: String,
        /// The branch, tag or commit that is deployed when nobody names another.
        branch: String,
    },
    /// A tar archive (`.tar`, `.tar.gz`, `.tgz`) or a single program, on the deploying machine.
    Artifact(PathBuf),
}

/// When a release is well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HealthSpec {
    /// What it is asked for.
    pub path: String,
    /// Assertions about the answer, as they are written.
    pub expect: Vec<String>,
    /// So many good answers in a row are needed.
    pub consecutive: u32,
    /// And by then.
    pub within: Span,
    /// The longest that one answer may take.
    pub timeout: Span,
    /// For a worker: it has to report in as this heartbeat, `NAME` of `[check.NAME]` on its hosts.
    #[serde(default)]
    pub heartbeat: Option<String>,
}

/// How often a service may be started again by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartSpec {
    /// So often at most…
    pub max: u32,
    /// …within this time.
    pub per: Span,
}

/// In which order the hosts lead requests to the new release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strategy {
    /// Goes first, alone; one of the hosts.
    pub canary: Option<String>,
    /// For how long the canary is watched.
    pub hold: Span,
    /// How the others follow.
    pub then: Then,
}

/// How the hosts after the canary follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// All at once.
    Parallel,
    /// One after the other.
    Rolling,
}
