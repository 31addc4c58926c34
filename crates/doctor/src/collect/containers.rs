//! Containers, as their engine shows them. What the engine answers is picked over here: values of variables stay behind.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use muster_core::time::Timestamp;
use muster_host::discover::blot::blot;
use serde_json::Value;

use super::engine::Engine;
use super::ground::Ground;
use super::{Collector, Put, WITHIN, compose, layer, recipes};
use crate::facts::Fact;
use crate::facts::containers::{Container, Containers, Health, Image, Log, Mount};

pub(super) const COLLECTOR: Collector = Collector {
    name: "containers",
    within: WITHIN,
    read,
    blind: |facts, why| facts.containers = Fact::unknown(why),
};

/// Time for the engine to answer all questions.
const ANSWERS: Duration = Duration::from_millis(2_500);
/// Most containers that are looked at.
const CONTAINERS: usize = 200;
/// Where the engine listens unless it was told otherwise.
const SOCKET: &str = "/var/run/docker.sock";
/// What it leaves while it runs. With socket activation, a question would start one that does not.
const PID_FILE: &str = "/var/run/docker.pid";

fn read(ground: &Ground) -> Put {
    let containers = match ground.live {
        true => look(ground),
        false => Fact::nothing("only files were read"),
    };
    Box::new(|facts| facts.containers = containers)
}

/// Where the engine of this host listens.
pub(super) fn socket(ground: &Ground) -> Fact<String> {
    let told = std::env::var("DOCKER_HOST").unwrap_or_default();
    let socket = match told.strip_prefix("unix://") {
        Some(path) => path.to_owned(),
        None if told.is_empty() => SOCKET.to_owned(),
        None => return Fact::unknown("DOCKER_HOST names an engine that is not on this host"),
    };
    if !ground.exists(&socket) {
        return Fact::nothing("there is no container engine");
    }
    if told.is_empty() && !ground.exists(PID_FILE) {
        return Fact::unknown("the container engine does not run, and to ask it would start it");
    }
    Fact::Known(socket)
}

fn look(ground: &Ground) -> Fact<Containers> {
    let socket = match socket(ground) {
        Fact::Known(socket) => socket,
        Fact::Unknown { why } => return Fact::unknown(why),
        Fact::Nothing { why } => return Fact::nothing(why),
    };
    let engine = Engine::new(Path::new(&socket), Instant::now() + ANSWERS);
    match ask(ground, &engine, &socket) {
        Ok(containers) => Fact::Known(containers),
        Err(why) => Fact::unknown(format!("{socket}: {why}")),
    }
}

fn ask(ground: &Ground, engine: &Engine, socket: &str) -> Result<Containers, String> {
    let gone = || "it does not know the question".to_owned();
    let version = engine.get("/version")?.ok_or_else(gone)?;
    let list = engine.get("/containers/json?all=1")?.ok_or_else(gone)?;
    let ids: Vec<&str> = list.as_array().into_iter().flatten().map(|one| text(one, "/Id")).collect();
    let mut seen = Containers {
        socket: socket.to_owned(),
        version: text(&version, "/Version").to_owned(),
        all: Vec::new(),
        images: Vec::new(),
        unseen: Vec::new(),
    };
    for id in ids.iter().take(CONTAINERS) {
        match engine.get(&format!("/containers/{id}/json")) {
            Ok(Some(inspected)) => seen.all.push(container(ground, &inspected)),
            // Gone since.
            Ok(None) => {}
            Err(why) => {
                seen.unseen.push((format!("container {}", short(id)), why));
                break;
            }
        }
    }
    if ids.len() > CONTAINERS {
        seen.unseen
            .push(("containers".to_owned(), format!("only {CONTAINERS} of {} were looked at", ids.len())));
    }
    seen.all.sort_by(|one, other| one.name.cmp(&other.name));
    if let Err(why) = images(engine, &mut seen) {
        seen.unseen.push(("images".to_owned(), why));
    }
    Ok(seen)
}

