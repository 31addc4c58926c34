//! One version of a service, and the side of a host that it stands on.

use std::path::PathBuf;

use muster_core::time::Timestamp;
use serde::{Deserialize, Serialize};

pub use muster_core::plan::Side;

/// One version of a service as one host knows it. Everything that a rollback needs is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Counts up by one with every deploy of the service; the highest number is the newest, whatever the clock says.
    pub number: u64,
    /// What runs: `ghcr.io/acme/api@sha256:…` for Docker, the folder of the release for systemd.
    pub artefact: String,
    /// How people call it: a tag, a commit, a file name.
    pub version: String,
    /// The file with its environment, 0600, of this release alone; none where the service has no environment. Each line is
    /// `NAME=value`, the value as it stands there to the end of the line: nothing is quoted.
    pub env_file: Option<PathBuf>,
    /// What is run in place of the command of the image.
    pub command: Vec<String>,
    /// Its changes to data cannot be undone by going back to the code before it.
    pub irreversible: bool,
    /// Who deployed it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}
