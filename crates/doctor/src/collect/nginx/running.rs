//! What runs of nginx, and when it last read its files. It tells nobody; but each time it reads them it starts its workers
//! anew, so the start of its oldest worker is the answer. What it shows since then is asked of it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use muster_core::time::Timestamp;
use muster_host::clock;
use muster_host::process::{read_small, stat};

use super::hello::{self, Key};
use super::{CONF, DIRECTIVES, blank, file};
use crate::collect::ground::Ground;
use crate::collect::tls::read;
use crate::facts::Fact;
use crate::facts::nginx::{Directive, Master, Nginx, Served, Shown};

/// Most first processes of one host.
const MASTERS: usize = 16;
/// Most certificates of one of them that are asked for.
const QUESTIONS: usize = 40;
/// Time for one answer, and for all of them.
const ANSWER: Duration = Duration::from_millis(100);
const ANSWERS: Duration = Duration::from_millis(200);

/// A process of nginx outside of containers.
struct Process {
    pid: u32,
    parent: u32,
    started: Timestamp,
    title: String,
}

pub(super) fn look(ground: &Ground, nginx: &Nginx) -> Fact<Vec<Master>> {
    match &nginx.running {
        Fact::Known(true) => {}
        Fact::Known(false) => return Fact::nothing("nginx does not run"),
        Fact::Unknown { why } => return Fact::unknown(why.clone()),
        Fact::Nothing { why } => return Fact::nothing(why.clone()),
    }
    let (processes, hidden) = match processes() {
        Ok(found) => found,
        Err(why) => return Fact::unknown(why),
    };
    let until = Instant::now() + ANSWERS;
    let mut masters = Vec::new();
    for process in processes.iter().filter(|process| process.title.starts_with("master process")) {
        let works = |other: &&Process| {
            other.parent == process.pid
                && other.title.starts_with("worker process")
                && !other.title.contains("shutting down")
        };
        let read_at = processes.iter().filter(works).map(|worker| worker.started).min();
        // One that is about to end has none that work.
        let (Some(read_at), Some(conf)) = (read_at, conf(&process.title)) else { continue };
        if masters.len() >= MASTERS {
            break;
        }
        let other;
        let nginx = match conf == CONF {
            true => nginx,
            false => {
                let mut told = blank(Fact::Known(true));
                told.tree = file(ground, &mut told, &conf, 0, &mut { DIRECTIVES });
                other = told;
                &other
            }
        };
        let files =
            nginx.files.iter().filter_map(|file| Some((file.clone(), ground.written(file)?))).collect();
        let near = same_namespace(process.pid, "net");
        let shown = shown(ground, nginx, near, until);
        masters.push(Master { pid: process.pid, conf, read_at, files, shown });
    }
    match masters.is_empty() {
        true if hidden => Fact::unknown("where nginx runs is shown to root only"),
        true => Fact::nothing("nginx runs only in containers, or in a way of its own"),
        false => Fact::Known(masters),
    }
}

/// Processes of nginx that see this host's processes and files as we do, and whether there are some of which nobody tells us.
fn processes() -> Result<(Vec<Process>, bool), String> {
    let now = clock::now();
    let booted = now.wall.millis().saturating_sub_unsigned(now.uptime.as_millis());
    let ticks = i64::try_from(rustix::param::clock_ticks_per_second()).unwrap_or(100).max(1);
    let entries = std::fs::read_dir("/proc").map_err(|error| format!("/proc: {error}"))?;
    let (mut found, mut hidden) = (Vec::new(), false);
    for entry in entries.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let comm = read_small(&format!("/proc/{pid}/comm")).unwrap_or_default();
        if comm.trim_ascii() != b"nginx" {
            continue;
        }
        let Ok(stat) = stat(pid) else { continue };
        let line = read_small(&format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        // One that has ended meanwhile is not hidden, it is gone.
        if let Err(error) = std::fs::read_link(format!("/proc/{pid}/ns/pid")) {
            hidden |= error.kind() == std::io::ErrorKind::PermissionDenied;
            continue;
        }
        if !same_namespace(pid, "pid")
            || std::fs::read_link(format!("/proc/{pid}/root")).is_ok_and(|root| root.as_os_str() != "/")
        {
            continue;
        }
        let since_boot = i64::try_from(stat.started).unwrap_or(i64::MAX).saturating_mul(1000) / ticks;
        found.push(Process {
            pid,
            parent: stat.parent,
            started: Timestamp::from_millis(booted.saturating_add(since_boot)),
            title: line.trim().strip_prefix("nginx: ").unwrap_or_default().to_owned(),
        });
    }
    Ok((found, hidden))
}

