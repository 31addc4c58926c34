//! Services: units of systemd as their files say and as systemd says, and the programs that supervisor and PM2 keep.

use serde::{Deserialize, Serialize};

use super::Fact;

/// What systemd starts and keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Services {
    /// Units that the operator wrote, or added to, in the order of their names.
    pub units: Vec<Unit>,
    /// Every service that systemd has in memory; nothing where only files were read or another init runs.
    pub live: Fact<Vec<State>>,
    /// Units of users, and whose they are.
    pub of_users: Vec<UserUnit>,
    /// What could not be read, and why.
    pub unseen: Vec<(String, String)>,
}

/// A unit with its additions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unit {
    /// `api.service`.
    pub name: String,
    /// The operator wrote the unit itself; else only additions to a package's.
    pub own: bool,
    /// Something in a `.wants` or `.requires` folder starts it.
    pub enabled: bool,
    /// Another unit starts it when time comes or someone calls: a timer, a socket, a path, `OnFailure=`.
    pub triggered: bool,
    /// Its files in the order in which systemd reads them, the operator's only.
    pub files: Vec<UnitFile>,
}

/// One file of a unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnitFile {
    /// Its path.
    pub path: String,
    /// Where sections begin: name, line, and the byte after their heading.
    pub sections: Vec<(String, u32, u64)>,
    /// `key=value` in order.
    pub settings: Vec<Setting>,
    /// Lines that are none of these, and why.
    pub faults: Vec<(u32, String)>,
}

/// One assignment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    /// Line number, from 1.
    pub line: u32,
    /// The section, empty before the first.
    pub section: String,
    /// As written.
    pub key: String,
    /// Secrets blotted; of environment variables only the names.
    pub value: String,
}

/// A service as systemd shows it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct State {
    /// `api.service`.
    pub name: String,
    /// The file it was loaded from.
    pub file: String,
    /// `simple`, `oneshot`…
    pub kind: String,
    /// `active`, `failed`…
    pub active: String,
    /// `running`, `auto-restart`…
    pub sub: String,
    /// `success`, `exit-code`, `oom-kill`, `start-limit-hit`…
    pub result: String,
    /// How often it was started again since a person started it.
    pub restarts: u64,
    /// `enabled`, `disabled`, `static`…
    pub file_state: String,
    /// Its files changed after systemd read them.
    pub stale: bool,
    /// Bytes; none without a limit.
    pub memory_max: Option<u64>,
    /// Its first process; 0 without one.
    pub pid: u32,
    /// `Restart=` as it stands.
    pub restart: String,
    /// Units that start it, or answer for it on the bus.
    pub wanted: bool,
    /// Something hears of it when it fails.
    pub on_failure: bool,
    /// Variables that its `EnvironmentFile=` now sets otherwise than its first process was given them: names only.
    pub outdated: Vec<String>,
    /// Its environment could not be read, so nobody knows.
    pub environment_hidden: bool,
}

/// A unit of a user's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserUnit {
    /// Whose.
    pub user: String,
    /// Its path.
    pub path: String,
    /// It is started with the user's own manager.
    pub enabled: bool,
    /// The manager lives without a login.
    pub lingers: bool,
}

impl Services {
    /// What systemd says of a unit.
    pub fn state(&self, name: &str) -> Option<&State> {
        self.live.known()?.iter().find(|state| state.name == name)
    }
}

impl Unit {
    /// Every assignment of a key, in order, with the file it stands in. An empty one takes back all before it.
    pub fn all(&self, section: &str, key: &str) -> Vec<(&UnitFile, &Setting)> {
        let mut found = Vec::new();
        for file in &self.files {
            for setting in
                file.settings.iter().filter(|setting| setting.section == section && setting.key == key)
            {
                if setting.value.is_empty() {
                    found.clear();
                } else {
                    found.push((file, setting));
                }
            }
        }
        found
    }

    /// The assignment that counts.
    pub fn last(&self, section: &str, key: &str) -> Option<&str> {
        self.all(section, key).last().map(|(_, setting)| setting.value.as_str())
    }

    /// A service that is to run all the time: not a oneshot, not started by a timer or a socket, not one of those that
    /// only others start.
    pub fn is_lasting(&self) -> bool {
        self.own
            && !self.triggered
            && self.name.ends_with(".service")
            && self.last("Service", "ExecStart").is_some()
            && self.last("Service", "Type") != Some("oneshot")
            && self.last("Service", "RemainAfterExit").is_none_or(|value| !is_yes(value))
    }

    /// Where the unit itself stands.
    pub fn path(&self) -> &str {
        self.files.first().map_or(self.name.as_str(), |file| file.path.as_str())
    }
}

/// What systemd takes for yes.
pub fn is_yes(value: &str) -> bool {
    ["1", "yes", "y", "true", "t", "on"].iter().any(|yes| value.eq_ignore_ascii_case(yes))
}