fn images(engine: &Engine, seen: &mut Containers) -> Result<(), String> {
    let mut now: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut known: BTreeMap<String, Value> = BTreeMap::new();
    for container in &mut seen.all {
        if !now.contains_key(&container.image) {
            let image = engine.get(&format!("/images/{}/json", container.image))?;
            let id = image.as_ref().map(|image| text(image, "/Id").to_owned());
            if let (Some(id), Some(image)) = (&id, image) {
                known.insert(id.clone(), image);
            }
            now.insert(container.image.clone(), id);
        }
        container.image_now = now.get(&container.image).cloned().flatten();
    }
    let used: BTreeSet<&str> = seen.all.iter().map(|container| container.image_id.as_str()).collect();
    for id in used {
        let inspected = match known.remove(id) {
            Some(inspected) => Some(inspected),
            None => engine.get(&format!("/images/{id}/json"))?,
        };
        let Some(inspected) = inspected else { continue };
        let history = engine.get(&format!("/images/{id}/history"))?.unwrap_or_default();
        let secrets = texts(&inspected, "/Config/Env").into_iter().filter_map(recipes::secret).collect();
        let mut build_secrets: Vec<String> = history
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|layer| build_arguments(text(layer, "/CreatedBy")))
            .filter_map(recipes::secret)
            .collect();
        build_secrets.sort();
        build_secrets.dedup();
        let pulled = !texts(&inspected, "/RepoDigests").is_empty();
        seen.images.push(Image { id: id.to_owned(), pulled, secrets, build_secrets });
    }
    Ok(())
}

/// `NAME=value` of `RUN |1 NAME=value /bin/sh -c …`.
fn build_arguments(created: &str) -> Vec<&str> {
    let Some((_, rest)) = created.split_once('|') else { return Vec::new() };
    let mut words = rest.split_whitespace();
    let count = words.next().and_then(|count| count.parse().ok()).unwrap_or(0);
    words.take(count).filter(|word| word.contains('=')).collect()
}

fn container(ground: &Ground, from: &Value) -> Container {
    let get = |path: &str| text(from, path).to_owned();
    let flag = |path: &str| from.pointer(path).and_then(Value::as_bool).unwrap_or(false);
    let count = |path: &str| from.pointer(path).and_then(Value::as_u64).unwrap_or(0);
    let labels = from.pointer("/Config/Labels").and_then(Value::as_object);
    let label = |name: &str| labels.and_then(|all| all.get(name)?.as_str()).map(str::to_owned);
    let orchestrated = labels
        .into_iter()
        .flatten()
        .any(|(name, _)| name.starts_with("com.docker.swarm.") || name.starts_with("io.kubernetes."));
    let path = get("/LogPath");
    let size = std::fs::metadata(&path).ok().map(|about| about.len());
    let upper = get("/GraphDriver/Data/UpperDir");
    let written = match upper.is_empty() {
        true => Fact::unknown("the storage driver does not show the container's own layer"),
        false => layer::databases(&PathBuf::from(upper)),
    };
    for mount in from.pointer("/Mounts").and_then(Value::as_array).into_iter().flatten() {
        if text(mount, "/Type") == "bind" {
            ground.entry(text(mount, "/Source"));
        }
    }
    Container {
        id: short(&get("/Id")).to_owned(),
        name: get("/Name").trim_start_matches('/').to_owned(),
        image: get("/Config/Image"),
        image_id: get("/Image"),
        image_now: None,
        created: moment(text(from, "/Created")),
        status: get("/State/Status"),
        exit_code: from.pointer("/State/ExitCode").and_then(Value::as_i64).unwrap_or(0),
        error: blot(text(from, "/State/Error")),
        oom_killed: flag("/State/OOMKilled"),
        restarts: count("/RestartCount"),
        pid: u32::try_from(count("/State/Pid")).unwrap_or(0),
        restart: Some(get("/HostConfig/RestartPolicy/Name"))
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| "no".to_owned()),
        passing: flag("/HostConfig/AutoRemove"),
        orchestrated,
        compose: label("com.docker.compose.project").zip(label("com.docker.compose.service")),
        folder: label("com.docker.compose.project.working_dir"),
        addresses: addresses(from),
        compose_files: from.pointer("/Config/Labels").map(compose::files_of).unwrap_or_default(),
        ports: ports(from),
        memory: count("/HostConfig/Memory"),
        init: flag("/HostConfig/Init"),
        privileged: flag("/HostConfig/Privileged"),
        stop_signal: get("/Config/StopSignal"),
        stop_timeout: from.pointer("/Config/StopTimeout").and_then(Value::as_u64).unwrap_or(10),
        log: Log {
            driver: get("/HostConfig/LogConfig/Type"),
            max_size: from
                .pointer("/HostConfig/LogConfig/Config/max-size")
                .and_then(Value::as_str)
                .map(str::to_owned),
            path,
            size,
        },
        mounts: from.pointer("/Mounts").and_then(Value::as_array).into_iter().flatten().map(mount).collect(),
        health: health(from),
        written,
    }
}

