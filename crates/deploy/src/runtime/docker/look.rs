//! How a container stands, as `docker inspect` tells it, and whether a port of loopback is its own.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::client;
use crate::runtime::sockets;
use crate::runtime::words::{killed_for_memory, killed_maybe_for_memory};
use crate::runtime::{Standing, State};
use crate::trouble::Trouble;

/// The label with the name of the service.
pub(super) const SERVICE: &str = "muster.service";
/// The label with the side.
pub(super) const SIDE: &str = "muster.side";
/// The label with the number of the release.
pub(super) const RELEASE: &str = "muster.release";
/// The policy of a container that runs: it comes back after a reboot, and after the death of its engine.
pub(super) const COMES_BACK: &str = "always";
/// The policy of a container that was stopped in order.
pub(super) const STAYS_DOWN: &str = "no";

/// A container, as far as we use it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Container {
    state: Raw,
    #[serde(default)]
    restart_count: u32,
    config: Config,
    host_config: HostConfig,
    #[serde(default)]
    network_settings: Network,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Raw {
    status: String,
    #[serde(default)]
    exit_code: i32,
    #[serde(default, rename = "OOMKilled")]
    oom_killed: bool,
    #[serde(default)]
    error: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    restart_policy: Policy,
    #[serde(default)]
    memory: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Policy {
    name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Network {
    ports: Option<BTreeMap<String, Option<Vec<Binding>>>>,
    #[serde(rename = "IPAddress")]
    address: String,
    networks: Option<BTreeMap<String, Attached>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Attached {
    #[serde(rename = "IPAddress")]
    address: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Binding {
    host_ip: String,
    host_port: String,
}

/// Looks at the container of this name. None if there is none.
///
/// # Errors
/// Nobody could see.
pub(super) fn inspect(name: &str) -> Result<Option<Container>, Trouble> {
    let ended = client::ask(&["container", "inspect", "--format", "{{json .}}", name], client::SOON)?;
    if !ended.status.success() {
        let complaint = ended.complaint.to_ascii_lowercase();
        let is_absent = complaint.contains("no such container") || complaint.contains("no such object");
        return if is_absent { Ok(None) } else { Err(client::explained(&ended)) };
    }
    serde_json::from_slice(&ended.out)
        .map(Some)
        .map_err(|error| Trouble::new(format!("what docker says of {name} cannot be read: {error}")))
}

impl Container {
    /// The label of this name.
    pub(super) fn label(&self, name: &str) -> Option<&str> {
        self.config.labels.as_ref()?.get(name).map(String::as_str)
    }

    /// The release that it was made for.
    pub(super) fn release(&self) -> Option<u64> {
        self.label(RELEASE)?.parse().ok()
    }

    /// Whether it runs, or will again by itself.
    pub(super) fn is_up(&self) -> bool {
        matches!(self.state.status.as_str(), "running" | "restarting" | "paused" | "removing")
    }

    /// Whether it comes back after a reboot, as what was not stopped does.
    pub(super) fn comes_back(&self) -> bool {
        self.host_config.restart_policy.name != STAYS_DOWN
    }

    /// How it stands.
    pub(super) fn standing(&self, release: u64) -> Standing {
        let state = match self.state.status.as_str() {
            "running" => State::Running,
            "paused" | "removing" => State::Changing,
            "created" => State::Ended(self.failed_to_start()),
            "exited" if !self.comes_back() => State::Stopped,
            // It ended, and Docker waits before it starts it again: how often is told beside it.
            _ => State::Ended(self.why()),
        };
        Standing { release, state, restarts: self.restart_count }
    }

    fn failed_to_start(&self) -> String {
        match crate::program::lines(&self.state.error, 1).pop() {
            Some(error) => format!("it was never started: {error}"),
            None => "it was never started".to_owned(),
        }
    }

    fn why(&self) -> String {
        let code = self.state.exit_code;
        let most = Some(self.host_config.memory).filter(|most| *most > 0);
        if self.state.oom_killed {
            return killed_for_memory(most);
        }
        let error = crate::program::lines(&self.state.error, 1).pop();
        match (error, code) {
            (Some(error), _) => format!("exit {code}: {error}"),
            (None, 137) if most.is_some() => most.map(killed_maybe_for_memory).unwrap_or_default(),
            (None, 129..=159) => format!("exit {code}, by signal {}", code - 128),
            (None, _) => format!("exit {code}"),
        }
    }

    /// Whether it is published at this port of loopback, at no other address, and what listens there is no neighbour.
    ///
    /// # Errors
    /// Nobody could see who listens.
    pub(super) fn holds(&self, port: u16) -> Result<bool, Trouble> {
        let number = port.to_string();
        let ports = self.network_settings.ports.iter().flatten();
        let mut here = ports.flat_map(|(_, at)| at.iter().flatten()).filter(|at| at.host_port == number);
        let is_published = here.next().is_some_and(|at| at.host_ip == "127.0.0.1") && here.next().is_none();
        if self.state.status != "running" || !is_published {
            return Ok(false);
        }
        let listeners = sockets::listeners(port)?;
        // Nobody: without its proxy, Docker leads a port into a container in the kernel.
        if listeners.is_empty() {
            return Ok(true);
        }
        Ok(sockets::processes(&listeners)?.iter().all(|process| self.is_proxy(&process.arguments, &number)))
    }

    fn is_proxy(&self, arguments: &[String], port: &str) -> bool {
        let program = arguments.first().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
        let value = |name: &str| {
            let at = arguments.iter().position(|word| word == name)?;
            arguments.get(at + 1).map(String::as_str)
        };
        match program {
            "docker-proxy" => {
                value("-host-port") == Some(port)
                    && value("-container-ip")
                        .is_some_and(|address| self.addresses().any(|ours| ours == address))
            }
            // The engines without root have one process for the ports of all their containers.
            "rootlesskit" | "rootlessport" => true,
            _ => false,
        }
    }

    fn addresses(&self) -> impl Iterator<Item = &str> {
        let networks = self.network_settings.networks.iter().flatten();
        let further = networks.map(|(_, network)| network.address.as_str());
        std::iter::once(self.network_settings.address.as_str()).chain(further).filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(state: &str, policy: &str) -> Container {
        let json = format!(
            r#"{{"State":{state},"RestartCount":3,"Config":{{"Labels":{{"muster.release":"7"}}}},
            "HostConfig":{{"RestartPolicy":{{"Name":"{policy}"}},"Memory":67108864}},
            "NetworkSettings":{{"Ports":{{"80/tcp":[{{"HostIp":"127.0.0.1","HostPort":"8001"}}]}},"IPAddress":"172.17.0.2"}}}}"#
        );
        serde_json::from_str(&json).expect("read")
    }

    #[test]
    fn the_ends_of_a_container_are_told_apart() {
        let state = |json: &str, policy: &str| container(json, policy).standing(7).state;
        let ended = |why: &str| State::Ended(why.to_owned());
        assert_eq!(state(r#"{"Status":"running"}"#, COMES_BACK), State::Running);
        assert_eq!(state(r#"{"Status":"exited","ExitCode":0}"#, STAYS_DOWN), State::Stopped);
        assert_eq!(state(r#"{"Status":"exited","ExitCode":0}"#, COMES_BACK), ended("exit 0"));
        assert_eq!(state(r#"{"Status":"restarting","ExitCode":1}"#, COMES_BACK), ended("exit 1"));
        assert_eq!(
            state(r#"{"Status":"exited","ExitCode":139}"#, COMES_BACK),
            ended("exit 139, by signal 11")
        );
        let oom = r#"{"Status":"restarting","ExitCode":137,"OOMKilled":true}"#;
        assert_eq!(state(oom, COMES_BACK), ended("killed for memory (64 MiB)"));
        let maybe = r#"{"Status":"restarting","ExitCode":137,"OOMKilled":false}"#;
        assert_eq!(state(maybe, COMES_BACK), ended("killed by signal 9, maybe for memory (64 MiB)"));
        let never = r#"{"Status":"created","Error":"exec: \"x\": not found"}"#;
        assert_eq!(state(never, COMES_BACK), ended("it was never started: exec: \"x\": not found"));
        assert_eq!(state(r#"{"Status":"something new"}"#, COMES_BACK), ended("exit 0"));
        assert_eq!(container(oom, COMES_BACK).release(), Some(7));
    }

    #[test]
    fn only_its_own_proxy_is_no_neighbour() {
        let ours = container(r#"{"Status":"running"}"#, COMES_BACK);
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let proxy = "/usr/bin/docker-proxy -proto tcp -host-ip 127.0.0.1 -host-port 8001 -container-ip";
        assert!(ours.is_proxy(&words(&format!("{proxy} 172.17.0.2 -container-port 80")), "8001"));
        assert!(!ours.is_proxy(&words(&format!("{proxy} 172.17.0.3 -container-port 80")), "8001"));
        assert!(!ours.is_proxy(&words(&format!("{proxy} 172.17.0.2")), "8002"));
        assert!(!ours.is_proxy(&words("nginx: master"), "8001") && !ours.is_proxy(&[], "8001"));
    }
}