fn same_namespace(pid: u32, kind: &str) -> bool {
    let of = |who: &str| std::fs::read_link(format!("/proc/{who}/ns/{kind}")).ok();
    of("self").is_some_and(|own| of(&pid.to_string()) == Some(own))
}

/// The file that a first process begins with, by the command line in its title; none where that is relative to a folder
/// that nobody knows.
fn conf(title: &str) -> Option<String> {
    let mut words = title.split_whitespace();
    while let Some(word) = words.next() {
        let Some(glued) = word.strip_prefix("-c") else { continue };
        let path = if glued.is_empty() { words.next()? } else { glued };
        return path.starts_with('/').then(|| path.to_owned());
    }
    Some(CONF.to_owned())
}

/// A certificate that a server is told to show.
struct Told<'n> {
    place: &'n Directive,
    to: Option<SocketAddr>,
    port: String,
    name: Option<String>,
}

fn shown(ground: &Ground, nginx: &Nginx, near: bool, until: Instant) -> Vec<Shown> {
    let mut told: Vec<Told<'_>> = Vec::new();
    nginx.each(&mut |outer, directive| {
        if directive.name == "server" && outer.last().is_some_and(|outer| outer.name != "upstream") {
            told.extend(server(outer, directive));
        }
    });
    let mut files: BTreeMap<String, Option<(Vec<u8>, read::Shape)>> = BTreeMap::new();
    let path = |directive: &Directive| match directive.word() {
        word if word.starts_with('/') => word.to_owned(),
        word => format!("{}/{word}", super::prefix(nginx)),
    };
    for one in &told {
        files.entry(path(one.place)).or_insert_with_key(|path| {
            let der = read::first(ground, path)?;
            let shape = read::shape(&der)?;
            Some((der, shape))
        });
    }
    let mut seen: Vec<Shown> = Vec::new();
    for one in told {
        let path = path(one.place);
        let Some(Some((_, shape))) = files.get(&path) else { continue };
        let Some(written) = ground.written(&path) else { continue };
        let at = match &one.name {
            Some(name) => format!("{} for {name}", one.port),
            None => one.port.clone(),
        };
        if seen.len() >= QUESTIONS || seen.iter().any(|other| other.path == path && other.at == at) {
            continue;
        }
        let served = match one.to {
            _ if !near => Fact::nothing("it runs in a network of its own"),
            Some(to) => ask(to, one.name.as_deref(), shape, &files, until),
            None => Fact::nothing("it is not shown to this host itself"),
        };
        let named = (nginx.file(one.place).to_owned(), one.place.line);
        seen.push(Shown { named, path, written, from: shape.from, at, served });
    }
    seen
}

fn ask(
    to: SocketAddr,
    name: Option<&str>,
    shape: &read::Shape,
    files: &BTreeMap<String, Option<(Vec<u8>, read::Shape)>>,
    until: Instant,
) -> Fact<Served> {
    let key = if shape.is_rsa { Key::Rsa } else { Key::Curve };
    let within = ANSWER.min(until.saturating_duration_since(Instant::now()));
    let der = match hello::certificate(to, name, key, within) {
        Ok(der) => der,
        Err(why) => return Fact::unknown(format!("{to}: {why}")),
    };
    let Some(other) = read::shape(&der) else { return Fact::unknown("a certificate that is not understood") };
    Fact::Known(Served {
        from: other.from,
        until: other.until,
        on_disk: files.values().flatten().any(|(known, _)| *known == der),
        same_name: other.names.iter().any(|name| shape.names.contains(name)),
    })
}

