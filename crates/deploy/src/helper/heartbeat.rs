//! Whether a worker reports in. Nobody can ask it, so the agent of its host is asked, which hears it.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use muster_core::plan::Side;
use muster_core::time::Timestamp;
use serde::Deserialize;

use super::site::{Outcome, Site};
use crate::runtime::State;
use crate::trouble::Trouble;

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(200);
/// The longest that the agent may take for an answer.
const ANSWER: Duration = Duration::from_secs(5);
/// Bytes of an answer that are read.
const LIMIT: u64 = 1 << 20;

/// When something reported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
struct Heard {
    last_heard: Option<Timestamp>,
    last_success: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
struct Answer {
    expectation: Heard,
}

/// The agent of this host, about one heartbeat.
#[derive(Debug)]
struct Ear {
    socket: PathBuf,
    name: String,
}

/// Whether anybody could see it report in; changes nothing.
pub(super) fn objection(site: &Site) -> Option<Trouble> {
    let ear = Ear::of(site)?;
    ear.is_heartbeat().and_then(|()| ear.heard()).err()
}

/// Waits until a success came that was sent after the release was started. One of the release before, or from before the
/// start, is none.
pub(super) fn wait(site: &Site, side: Side, restarts: u32, until: Instant) -> Outcome {
    let Some(ear) = Ear::of(site) else { return Ok(String::new()) };
    let bad = |what: String| vec![Trouble::new(what).lines(site.words(side))];
    let started = site.books.placed(side).and_then(|placed| placed.started);
    let since = started.unwrap_or_else(|| muster_host::clock::now().wall);
    let begin = Instant::now();
    loop {
        // An agent that is started again is asked again.
        let heard = ear.heard();
        if heard.as_ref().is_ok_and(|heard| heard.last_success.is_some_and(|at| at > since)) {
            return Ok(format!("check.{} reported", ear.name));
        }
        let seen = site.runtime.look(side).map_err(|trouble| vec![trouble])?;
        if !seen.is_some_and(|seen| seen.state == State::Running && seen.restarts == restarts) {
            return Err(bad(format!("it ended before check.{} reported", ear.name)));
        }
        if Instant::now() + PAUSE >= until {
            let heard = heard.map_err(|trouble| vec![trouble])?;
            let what = match heard.last_heard.is_some_and(|at| at > since) {
                true => "reported since its start, but no success",
                false => "did not report since its start",
            };
            let waited = begin.elapsed().as_secs_f64().ceil();
            return Err(bad(format!("check.{} {what}, for {waited:.0} s", ear.name)));
        }
        std::thread::sleep(PAUSE);
    }
}

impl Ear {
    /// None for a service without a heartbeat.
    fn of(site: &Site) -> Option<Self> {
        let name = site.spec.health.heartbeat.clone()?;
        Some(Self { socket: site.layout.socket(), name })
    }

    /// A check that looks would be well without the worker.
    fn is_heartbeat(&self) -> Result<(), Trouble> {
        match self.ask(&format!("/api/v1/checks/{}", self.name))? {
            (200, _) => Err(Trouble::new(format!(
                "check.{} looks by itself, so the worker does not report in as it",
                self.name
            ))
            .help("name a [check] of kind \"heartbeat\" in `health`")),
            _ => Ok(()),
        }
    }

    fn heard(&self) -> Result<Heard, Trouble> {
        match self.ask(&format!("/api/v1/expectations/check.{}", self.name))? {
            (200, body) => serde_json::from_slice::<Answer>(&body)
                .map(|answer| answer.expectation)
                .map_err(|error| self.unseen(&format!("it says what nobody understands: {error}"))),
            (404, _) => Err(Trouble::new(format!("the agent of this host knows no check.{}", self.name))
                .help(format!(
                    "write [check.{}] with kind = \"heartbeat\" into the muster.toml of this host",
                    self.name
                ))),
            (status, _) => Err(self.unseen(&format!("it answers with status {status}"))),
        }
    }

    fn ask(&self, path: &str) -> Result<(u16, Vec<u8>), Trouble> {
        get(&self.socket, path).map_err(|error| self.unseen(&error.to_string()))
    }

    fn unseen(&self, why: &str) -> Trouble {
        Trouble::new(format!(
            "the agent of this host cannot be asked whether check.{} reports ({}: {why})",
            self.name,
            self.socket.display()
        ))
        .help("start it with `systemctl start muster`, or take `heartbeat` out of `health`")
    }
}

/// One question over a socket of this host: the status, and the body.
fn get(socket: &Path, path: &str) -> std::io::Result<(u16, Vec<u8>)> {
    let mut line = UnixStream::connect(socket)?;
    line.set_read_timeout(Some(ANSWER))?;
    line.set_write_timeout(Some(ANSWER))?;
    // Of this version, so that the end of the answer is the end of the line.
    line.write_all(format!("GET {path} HTTP/1.0\r\nhost: localhost\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    line.take(LIMIT).read_to_end(&mut answer)?;
    read(&answer).ok_or_else(|| std::io::Error::other("the answer is cut off"))
}

fn read(answer: &[u8]) -> Option<(u16, Vec<u8>)> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, body) = (answer.get(..end)?, answer.get(end + 4..)?);
    let status = std::str::from_utf8(head).ok()?.split_whitespace().nth(1)?.parse().ok()?;
    Some((status, body.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_status_and_a_body() {
        let text = b"HTTP/1.0 404 Not Found\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(read(text), Some((404, b"{}".to_vec())));
        assert_eq!(read(b"HTTP/1.0 200 OK\r\n"), None);
    }

    #[test]
    fn without_an_agent_nobody_knows() {
        let folder = tempfile::tempdir().expect("a folder");
        let ear = Ear { socket: folder.path().join("agent.sock"), name: "mail".to_owned() };
        let told = ear.is_heartbeat().expect_err("nobody there");
        assert!(told.what.starts_with("the agent of this host cannot be asked whether check.mail"), "{told}");
        assert_eq!(ear.heard().map_err(|told| told.help.is_some()), Err(true));
    }
}
