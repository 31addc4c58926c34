//! Was it the kernel that killed the job for memory? A kill leaves no other trace than a counter of the control group.

use std::fs;
use std::path::{Path, PathBuf};

use muster_host::process;

/// The counter as it stood when the run began.
#[derive(Debug)]
pub(crate) struct Baseline {
    counter: Counter,
    kills: u64,
}

#[derive(Debug)]
enum Counter {
    /// cgroup v2: `memory.events` of our group counts victims in it and below, whoever set the limit.
    Two { root: PathBuf, group: PathBuf },
    /// cgroup v1: `memory.oom_control`.
    One { root: PathBuf, group: PathBuf },
    /// No memory group: the counter of the whole machine.
    Machine,
}

impl Baseline {
    /// Reads the counter that our children share with us; none where the kernel counts nothing.
    pub(crate) fn read() -> Option<Self> {
        let groups = process::read_small("/proc/self/cgroup").unwrap_or_default();
        candidates(&String::from_utf8_lossy(&groups), Path::new("/sys/fs/cgroup"))
            .into_iter()
            .find_map(|counter| counter.kills().map(|kills| Self { counter, kills }))
    }

    /// True if the kernel has killed for memory since.
    pub(crate) fn has_grown(&self) -> bool {
        self.counter.kills().is_some_and(|kills| kills > self.kills)
    }

    /// The tightest limit that was in force, in bytes.
    pub(crate) fn limit(&self) -> Option<u64> {
        let (root, group, file) = match &self.counter {
            Counter::Two { root, group } => (root, group, "memory.max"),
            Counter::One { root, group } => (root, group, "memory.limit_in_bytes"),
            Counter::Machine => return None,
        };
        // Where there is no limit v2 says "max" and v1 a number beyond all machines.
        group
            .ancestors()
            .take_while(|path| path.starts_with(root))
            .filter_map(|path| fs::read_to_string(path.join(file)).ok()?.trim().parse::<u64>().ok())
            .filter(|&limit| limit < 1 << 60)
            .min()
    }
}

impl Counter {
    fn kills(&self) -> Option<u64> {
        let path = match self {
            Self::Two { group, .. } => group.join("memory.events"),
            Self::One { group, .. } => group.join("memory.oom_control"),
            // Longer than a few lines.
            Self::Machine => return count_in(&fs::read_to_string("/proc/vmstat").ok()?),
        };
        count_in(&String::from_utf8_lossy(&process::read_small(path.to_str()?).ok()?))
    }
}

fn count_in(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

/// The places to look at, the most telling first. Lines of `/proc/self/cgroup` are `id:controllers:path`.
fn candidates(groups: &str, mount: &Path) -> Vec<Counter> {
    let mut found = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let below = path.trim_start_matches('/');
        if controllers.is_empty() {
            found.push(Counter::Two { root: mount.to_owned(), group: mount.join(below) });
        } else if controllers.split(',').any(|name| name == "memory") {
            let root = mount.join("memory");
            found.insert(0, Counter::One { group: root.join(below), root });
        }
    }
    found.push(Counter::Machine);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_that_grew_and_the_tightest_limit_are_seen() {
        let folder = tempfile::tempdir().expect("a folder");
        let group = folder.path().join("system.slice/cron.service");
        fs::create_dir_all(&group).expect("made");
        let events = |kills: u32| {
            fs::write(
                group.join("memory.events"),
                format!("low 0\noom 3\noom_kill {kills}\noom_group_kill 9\n"),
            )
            .expect("written");
        };
        events(1);
        fs::write(group.join("memory.max"), "max\n").expect("written");
        fs::write(folder.path().join("system.slice/memory.max"), "268435456\n").expect("written");
        let counter = candidates("0::/system.slice/cron.service\n", folder.path()).remove(0);
        let baseline = Baseline { kills: counter.kills().expect("counted"), counter };
        assert!(!baseline.has_grown());
        events(2);
        assert!(baseline.has_grown());
        assert_eq!(baseline.limit(), Some(268_435_456));
    }

    #[test]
    fn the_old_hierarchy_is_preferred_where_memory_is_in_it() {
        let lines = "4:memory:/jobs\n2:cpu,cpuacct:/\n0::/\n";
        let found = candidates(lines, Path::new("/cg"));
        assert!(matches!(&found[0], Counter::One { group, .. } if group == Path::new("/cg/memory/jobs")));
        assert!(matches!(&found[1], Counter::Two { .. }) && matches!(&found[2], Counter::Machine));
        assert_eq!(count_in("oom_kill_disable 0\nunder_oom 0\noom_kill 7\n"), Some(7));
    }
}
