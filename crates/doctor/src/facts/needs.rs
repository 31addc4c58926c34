//! What the host and its applications must reach: hosts and ports, and where somebody said so. Of files of settings only
//! names, hosts and ports are kept: no user, no password, no path.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Fact;
use super::firewall::Protocol;

/// Names by which a container knows the host that it runs on.
pub const HOSTS_IN_CONTAINERS: [&str; 2] = ["host.docker.internal", "host.containers.internal"];

/// One thing that must be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// What a person calls it: `SMTP_HOST`, `check.mail-out`.
    pub name: String,
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The addresses of the host; nothing where the name is for somebody else to resolve.
    pub addresses: Fact<Vec<IpAddr>>,
    /// Who needs it.
    pub by: By,
    /// The file that says so.
    pub file: String,
    /// Line number, from 1.
    pub line: Option<u32>,
}

/// Who needs something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// A program of the host.
    Host,
    /// The container of this name.
    Container(String),
    /// Whatever runs from this folder.
    Folder(String),
}

impl Need {
    /// `smtp.example.com:587`.
    pub fn target(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}
