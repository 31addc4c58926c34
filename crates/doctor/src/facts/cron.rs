//! Crontabs, and the folders of scripts that they run.

use muster_host::discover::crontab::Daemon;
use serde::{Deserialize, Serialize};

use super::Fact;

/// What cron has to do on a host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cron {
    /// Which daemon reads the files.
    pub daemon: Daemon,
    /// The daemon runs; nothing of that sort where only files were read.
    pub running: Fact<bool>,
    /// It is started with the host; nothing of that sort where nobody can tell from files.
    pub enabled: Fact<bool>,
    /// The program that mail from jobs would be handed to.
    pub sendmail: Fact<String>,
    /// Every crontab.
    pub tables: Vec<Table>,
    /// Every script in a folder such as `/etc/cron.daily`.
    pub scripts: Vec<Script>,
    /// Shell scripts that lines start.
    pub wrappers: Vec<Wrapper>,
    /// What could not be read, and why.
    pub unseen: Vec<(String, String)>,
}

/// One crontab.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Its path, or `crontab of USER`.
    pub path: String,
    /// Whose it is; none where each line names its user.
    pub owner: Option<String>,
    /// Permission bits and owner; unknown where only crontab(1) could read it.
    pub access: Fact<(u32, u32)>,
    /// The package that brought it.
    pub package: Option<String>,
    /// Bytes.
    pub size: u64,
    /// The last line ends with a newline.
    pub finished: bool,
    /// Lines end with carriage returns.
    pub carriage_returns: bool,
    /// `NAME=value` with their line.
    pub settings: Vec<(u32, String, String)>,
    /// Lines that cannot be read, and why.
    pub faults: Vec<(u32, String)>,
    /// Lines that start something.
    pub lines: Vec<Line>,
}

/// A line that starts something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Line number, from 1.
    pub line: u32,
    /// Where the line begins in the file, in bytes.
    pub begins: u64,
    /// Where the command begins in the file, in bytes.
    pub at: u64,
    /// The fields as written.
    pub schedule: String,
    /// The same as five cron fields; none where they cannot be read, or never come by the clock.
    pub cron: Option<String>,
    /// The user that the line names.
    pub user: Option<String>,
    /// The command as written, secrets blotted.
    pub command: String,
    /// As the shell gets it: up to the first bare `%`.
    pub shell: String,
    /// Where bare `%` stand in the file, in bytes.
    pub percents: Vec<u64>,
}

impl Table {
    /// Whose rights a line has.
    pub fn user<'t>(&'t self, line: &'t Line) -> &'t str {
        line.user.as_deref().or(self.owner.as_deref()).unwrap_or("root")
    }

    /// What a setting is at a line: the last one above it.
    pub fn setting(&self, name: &str, line: u32) -> Option<&str> {
        self.settings
            .iter()
            .rev()
            .find(|(at, key, _)| *at < line && key == name)
            .map(|(_, _, value)| value.as_str())
    }
}

/// A script in a folder that cron runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Script {
    /// Its path.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// The package that brought it.
    pub package: Option<String>,
}

/// A shell script that a line starts, as simple commands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Wrapper {
    /// Its path.
    pub path: String,
    /// What reads it: the rest of `#!`.
    pub interpreter: String,
    /// Simple commands in order.
    pub steps: Vec<Step>,
}

/// A simple command of a script.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Line number, from 1.
    pub line: u32,
    /// The sign before it, such as `||`.
    pub before: String,
    /// The sign after it.
    pub after: String,
    /// Its words as written, secrets blotted.
    pub words: Vec<String>,
}

impl Step {
    /// All of it.
    pub fn text(&self) -> String {
        self.words.join(" ")
    }
}
