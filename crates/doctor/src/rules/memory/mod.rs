//! Traps of memory, and of what the kernel counts: open files, tasks.

pub(super) mod full;
pub(super) mod killed;
pub(super) mod no_limit;
pub(super) mod promised;

use crate::facts::processes::{Memory, Process, Processes};
use crate::facts::{Fact, Facts};
use muster_core::time::Timestamp;

/// Bytes as people say them.
fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match UNITS.iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{:.1} {name}", bytes as f64 / *unit as f64),
        None => format!("{bytes} B"),
    }
}

/// A control group as people know it: the container or the unit.
fn known_as(facts: &Facts, path: &str) -> String {
    let containers = facts.containers.known().map_or(&[][..], |containers| containers.all.as_slice());
    match containers.iter().find(|container| path.contains(&container.id)) {
        Some(container) => format!("container {}", container.name),
        None => path.rsplit('/').find(|part| part.ends_with(".service")).unwrap_or(path).to_owned(),
    }
}

/// Processes of a fixture: a machine that was started nine days before, with 4 GiB.
pub(super) fn tell(facts: &mut Facts, change: fn(&mut Processes)) {
    let booted = Timestamp::from_seconds(facts.at.seconds() - 9 * 86_400);
    let mut processes = Processes {
        booted,
        running: vec![process(100, "api", booted)],
        groups: Vec::new(),
        memory: Memory { total: 4 << 30, available: 2 << 30, swap: 1 << 30 },
        oom_kills: Fact::Known(0),
        oom_log: Fact::nothing("the kernel killed nothing since it was started"),
        unseen: Vec::new(),
    };
    change(&mut processes);
    facts.processes = Fact::Known(processes);
}

/// A process of a fixture that obeys SIGTERM.
pub(super) fn process(pid: u32, name: &str, started: Timestamp) -> Process {
    Process {
        pid,
        name: name.to_owned(),
        started,
        uid: 1000,
        rss: 64 << 20,
        files: Fact::Known((20, 1024)),
        oom_score_adj: 0,
        handled: 1 << 14,
        group: "/system.slice/api.service".to_owned(),
    }
}
