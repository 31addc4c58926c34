//! Makes the container of a side, starts and stops it.
//!
//! A side that runs comes back after a reboot and one that was stopped does not, so its policy is `always` while it runs and
//! `no` from before it is stopped. With `unless-stopped` an engine that was killed ends its containers when it is started
//! again, takes them for stopped, and leaves them down (seen with Docker 20.10). `on-failure:MAX` would hold to a number of restarts, but is neither: at
//! an orderly reboot a program that ends with code 0 when it is asked to is left down for ever (seen with Docker 20.10),
//! and Docker has no window of time, so it counts the restarts of a container's whole life (a program that fails once in
//! twelve seconds and one that fails once a month are alike), and then leaves it down. What bounds a release that cannot
//! run is Docker's own brake, from a tenth of a second between two starts up to a minute; a release that restarts does not
//! pass its gate, and how often it was started again is told by [`look`](crate::runtime::Runtime::look).

use std::time::{Duration, Instant};

use super::Docker;
use super::client::{self, Engine, left, must};
use super::look::{COMES_BACK, RELEASE, SERVICE, SIDE, STAYS_DOWN};
use crate::release::{Release, Side};
use crate::runtime::sockets;
use crate::trouble::Trouble;

/// Processes and threads that a container may have: more than any sane one needs, and less than what takes a host down.
const PROCESSES: &str = "4096";
/// What the logs of a container may take: three files of ten megabytes.
const LOGS: [&str; 2] = ["max-size=10m", "max-file=3"];
/// Docker's own bounds for ending a container, beyond the time that the release has.
const MARGIN: Duration = Duration::from_secs(30);

impl Docker {
    pub(super) fn make(
        &self,
        release: &Release,
        side: Side,
        port: u16,
        until: Instant,
    ) -> Result<(), Trouble> {
        let name = self.name(side);
        if let Some(found) = self.container(side)? {
            let number = found.release().unwrap_or_default();
            match (found.is_up(), number == release.number) {
                (true, true) => return Ok(()),
                (true, false) => {
                    let what = format!("release {number} runs in {name}");
                    return Err(Trouble::new(what).help("stop it first"));
                }
                (false, _) => must(&["rm", &name], left(until)).map(drop)?,
            }
        }
        if self.port.is_some() {
            sockets::is_free(port)?;
        }
        let words = self.start_words(&name, release, side, port, &client::engine()?)?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        // Nothing stood there before, so what is there now is what could not be started.
        must(&words, left(until)).map(drop).inspect_err(|_| Self::remove_by_force(&name))
    }

    pub(super) fn wake(&self, side: Side, until: Instant) -> Result<(), Trouble> {
        let name = self.name(side);
        let Some(found) = self.container(side)? else {
            return Err(Trouble::new(format!("there is no container {name} to start again")));
        };
        if found.is_up() && found.comes_back() {
            return Ok(());
        }
        must(&["update", "--restart", COMES_BACK, &name], left(until))?;
        if found.is_up() {
            return Ok(());
        }
        must(&["start", &name], left(until)).map(drop).inspect_err(|_| {
            // What did not start now is not to start at the next reboot either.
            drop(must(&["update", "--restart", STAYS_DOWN, &name], client::SOON));
        })
    }

    pub(super) fn end(&self, side: Side, within: Duration) -> Result<(), Trouble> {
        let name = self.name(side);
        if self.container(side)?.is_none() {
            return Ok(());
        }
        let stays_down = ["update", "--restart", STAYS_DOWN, &name];
        // First, so that a power cut while it ends does not bring it back. Docker refuses while it waits before another
        // start of what ended by itself: then it is stopped first.
        let is_told = client::ask(&stays_down, client::SOON)?.status.success();
        let seconds = within.as_secs_f64().ceil().to_string();
        must(&["stop", "-t", &seconds, &name], within + MARGIN)?;
        if is_told { Ok(()) } else { must(&stays_down, client::SOON).map(drop) }
    }

    /// Removes a container, whatever it does. If it is not there nothing is to be done.
    pub(super) fn remove_by_force(name: &str) {
        drop(client::ask(&["rm", "--force", name], client::SOON));
    }

    fn start_words(
        &self,
        name: &str,
        release: &Release,
        side: Side,
        port: u16,
        engine: &Engine,
    ) -> Result<Vec<String>, Trouble> {
        let mut words = words_of(&["run", "--detach", "--name", name, "--restart", COMES_BACK]);
        words.extend(words_of(&["--label", &format!("{SIDE}={}", side.word())]));
        words.extend(words_of(&["--stop-timeout", &self.stop_timeout.as_secs().to_string()]));
        if let Some(inside) = self.port {
            // On loopback only: what Docker publishes goes past the firewall of the host.
            words.extend(words_of(&["--publish", &format!("127.0.0.1:{port}:{inside}")]));
        }
        self.finish(words, release, &release.command, engine)
    }

    pub(super) fn once_words(
        &self,
        name: &str,
        release: &Release,
        command: &[String],
        engine: &Engine,
    ) -> Result<Vec<String>, Trouble> {
        self.finish(words_of(&["run", "--rm", "--name", name]), release, command, engine)
    }

    /// What every container of the service has.
    fn finish(
        &self,
        mut words: Vec<String>,
        release: &Release,
        command: &[String],
        engine: &Engine,
    ) -> Result<Vec<String>, Trouble> {
        let mut add = |more: &[&str]| words.extend(words_of(more));
        add(&["--label", &format!("{SERVICE}={}", self.service)]);
        add(&["--label", &format!("{RELEASE}={}", release.number)]);
        // Something that hands signals on and buries the dead: process 1 has no signals that end it by default.
        add(&["--init", "--pull", "never", "--pids-limit", PROCESSES]);
        add(&["--security-opt", "no-new-privileges"]);
        // No secrets: those are in the file.
        add(&["--env", &format!("MUSTER_RELEASE={}", release.number)]);
        if let Some(port) = self.port {
            add(&["--env", &format!("PORT={port}")]);
        }
        if let Some(file) = &release.env_file {
            let Some(file) = file.to_str() else {
                return Err(Trouble::new(format!("{} is not a name in UTF-8", file.display())));
            };
            add(&["--env-file", file]);
        }
        if let Some(memory) = self.memory {
            // The same for both together: none of it in swap.
            add(&["--memory", &memory.to_string(), "--memory-swap", &memory.to_string()]);
        }
        if let Some(user) = &self.user {
            add(&["--user", user]);
        }
        for volume in &self.volumes {
            add(&["--volume", volume]);
        }
        // Another driver than Docker's files is somebody's choice, knows other options, and has its own bounds.
        if matches!(engine.logging_driver.as_deref(), Some("json-file" | "local")) {
            add(&["--log-opt", LOGS[0], "--log-opt", LOGS[1]]);
        }
        // A name is never taken for an option: it begins with a letter or a digit.
        if !release.artefact.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return Err(Trouble::new(format!("`{}` is not an image", release.artefact.escape_debug())));
        }
        words.push(release.artefact.clone());
        words.extend(command.iter().cloned());
        Ok(words)
    }
}

fn words_of(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
