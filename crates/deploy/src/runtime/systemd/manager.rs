//! What systemd is asked and told, through systemctl(1), and what its answers mean.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::time::Duration;

use crate::program::{Ended, Input, Program};
use crate::runtime::words::{killed_for_memory, killed_maybe_for_memory};
use crate::runtime::{Standing, State};
use crate::trouble::Trouble;

/// For what systemd answers from what it knows, also on a host that has much to do.
pub(super) const SOON: Duration = Duration::from_secs(30);
/// Bytes of an answer that are read.
pub(super) const ANSWER: usize = 1 << 20;
/// What is asked about a unit.
const PROPERTIES: &str = "LoadState,ActiveState,SubState,Result,ExecMainCode,ExecMainStatus,NRestarts,UnitFileState,\
                          Environment,ControlGroup,MemoryMax,WorkingDirectory";

/// Runs a program of the host.
pub(super) fn ask(words: &[&str], within: Duration) -> Result<Ended, Trouble> {
    let words: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
    let env = [("SYSTEMD_COLORS", OsStr::new("0")), ("SYSTEMD_PAGER", OsStr::new(""))];
    Program { words: &words, env: &env, within, output: ANSWER, stdin: Input::Nothing }.run()
}

/// The same, and it has to go well. The answer is its output.
pub(super) fn must(words: &[&str], within: Duration) -> Result<String, Trouble> {
    ask(words, within)?.good().map(|out| String::from_utf8_lossy(&out).trim().to_owned())
}

/// How a unit stands, as `systemctl show` tells it.
#[derive(Debug)]
pub(super) struct Shown(BTreeMap<String, String>);

/// Asks about a unit.
///
/// # Errors
/// Systemd does not answer.
pub(super) fn show(unit: &str) -> Result<Shown, Trouble> {
    Ok(Shown::read(&must(&["systemctl", "show", "--property", PROPERTIES, "--", unit], SOON)?))
}

/// The number of the version of systemd.
///
/// # Errors
/// There is none.
pub(super) fn version() -> Result<u32, Trouble> {
    let said = must(&["systemctl", "--version"], SOON)?;
    let number = said.split_whitespace().nth(1).and_then(|word| word.parse().ok());
    number.ok_or_else(|| Trouble::new("systemctl does not tell its version"))
}

impl Shown {
    fn read(text: &str) -> Self {
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        Self(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    pub(super) fn get(&self, name: &str) -> &str {
        self.0.get(name).map(String::as_str).unwrap_or_default()
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.get(name).parse().ok()
    }

    /// Whether there is such a unit.
    pub(super) fn is_there(&self) -> bool {
        self.get("LoadState") == "loaded"
    }

    /// The release that its file was made for.
    pub(super) fn release(&self) -> Option<u64> {
        let settings = self.get("Environment").split_whitespace();
        settings.filter_map(|word| word.strip_prefix("MUSTER_RELEASE=")).find_map(|word| word.parse().ok())
    }

    /// Whether it runs, or will again by itself.
    pub(super) fn is_up(&self) -> bool {
        !matches!(self.get("ActiveState"), "inactive" | "failed" | "")
    }

    /// Its own exit code, as a shell would tell it; none if it was never run.
    pub(super) fn code(&self) -> Option<i32> {
        let status = i32::try_from(self.number("ExecMainStatus")?).ok()?;
        match self.number("ExecMainCode")? {
            1 => Some(status),
            2 | 3 => Some(status + 128),
            _ => None,
        }
    }

    pub(super) fn standing(&self, release: u64) -> Standing {
        let state = match (self.get("ActiveState"), self.get("SubState")) {
            // It ended, and systemd waits before it starts it again: how often is told beside it.
            ("activating", "auto-restart" | "auto-restart-queued") => State::Ended(self.why()),
            ("active", "running") => State::Running,
            ("inactive" | "failed", _) if self.get("UnitFileState") == "enabled" => State::Ended(self.why()),
            ("failed", _) => State::Ended(self.why()),
            ("inactive", _) => State::Stopped,
            _ => State::Changing,
        };
        let restarts = self.number("NRestarts").unwrap_or_default();
        Standing { release, state, restarts: u32::try_from(restarts).unwrap_or(u32::MAX) }
    }

    fn why(&self) -> String {
        let most = self.number("MemoryMax");
        let status = self.number("ExecMainStatus").unwrap_or_default();
        match (self.get("Result"), self.number("ExecMainCode")) {
            ("oom-kill", _) => killed_for_memory(most),
            (_, Some(1)) => match status {
                200 => "exit 200: its folder cannot be entered".to_owned(),
                203 => "exit 203: its command cannot be run".to_owned(),
                217 => "exit 217: its user is not known".to_owned(),
                226 => "exit 226: its view of the files could not be made".to_owned(),
                _ => format!("exit {status}"),
            },
            (_, Some(2 | 3)) if status == 9 && most.is_some() => {
                most.map(killed_maybe_for_memory).unwrap_or_default()
            }
            (_, Some(2 | 3)) => format!("killed by signal {status}"),
            (result, _) => format!("systemd says: {result}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(text: &str) -> State {
        Shown::read(text).standing(1).state
    }

    #[test]
    fn the_ends_of_a_unit_are_told_apart() {
        let ended = |why: &str| State::Ended(why.to_owned());
        assert_eq!(state("ActiveState=active\nSubState=running"), State::Running);
        assert_eq!(state("ActiveState=deactivating\nSubState=stop-sigterm"), State::Changing);
        assert_eq!(state("ActiveState=inactive\nSubState=dead\nUnitFileState=disabled"), State::Stopped);
        let enabled = "SubState=dead\nUnitFileState=enabled\nExecMainCode=1\nExecMainStatus";
        assert_eq!(state(&format!("ActiveState=inactive\n{enabled}=0")), ended("exit 0"));
        assert_eq!(state(&format!("ActiveState=failed\n{enabled}=1")), ended("exit 1"));
        let waits = "ActiveState=activating\nSubState=auto-restart\nExecMainCode";
        assert_eq!(state(&format!("{waits}=1\nExecMainStatus=2\nNRestarts=3")), ended("exit 2"));
        assert_eq!(state(&format!("{waits}=3\nExecMainStatus=11")), ended("killed by signal 11"));
        let oom = "Result=oom-kill\nMemoryMax=33554432\nExecMainStatus=9";
        assert_eq!(state(&format!("{waits}=2\n{oom}")), ended("killed for memory (32 MiB)"));
        assert_eq!(
            state("ActiveState=failed\nResult=start-limit-hit"),
            ended("systemd says: start-limit-hit")
        );
    }

    #[test]
    fn a_unit_tells_its_release() {
        let shown = Shown::read("LoadState=loaded\nEnvironment=MUSTER_RELEASE=17 PORT=8001\nNRestarts=2");
        assert_eq!((shown.is_there(), shown.release(), shown.standing(17).restarts), (true, Some(17), 2));
        assert!(!Shown::read("LoadState=not-found").is_there());
        assert_eq!(Shown::read("ExecMainCode=2\nExecMainStatus=9").code(), Some(137));
    }
}
