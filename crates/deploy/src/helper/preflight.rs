//! What is missing on a host before anything starts. It looks at everything and changes nothing, so that one run tells all.

use std::net::TcpListener;

use super::site::{Outcome, Site};
use super::{heartbeat, tools};
use crate::environment::Environment;
use crate::front::Ports;
use crate::runtime::{self, State};
use crate::trouble::Trouble;
use muster_core::plan::Side;

/// Where the ports of sides are chosen from: below what the kernel gives to outgoing connections (ip(7)).
const PORTS: std::ops::Range<u16> = 20_000..30_000;
/// What stays free of a disk beside a release, in bytes.
const RESERVE: u64 = 512 << 20;

/// Looks at everything.
pub(super) fn look(site: &mut Site) -> Outcome {
    let mut objections = site.runtime.objections();
    if let Some(front) = &site.front {
        objections.extend(front.objections());
    }
    let is_return = site.errand()?.is_return;
    if !is_return && let Err(more) = Environment::gather(&site.spec, &site.errand()?.environment) {
        objections.extend(more);
    }
    if is_return {
        let release = site.errand()?.attempt.release;
        if !site.books.kept.iter().any(|kept| kept.number == release) {
            objections.push(
                Trouble::new(format!("release {release} is not kept on this host"))
                    .help("`muster releases` shows what there is"),
            );
        }
    }
    objections.extend(tools::objections(&site.spec));
    objections.extend(heartbeat::objection(site));
    objections.extend(disk(site));
    objections.extend(memory(site));
    let target = site.target()?;
    objections.extend(taken(site, target));
    if objections.is_empty() { Ok(String::new()) } else { Err(objections) }
}

fn disk(site: &Site) -> Option<Trouble> {
    let root = site.layout.root();
    let stat = rustix::fs::statvfs(root).ok()?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    (free < RESERVE).then(|| {
        Trouble::new(format!(
            "{} MiB are free below {}, and {} MiB should stay free",
            free >> 20,
            root.display(),
            RESERVE >> 20
        ))
        .help("`muster doctor --only DISK,LOG` shows what fills it")
    })
}

/// Two copies run beside each other for a while.
fn memory(site: &Site) -> Option<Trouble> {
    let wanted = site.spec.memory?;
    if site.spec.stop_first {
        return None;
    }
    let text = muster_host::process::read_small("/proc/meminfo").ok()?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let free = line.trim().trim_end_matches(" kB").parse::<u64>().ok()? << 10;
    (free < wanted).then(|| {
        Trouble::new(format!(
            "{} MiB of memory are available, and the new release may take {} MiB beside the old one",
            free >> 20,
            wanted >> 20
        ))
        .help("lower `memory`, or write `stop_first = true` and accept that it is away for a moment")
    })
}

/// The port of the side that the release is to stand on must be nobody else's.
fn taken(site: &Site, side: Side) -> Option<Trouble> {
    let port = site.port(side)?;
    let stands = site.runtime.look(side).ok().flatten();
    if stands.is_some_and(|seen| matches!(seen.state, State::Running | State::Changing)) {
        return None;
    }
    runtime::is_free(port).err().map(|trouble| {
        trouble.help(format!(
            "it is the port of the {} side; end what listens there. A docker-proxy without a container, as engines that died \
             leave them, goes with `systemctl restart docker`",
            side.word()
        ))
    })
}

/// Two ports that nobody has.
pub(super) fn choose_ports() -> Result<Ports, Trouble> {
    let mut bytes = [0; 2];
    // Without randomness it begins at the first one.
    _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    let size = PORTS.end - PORTS.start;
    let first = u16::from_le_bytes(bytes) % size;
    // Twice around, so that it ends where it began.
    let free = PORTS.chain(PORTS).skip(usize::from(first)).take(usize::from(size));
    let mut free = free.filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    match (free.next(), free.next()) {
        (Some(blue), Some(green)) => Ok(Ports { blue, green }),
        _ => Err(Trouble::new(format!("no two ports are free from {} to {}", PORTS.start, PORTS.end))),
    }
}