/// What a server is told to show, once for each of its addresses.
fn server<'n>(outer: &[&'n Directive], server: &'n Directive) -> Vec<Told<'n>> {
    let children = server.children();
    let named = |name: &'static str| children.iter().copied().filter(move |inner| inner.name == name);
    let mut certificates: Vec<&Directive> = named("ssl_certificate").collect();
    if certificates.is_empty() {
        let above = outer.iter().rev().map(|outer| outer.children());
        certificates = above
            .map(|all| all.into_iter().filter(|inner| inner.name == "ssl_certificate").collect::<Vec<_>>())
            .find(|all| !all.is_empty())
            .unwrap_or_default();
    }
    certificates.retain(|one| !one.word().is_empty() && !one.word().contains(['$', ':']));
    let name = named("server_name").flat_map(|inner| &inner.words).find_map(|name| asked_for(name));
    let mut found = Vec::new();
    for listen in named("listen") {
        let has = |flag: &str| listen.words.iter().any(|word| word == flag);
        if !has("ssl") || has("proxy_protocol") {
            continue;
        }
        let (to, port) = address(listen.word());
        let told = |place: &&'n Directive| Told { place, to, port: port.clone(), name: name.clone() };
        found.extend(certificates.iter().map(told));
    }
    found
}

/// A name that is asked for, so that this server answers.
fn asked_for(name: &str) -> Option<String> {
    let plain = match name.strip_prefix("*.").or_else(|| name.strip_prefix('.')) {
        Some(rest) => format!("www.{rest}"),
        None => name.to_owned(),
    };
    let is_name = plain.contains('.')
        && plain.len() < 250
        && plain.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    (is_name && plain.parse::<Ipv4Addr>().is_err()).then_some(plain)
}

/// Where `listen` is reached from this host, and in words. Other addresses than the loopback may be another host's by now.
fn address(word: &str) -> (Option<SocketAddr>, String) {
    let (host, port) = match word.rfind(':') {
        Some(at) if !word.ends_with(']') => (&word[..at], &word[at + 1..]),
        _ if word.bytes().all(|byte| byte.is_ascii_digit()) => ("*", word),
        _ => (word, "443"),
    };
    let to = port.parse::<u16>().ok().and_then(|port| {
        let six = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let ip = match (host, six) {
            ("*", _) => Ipv4Addr::LOCALHOST.into(),
            (_, Some("::" | "::1")) => Ipv6Addr::LOCALHOST.into(),
            (host, None) => match host.parse::<Ipv4Addr>().ok()? {
                Ipv4Addr::UNSPECIFIED => Ipv4Addr::LOCALHOST.into(),
                other if other.is_loopback() => other.into(),
                _ => return None,
            },
            _ => return None,
        };
        Some(SocketAddr::new(ip, port))
    });
    (to, to.map_or_else(|| word.to_owned(), |to| to.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_loopback_is_asked() {
        for (word, to) in [
            ("443", "127.0.0.1:443"),
            ("*:8443", "127.0.0.1:8443"),
            ("0.0.0.0:443", "127.0.0.1:443"),
            ("127.0.0.2:443", "127.0.0.2:443"),
            ("[::]:443", "[::1]:443"),
            ("10.0.0.5:443", ""),
            ("[2001:db8::1]:443", ""),
            ("unix:/run/x.sock", ""),
            ("shop.test", ""),
        ] {
            assert_eq!(address(word).0.map_or(String::new(), |to| to.to_string()), to, "{word}");
        }
    }

    #[test]
    fn the_file_is_told_by_the_title() {
        for (title, told) in [
            ("master process /usr/sbin/nginx -g daemon on; master_process on;", Some(CONF)),
            ("master process nginx -p /tmp/x -c /tmp/x/a.conf", Some("/tmp/x/a.conf")),
            ("master process nginx -c/a.conf", Some("/a.conf")),
            ("master process nginx -c a.conf", None),
        ] {
            assert_eq!(conf(title).as_deref(), told, "{title}");
        }
    }
}
