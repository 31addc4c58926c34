//! The settings of Docker (dockerd(8)): its file, and what its unit or Debian's defaults give it as arguments.

use super::ground::Ground;
use super::{Collector, Put, WITHIN};
use crate::facts::Fact;
use crate::facts::docker::Docker;

pub(super) const COLLECTOR: Collector =
    Collector { name: "docker", within: WITHIN, read, blind: |facts, why| facts.docker = Fact::unknown(why) };

/// Docker's own file: JSON.
const SETTINGS: &str = "/etc/docker/daemon.json";
/// Files whose lines hold its arguments.
const ARGUMENTS: [&str; 2] = ["/etc/default/docker", "/etc/systemd/system/docker.service"];
/// The folder of additions to its unit.
const ADDITIONS: &str = "/etc/systemd/system/docker.service.d";

fn read(ground: &Ground) -> Put {
    let docker = told(ground).unwrap_or_else(Fact::unknown);
    Box::new(|facts| facts.docker = docker)
}

fn told(ground: &Ground) -> Result<Fact<Docker>, String> {
    let text = |path: &str| match ground.read(path) {
        Ok(text) => Ok(text.map(|text| text.lossy())),
        Err(why) => Err(format!("{path}: {why}")),
    };
    let mut docker = Docker::default();
    let mut is_there = false;
    if let Some(json) = text(SETTINGS)? {
        is_there = true;
        let settings: serde_json::Value = serde_json::from_str(&json).unwrap_or_default();
        if settings["iptables"] == false {
            docker.hands_off = line(SETTINGS, &json, |line| line.contains("\"iptables\""));
        }
    }
    let additions = ground.list(ADDITIONS).map_err(|why| format!("{ADDITIONS}: {why}"))?.unwrap_or_default();
    let additions = additions.into_iter().filter(|name| name.ends_with(".conf"));
    let files =
        ARGUMENTS.map(str::to_owned).into_iter().chain(additions.map(|name| format!("{ADDITIONS}/{name}")));
    for path in files {
        let Some(text) = text(&path)? else { continue };
        is_there = true;
        if docker.hands_off.is_none() {
            docker.hands_off = line(&path, &text, is_argument);
        }
    }
    match is_there {
        true => Ok(Fact::Known(docker)),
        false => Ok(Fact::nothing("Docker is told nothing of its own")),
    }
}

/// The flag, not commented out.
fn is_argument(line: &str) -> bool {
    !line.trim_start().starts_with(['#', ';']) && line.contains("--iptables=false")
}

fn line(path: &str, text: &str, is: impl Fn(&str) -> bool) -> Option<(String, u32, String)> {
    let (at, found) = text.lines().enumerate().find(|(_, line)| is(line))?;
    Some((path.to_owned(), u32::try_from(at + 1).unwrap_or(u32::MAX), found.trim().to_owned()))
}
