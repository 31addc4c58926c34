//! The `docker` command: how it is run, and what its complaints mean.

use std::ffi::OsStr;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::program::{Ended, Input, Program};
use crate::trouble::Trouble;

/// For what the engine answers from what it knows, also on a host that has much to do.
pub(super) const SOON: Duration = Duration::from_secs(30);
/// Bytes of an answer that are read.
const ANSWER: usize = 1 << 20;

/// What is asked of the engine, with an answer within so much time.
pub(super) fn ask(words: &[&str], within: Duration) -> Result<Ended, Trouble> {
    program(&words_of(words), within).run()
}

/// The same, and it has to go well. The answer is its output.
pub(super) fn must(words: &[&str], within: Duration) -> Result<String, Trouble> {
    let ended = ask(words, within)?;
    if ended.status.success() { Ok(text(&ended)) } else { Err(explained(&ended)) }
}

pub(super) fn text(ended: &Ended) -> String {
    String::from_utf8_lossy(&ended.out).trim().to_owned()
}

/// `docker`, and its words.
pub(super) fn words_of<'a>(words: &[&'a str]) -> Vec<&'a OsStr> {
    std::iter::once("docker").chain(words.iter().copied()).map(OsStr::new).collect()
}

pub(super) fn program<'a>(words: &'a [&'a OsStr], within: Duration) -> Program<'a> {
    Program { words, env: &[], within, output: ANSWER, stdin: Input::Nothing }
}

/// The time that is left, at least a moment, so that what is past its time is told as such by whoever waits.
pub(super) fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now()).max(Duration::from_millis(10))
}

/// What it complained of, with what to do about it where we know.
pub(super) fn explained(ended: &Ended) -> Trouble {
    let mut trouble = ended.trouble();
    // Where its manual is, is not what went wrong.
    let is_advice = |line: &String| line.starts_with("Run 'docker") || line.starts_with("See 'docker");
    if trouble.lines.last().is_some_and(is_advice) {
        trouble.lines.pop();
        if let (Some(last), Some(code)) = (trouble.lines.last(), ended.status.code()) {
            trouble.what = format!("docker: exit {code}: {}", last.trim_start_matches("docker: "));
        }
    }
    match help(&ended.complaint) {
        Some(help) => trouble.help(help),
        None => trouble,
    }
}

fn help(complaint: &str) -> Option<&'static str> {
    let says = |word: &str| complaint.contains(word);
    if says("client version") && says("is too") {
        return Some(
            "the docker command and the engine do not understand each other: unset DOCKER_API_VERSION, or bring the \
             older of the two up to date",
        );
    }
    if says("permission denied") && says("daemon socket") {
        return Some("let muster act as root on this host, or as a user of the group docker");
    }
    if says("Cannot connect to the Docker daemon") || says("error during connect") {
        return Some("is the engine running? try: systemctl start docker");
    }
    if says("no basic auth credentials") || says("unauthorized") || says("pull access denied") {
        return Some("on this host, as the user that muster acts as, try: docker login");
    }
    if says("no space left on device") {
        return Some("see what takes the room: docker system df");
    }
    None
}

/// What the engine says of itself, as far as we use it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Engine {
    server_errors: Option<Vec<String>>,
    /// Absent for podman, which sorts its answer otherwise.
    memory_limit: Option<bool>,
    /// Where logs go that nobody sends elsewhere.
    pub(super) logging_driver: Option<String>,
}

/// Asks the engine what it is.
///
/// # Errors
/// There is none, or it does not answer us.
pub(super) fn engine() -> Result<Engine, Trouble> {
    let ended = ask(&["info", "--format", "{{json .}}"], SOON)?;
    let engine: Option<Engine> = serde_json::from_slice(&ended.out).ok();
    // An older command ends well although nobody answered it.
    let errors = engine.as_ref().and_then(|engine| engine.server_errors.clone()).unwrap_or_default();
    if !ended.status.success() || !errors.is_empty() {
        let said = format!("{}\n{}", ended.complaint, errors.join("\n"));
        let lines = crate::program::lines(&said, 5);
        let last = lines.last().cloned().unwrap_or_else(|| "no reason was given".to_owned());
        let trouble = Trouble::new(format!("the Docker engine cannot be asked: {last}"));
        return Err(match help(&said) {
            Some(help) => trouble.help(help),
            None => trouble,
        });
    }
    engine.ok_or_else(|| Trouble::new("the Docker engine says of itself what nobody understands"))
}

impl Engine {
    /// Whether it cannot hold a container to its memory.
    pub(super) fn lets_memory_grow(&self) -> bool {
        self.memory_limit == Some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_come_with_what_to_do() {
        let newer = "Error response from daemon: client version 1.99 is too new. Maximum supported API version is 1.41";
        let older = "Error response from daemon: client version 1.24 is too old. Minimum supported API version is \
                     1.44, please upgrade your client to a newer version";
        for version in [newer, older] {
            assert!(help(version).is_some_and(|help| help.contains("DOCKER_API_VERSION")), "{version}");
        }
        let denied = "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock";
        assert!(help(denied).is_some_and(|help| help.contains("group docker")));
        let none = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?";
        assert!(help(none).is_some_and(|help| help.contains("systemctl start docker")));
        assert_eq!(help("Error: No such image: a"), None);
    }
}
