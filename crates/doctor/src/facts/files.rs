//! Files and users, and notes for the doctor.

use muster_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A file that something refers to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What it is, links followed.
    pub kind: Kind,
    /// Permission bits.
    pub mode: u32,
    /// Who owns it.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// When it was last written.
    pub modified: Timestamp,
    /// The program that its first line asks for (`#!`), with arguments.
    pub interpreter: Option<String>,
    /// The first line ends with a carriage return.
    pub carriage_return: bool,
    /// The package that brought it as a configuration file (dpkg), unchanged or not.
    pub package: Option<String>,
    /// It lies on a file system that starts no programs.
    pub noexec: bool,
}

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A pipe, a device, a socket.
    Other,
}

/// A line of `/etc/passwd`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Its name.
    pub name: String,
    /// Its number.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Where it begins.
    pub home: String,
}

/// `# muster: allow CRON003 until=2027-01-31 reason="…"` beside what it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The file.
    pub file: String,
    /// Line number, from 1.
    pub line: u32,
    /// It is about the whole host, not about what it stands beside.
    pub everywhere: bool,
    /// What stands after `muster: allow`.
    pub text: String,
}
