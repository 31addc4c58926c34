//! A network between servers, beside the one that each of them has. It is gone when the value is dropped.

use std::net::IpAddr;

use crate::host::{Host, docker, succeed};

/// A network. Drop it after the servers that are on it.
#[derive(Debug)]
pub struct Network {
    name: String,
}

impl Network {
    /// Makes one.
    ///
    /// # Errors
    /// What Docker said.
    pub fn new(name: &str) -> Result<Self, String> {
        let name = format!("muster-{name}-{}", std::process::id());
        succeed(docker(&["network", "create", &name], &[])?)?;
        Ok(Self { name })
    }

    /// Puts a server on it. Others on it know it by [`Host::container`].
    ///
    /// # Errors
    /// What Docker said.
    pub fn connect(&self, host: &Host) -> Result<(), String> {
        succeed(docker(&["network", "connect", &self.name, host.container()], &[])?).map(drop)
    }

    /// Puts a server on it, where others know it by this name as well.
    ///
    /// # Errors
    /// What Docker said.
    pub fn connect_as(&self, host: &Host, name: &str) -> Result<(), String> {
        succeed(docker(&["network", "connect", "--alias", name, &self.name, host.container()], &[])?)
            .map(drop)
    }

    /// The address of a server on it.
    ///
    /// # Errors
    /// It is not on it, or what Docker said.
    pub fn address(&self, host: &Host) -> Result<IpAddr, String> {
        let format = format!(
            "{{{{with index .NetworkSettings.Networks {:?}}}}}{{{{.IPAddress}}}}{{{{end}}}}",
            self.name
        );
        let output = succeed(docker(&["inspect", "--format", &format, host.container()], &[])?)?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        text.parse().map_err(|_| format!("{} is not on {}: {text:?}", host.container(), self.name))
    }

    /// Takes a server off it.
    ///
    /// # Errors
    /// What Docker said.
    pub fn disconnect(&self, host: &Host) -> Result<(), String> {
        succeed(docker(&["network", "disconnect", &self.name, host.container()], &[])?).map(drop)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if std::env::var_os("MUSTER_TESTBED_KEEP").is_none() {
            let _gone = docker(&["network", "rm", &self.name], &[]);
        }
    }
}