fn addresses(from: &Value) -> Vec<std::net::IpAddr> {
    let networks = from.pointer("/NetworkSettings/Networks").and_then(Value::as_object);
    let of = |network: &Value| {
        ["/IPAddress", "/GlobalIPv6Address"]
            .map(|path| text(network, path).parse().ok())
            .into_iter()
            .flatten()
    };
    networks.into_iter().flatten().flat_map(|(_, network)| of(network).collect::<Vec<_>>()).collect()
}

/// Ports that are published as they were asked for: address, port of the host, port in the container.
fn ports(from: &Value) -> Vec<(String, String, String)> {
    let bindings = from.pointer("/HostConfig/PortBindings").and_then(Value::as_object);
    let mut found = Vec::new();
    for (inside, hosts) in bindings.into_iter().flatten() {
        let inside = inside.split('/').next().unwrap_or(inside);
        for host in hosts.as_array().into_iter().flatten() {
            let (address, port) = (text(host, "/HostIp").to_owned(), text(host, "/HostPort").to_owned());
            found.push((address, port, inside.to_owned()));
        }
    }
    found
}

fn mount(from: &Value) -> Mount {
    let name = text(from, "/Name");
    Mount {
        kind: text(from, "/Type").to_owned(),
        source: if name.is_empty() { text(from, "/Source") } else { name }.to_owned(),
        target: text(from, "/Destination").to_owned(),
    }
}

fn health(from: &Value) -> Fact<Health> {
    let status = text(from, "/State/Health/Status");
    if status.is_empty() || status == "none" {
        return Fact::nothing("nobody asks for its health");
    }
    let last = from.pointer("/State/Health/Log").and_then(Value::as_array).and_then(|log| log.last());
    let output = last.map(|last| text(last, "/Output")).unwrap_or_default();
    Fact::Known(Health {
        status: status.to_owned(),
        streak: from.pointer("/State/Health/FailingStreak").and_then(Value::as_u64).unwrap_or(0),
        test: texts(from, "/Config/Healthcheck/Test").into_iter().map(blot).collect(),
        exit_code: last.and_then(|last| last.pointer("/ExitCode")?.as_i64()),
        output: blot(&output.trim().chars().take(200).collect::<String>()),
    })
}

fn text<'v>(from: &'v Value, path: &str) -> &'v str {
    from.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

fn texts<'v>(from: &'v Value, path: &str) -> Vec<&'v str> {
    from.pointer(path).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

/// `2026-11-21T07:42:00.123456789Z`; the beginning of time where it is not that.
fn moment(text: &str) -> Timestamp {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let read = || {
        let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
        let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
        // Days from the civil calendar, with years that begin in March.
        let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let days = year * 365 + year.div_euclid(4) - year.div_euclid(100)
            + year.div_euclid(400)
            + (153 * month + 2) / 5
            + day
            - 719_469;
        Some(Timestamp::from_seconds(days * 86_400 + hour * 3_600 + minute * 60 + second))
    };
    read().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read() {
        for text in ["2026-11-21T07:42:00Z", "2024-02-29T23:59:59Z", "1970-01-01T00:00:00Z"] {
            assert_eq!(moment(&text.replace('Z', ".123456789Z")).to_string(), text);
        }
        assert_eq!(moment(""), Timestamp::default());
    }

    #[test]
    fn arguments_of_a_build_are_found_in_its_history() {
        let created = "RUN |2 A=1 NPM_TOKEN=hunter2 /bin/sh -c npm ci # buildkit";
        assert_eq!(build_arguments(created), ["A=1", "NPM_TOKEN=hunter2"]);
        assert!(build_arguments("/bin/sh -c a | b").is_empty());
    }
}
