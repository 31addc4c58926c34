//! What runs on a side, and how it is started, watched and stopped. One folder per runtime.
//!
//! | module | holds |
//! |---|---|
//! | [`docker`] | containers of the Docker engine |
//! | [`systemd`] | units of systemd |
//! | `sockets` | who listens on a port of loopback |
//! | `words` | what both runtimes say alike |

pub mod docker;
mod sockets;
pub mod systemd;
mod words;

use std::path::Path;
use std::time::{Duration, Instant};

use muster_config::plan::{RuntimeSpec, ServiceSpec};
use muster_host::state::Layout;

use crate::release::{Release, Side};
use crate::trouble::Trouble;

pub(crate) use sockets::is_free;

/// How the release on a side stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The number of the release that was started there.
    pub release: u64,
    /// What it does.
    pub state: State,
    /// How often it was started again since then; a release that restarts is not well, whatever it answers in between.
    pub restarts: u32,
}

/// What a release on a side does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It runs.
    Running,
    /// It is on its way, up or down.
    Changing,
    /// It ended, and why in words: `exit 1`, `killed for memory (512 MiB)`.
    Ended(String),
    /// It was stopped in order and is kept.
    Stopped,
}

/// Starts, watches and stops what runs on the sides of one service on this host. It decides no order: the plan in core does.
///
/// Every method ends by `until` or within a few seconds, and doing it twice is doing it once. What it starts listens on
/// loopback only, has the environment of its release and never a secret in its arguments, and does not come back after a
/// reboot once it was stopped.
pub trait Runtime: std::fmt::Debug {
    /// The words of what is missing on this host for it to work; empty if nothing is.
    fn objections(&self) -> Vec<Trouble>;

    /// Brings an image, commit or file to this host. The answer names exactly this content, for [`Release::artefact`].
    ///
    /// # Errors
    /// It cannot be had, or not in time.
    fn fetch(&self, version: &str, until: Instant) -> Result<String, Trouble>;

    /// Runs a command once in a release, beside what serves; its output goes to the file. The answer is its exit code.
    ///
    /// # Errors
    /// It could not be started, or did not end in time and was killed.
    fn once(
        &self,
        release: &Release,
        command: &[String],
        output: &Path,
        until: Instant,
    ) -> Result<i32, Trouble>;

    /// Starts a release on a side, where it is to listen on this port of loopback. What stood on that side before is
    /// removed, if it runs no more.
    ///
    /// # Errors
    /// The side is taken by a release that runs; the port is not free; it cannot be started.
    fn start(&self, release: &Release, side: Side, port: u16, until: Instant) -> Result<(), Trouble>;

    /// Starts again what stands on a side and was stopped.
    ///
    /// # Errors
    /// Nothing stands there, or it cannot be started.
    fn resume(&self, side: Side, until: Instant) -> Result<(), Trouble>;

    /// How a side stands; none if nothing does.
    ///
    /// # Errors
    /// Nobody could see.
    fn look(&self, side: Side) -> Result<Option<Standing>, Trouble>;

    /// Whether what listens on this port of loopback belongs to the release on that side, and is not a neighbour.
    ///
    /// # Errors
    /// Nobody could see.
    fn listens(&self, side: Side, port: u16) -> Result<bool, Trouble>;

    /// The last lines that the release on a side wrote.
    fn words(&self, side: Side, lines: usize) -> Vec<String>;

    /// Stops what runs on a side, with so much time to end in order; it is kept, so that it can be resumed.
    ///
    /// # Errors
    /// It could not be stopped.
    fn stop(&self, side: Side, within: Duration) -> Result<(), Trouble>;

    /// Removes what is kept of releases other than these: images, folders. Never what runs.
    ///
    /// # Errors
    /// Something could not be removed.
    fn prune(&self, keep: &[Release]) -> Result<Vec<String>, Trouble>;
}

/// What runs this service on this host.
pub fn of(spec: &ServiceSpec, layout: &Layout) -> Box<dyn Runtime + Send> {
    match &spec.runtime {
        RuntimeSpec::Docker { image, volumes, .. } => {
            Box::new(docker::Docker::new(spec, image, volumes, layout))
        }
        RuntimeSpec::Systemd { source, build, .. } => {
            Box::new(systemd::Systemd::new(spec, source, build, layout))
        }
    }
}
