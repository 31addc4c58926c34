//! Control groups: limits of memory and of tasks, and what was killed for want of memory. Version 2, and version 1 where
//! it is mounted.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use muster_host::process::read_small;

use crate::facts::processes::{Group, Process};

/// Most groups that are looked at.
const GROUPS: usize = 1_000;

/// The group of a process, by `/proc/PID/cgroup` (cgroups(7)).
pub(super) fn of(text: &str) -> String {
    let path = |controller: &str| {
        text.lines().find_map(|line| {
            let mut fields = line.splitn(3, ':');
            let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
            controllers.split(',').any(|one| one == controller).then(|| path.to_owned())
        })
    };
    // The one that limits memory, where there are several.
    path("memory").or_else(|| path("")).unwrap_or_default()
}

/// Limits and counts of the groups that these processes are in.
pub(super) fn read(processes: &[Process], until: Instant) -> Vec<Group> {
    let unified = Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
    let paths: BTreeSet<&str> = processes
        .iter()
        .map(|process| process.group.as_str())
        .filter(|path| path.len() > 1 && !path.split('/').any(|part| part == ".."))
        .collect();
    paths
        .into_iter()
        .take(GROUPS)
        .take_while(|_| Instant::now() < until)
        .filter_map(|path| if unified { second(path) } else { first(path) })
        .collect()
}

fn text(path: &str) -> Option<String> {
    Some(String::from_utf8_lossy(&read_small(path).ok()?).trim().to_owned())
}

fn second(path: &str) -> Option<Group> {
    let get = |name: &str| text(&format!("/sys/fs/cgroup{path}/{name}"));
    Some(Group {
        path: path.to_owned(),
        memory_max: get("memory.max").and_then(|max| max.parse().ok()),
        oom_kills: count(&get("memory.events").unwrap_or_default(), "oom_kill"),
        tasks: tasks(get("pids.current"), get("pids.max")),
    })
}

fn first(path: &str) -> Option<Group> {
    let memory = |name: &str| text(&format!("/sys/fs/cgroup/memory{path}/{name}"));
    let pids = |name: &str| text(&format!("/sys/fs/cgroup/pids{path}/{name}"));
    let limit = memory("memory.limit_in_bytes").and_then(|max| max.parse().ok());
    Some(Group {
        path: path.to_owned(),
        memory_max: limit.filter(|bytes: &u64| *bytes < 1 << 60),
        oom_kills: count(&memory("memory.oom_control").unwrap_or_default(), "oom_kill"),
        tasks: tasks(pids("pids.current"), pids("pids.max")),
    })
}

fn count(events: &str, name: &str) -> u64 {
    let value = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok();
    events.lines().find_map(value).unwrap_or(0)
}

fn tasks(current: Option<String>, max: Option<String>) -> Option<(u64, u64)> {
    Some((current?.parse().ok()?, max?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_is_found_in_both_versions() {
        assert_eq!(of("0::/system.slice/api.service\n"), "/system.slice/api.service");
        assert_eq!(of("9:pids:/a\n4:memory:/docker/1\n0::/x\n"), "/docker/1");
        assert_eq!(of(""), "");
        assert_eq!(count("oom 3\noom_kill 2\noom_group_kill 0", "oom_kill"), 2);
    }
}
