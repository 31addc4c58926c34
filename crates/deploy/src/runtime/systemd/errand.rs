//! Commands that run once as the user of the service, fenced in as the service is: in a unit of their own, so that all
//! they started ends with them.

use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use super::manager::{self, SOON, show};
use super::unit::{self, FENCE, TASKS, path};
use crate::program::{Ended, Input, Program};
use crate::trouble::Trouble;

/// Bytes of output that go to a file.
const OUTPUT: usize = 16 << 20;

/// What runs once.
#[derive(Debug)]
pub(super) struct Errand<'a> {
    /// The name of its unit, without a suffix. One of it runs at a time.
    pub(super) unit: String,
    pub(super) user: &'a str,
    /// Where it runs.
    pub(super) folder: &'a Path,
    pub(super) command: &'a [String],
    /// Further lines for its unit: where it may write, its environment. No secrets: everybody may read them.
    pub(super) properties: Vec<String>,
    /// In bytes.
    pub(super) memory: Option<u64>,
}

impl Errand<'_> {
    /// Runs it, with what it writes in the file. The answer is its exit code, and the last of what it wrote.
    ///
    /// # Errors
    /// It could not be started, or did not end in time and was killed.
    pub(super) fn run(&self, output: &mut File, until: Instant) -> Result<(i32, Ended), Trouble> {
        // One that a killed deploy left behind.
        self.end();
        let words = self.words()?;
        let words: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
        let within = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(10));
        let program = Program { words: &words, env: &[], within, output: OUTPUT, stdin: Input::Nothing };
        let ended = program.run_into(output).inspect_err(|_| self.end())?;
        if ended.status.success() {
            return Ok((0, ended));
        }
        let code = show(&self.service())?.code();
        self.end();
        match code {
            None | Some(200..=242) => Err(ended.trouble()),
            Some(code) => Ok((code, ended)),
        }
    }

    fn service(&self) -> String {
        format!("{}.service", self.unit)
    }

    fn words(&self) -> Result<Vec<String>, Trouble> {
        let Some((first, arguments)) = self.command.split_first() else {
            return Err(Trouble::new("there is no command to run"));
        };
        let mut words = vec!["systemd-run".to_owned()];
        words.extend(["--quiet", "--wait", "--pipe", "--unit"].map(str::to_owned));
        words.push(self.service());
        let mut properties: Vec<String> = FENCE.iter().map(|line| (*line).to_owned()).collect();
        properties.push(format!("User={}", self.user));
        properties.push(format!("WorkingDirectory={}", path(self.folder)?));
        properties.push(format!("TasksMax={TASKS}"));
        properties.push("TimeoutStopSec=5".to_owned());
        if let Some(memory) = self.memory {
            properties.push(format!("MemoryMax={memory}"));
        }
        properties.extend(self.properties.iter().cloned());
        words.extend(properties.into_iter().flat_map(|line| ["--property".to_owned(), line]));
        words.push("--".to_owned());
        words.push(unit::program(self.folder, first)?);
        // What looks like a variable is a word to us; systemd would put in its value.
        words.extend(arguments.iter().map(|word| word.replace('$', "$$")));
        Ok(words)
    }

    /// Ends it if it runs, and makes systemd forget it.
    fn end(&self) {
        let unit = self.service();
        if show(&unit).is_ok_and(|shown| !shown.is_there()) {
            return;
        }
        drop(manager::ask(&["systemctl", "kill", "--signal", "KILL", "--", &unit], SOON));
        drop(manager::ask(&["systemctl", "stop", "--", &unit], SOON));
        drop(manager::ask(&["systemctl", "reset-failed", "--", &unit], SOON));
    }
}
