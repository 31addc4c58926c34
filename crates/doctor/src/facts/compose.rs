//! Compose files, as far as rules ask. Variables are put in only where the file itself says what they are otherwise.

use serde::{Deserialize, Serialize};

/// Compose files of a host.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Compose {
    /// In the order of their paths.
    pub files: Vec<ComposeFile>,
    /// What could not be read, and why.
    pub unseen: Vec<(String, String)>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComposeFile {
    /// Its path.
    pub path: String,
    /// Its services.
    pub services: Vec<ComposeService>,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ComposeService {
    /// Its name.
    pub name: String,
    /// Its line, from 1.
    pub line: u32,
    /// Its image.
    pub image: Option<Said>,
    /// It is built here.
    pub build: bool,
    /// `restart`.
    pub restart: Option<Said>,
    /// Ports that it publishes.
    pub ports: Vec<Published>,
    /// Services that it is started after.
    pub after: Vec<After>,
    /// It is asked for its health by the file.
    pub health: bool,
    /// Part of it stands elsewhere: `extends`.
    pub elsewhere: bool,
    /// Its command or entry point waits by itself.
    pub waits: bool,
}

/// A value and its line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// What it is; variables without a value of the file's own stand as written.
    pub text: String,
    /// Its line, from 1.
    pub line: u32,
    /// No variable is in it.
    pub plain: bool,
}

/// A port that is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// The address of the host; empty for all.
    pub address: String,
    /// The port of the host; empty where the engine takes one.
    pub host: String,
    /// The port in the container.
    pub inside: String,
    /// Its line, from 1.
    pub line: u32,
    /// No variable is in it.
    pub plain: bool,
}

/// What a service is started after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct After {
    /// The other service.
    pub name: String,
    /// Its line, from 1.
    pub line: u32,
    /// It is waited for until it is healthy, or has ended well.
    pub ready: bool,
}

impl Compose {
    /// A service as these files say together: the later one counts.
    pub fn service<'c>(&'c self, files: &[String], name: &str) -> Option<Vec<(&'c str, &'c ComposeService)>> {
        let one = |path: &String| {
            let file = self.files.iter().find(|file| file.path == *path)?;
            Some((file.path.as_str(), file.services.iter().find(|service| service.name == name)))
        };
        let all: Option<Vec<_>> = files.iter().map(one).collect();
        Some(all?.into_iter().filter_map(|(path, service)| Some((path, service?))).collect())
    }
}
