//! One service in containers, and what it is asked.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use muster_config::plan::ServiceSpec;
use muster_host::state::Layout;

use super::client::{self, left};
use super::look::{self, Container};
use crate::release::{Release, Side};
use crate::runtime::{Runtime, Standing};
use crate::trouble::Trouble;

/// Bytes that a command which runs once may write to its file.
const ONCE_OUTPUT: usize = 16 << 20;

/// The containers of one service on this host.
#[derive(Debug, Clone)]
pub struct Docker {
    pub(super) service: String,
    /// The repository of its images.
    pub(super) repository: String,
    pub(super) volumes: Vec<String>,
    /// Where it listens inside its container; none is a worker.
    pub(super) port: Option<u16>,
    pub(super) user: Option<String>,
    /// In bytes.
    pub(super) memory: Option<u64>,
    pub(super) stop_timeout: Duration,
    /// The images that were brought here, a file for each service.
    pub(super) records: PathBuf,
}

impl Docker {
    /// The containers of a service, whose images come from this repository and which have these volumes. Nothing is asked
    /// or changed.
    pub fn new(spec: &ServiceSpec, image: &str, volumes: &[String], layout: &Layout) -> Self {
        Self {
            service: spec.service.clone(),
            repository: super::reference::repository(image).to_owned(),
            volumes: volumes.to_vec(),
            port: spec.port,
            user: spec.user.clone(),
            memory: spec.memory,
            stop_timeout: spec.stop_timeout.to_std(),
            records: layout.root().join("images"),
        }
    }

    /// The name of the container of a side.
    pub(super) fn name(&self, side: Side) -> String {
        format!("muster-{}-{}", self.service, side.word())
    }

    /// The container of a side, if it is ours.
    pub(super) fn container(&self, side: Side) -> Result<Option<Container>, Trouble> {
        let name = self.name(side);
        let Some(container) = look::inspect(&name)? else { return Ok(None) };
        if container.label(look::SERVICE) != Some(&self.service) || container.release().is_none() {
            let what = format!("the container {name} is not of muster's making");
            return Err(Trouble::new(what).help(format!("docker rename {name} another-name")));
        }
        Ok(Some(container))
    }
}

impl Runtime for Docker {
    fn objections(&self) -> Vec<Trouble> {
        let engine = match client::engine() {
            Ok(engine) => engine,
            Err(trouble) => return vec![trouble],
        };
        let mut found = Vec::new();
        if self.memory.is_some() && engine.lets_memory_grow() {
            found.push(
                Trouble::new(
                    "the kernel of this host does not let Docker limit memory, and the service has a limit",
                )
                .help("boot with cgroup_enable=memory, or leave `memory` out"),
            );
        }
        found.extend(Side::BOTH.iter().filter_map(|side| self.container(*side).err()));
        found
    }

    fn fetch(&self, version: &str, until: Instant) -> Result<String, Trouble> {
        self.bring(version, until)
    }

    fn once(
        &self,
        release: &Release,
        command: &[String],
        output: &Path,
        until: Instant,
    ) -> Result<i32, Trouble> {
        let name = format!("muster-{}-once", self.service);
        let mut file = File::create(output)
            .map_err(|error| Trouble::new(format!("{} cannot be made: {error}", output.display())))?;
        // One that a killed deploy left behind.
        Self::remove_by_force(&name);
        let engine = client::engine()?;
        let words = self.once_words(&name, release, command, &engine)?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let words = client::words_of(&words);
        let mut program = client::program(&words, left(until));
        program.output = ONCE_OUTPUT;
        let ended = program.run_into(&mut file).inspect_err(|_| Self::remove_by_force(&name))?;
        match ended.status.code() {
            // What docker itself says when it could not start anything.
            Some(125) => Err(client::explained(&ended)),
            Some(code) => Ok(code),
            None => {
                Self::remove_by_force(&name);
                Err(ended.trouble())
            }
        }
    }

    fn start(&self, release: &Release, side: Side, port: u16, until: Instant) -> Result<(), Trouble> {
        self.make(release, side, port, until)
    }

    fn resume(&self, side: Side, until: Instant) -> Result<(), Trouble> {
        self.wake(side, until)
    }

    fn look(&self, side: Side) -> Result<Option<Standing>, Trouble> {
        let standing = |found: Container| Some(found.standing(found.release()?));
        Ok(self.container(side)?.and_then(standing))
    }

    fn listens(&self, side: Side, port: u16) -> Result<bool, Trouble> {
        self.container(side)?.map_or(Ok(false), |container| container.holds(port))
    }

    fn words(&self, side: Side, lines: usize) -> Vec<String> {
        let (name, tail) = (self.name(side), lines.min(1000).to_string());
        let words = client::words_of(&["logs", "--tail", &tail, &name]);
        match client::program(&words, Duration::from_secs(10)).run_merged() {
            Ok(ended) if ended.status.success() => crate::program::lines(&client::text(&ended), lines),
            // There are no words of a release that nobody started.
            Ok(_) | Err(_) => Vec::new(),
        }
    }

    fn stop(&self, side: Side, within: Duration) -> Result<(), Trouble> {
        self.end(side, within)
    }

    fn prune(&self, keep: &[Release]) -> Result<Vec<String>, Trouble> {
        self.clear(keep)
    }
}
