//! Memory, processor time and processes of the whole tree, kept by a control group of the run's own: of version 2 where
//! one can be made, else of version 1; limits of each process are the last resort for memory. A limit that cannot be
//! kept is told and stops nothing.
//!
//! The wrapper enters the group, starts the job, and goes home again: so the job is in it from its first instruction.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use muster_config::plan::Allowance;
use muster_core::ids::RunId;
use muster_core::signal::{Enforcement, Limits};
use rustix::process::{Pid, Resource, Rlimit};

/// How the groups of runs are called.
const MARK: &str = "muster-";
/// Most groups of dead runs that one run removes.
const SWEPT: usize = 64;
/// The period of processor time, in microseconds.
const PERIOD: u64 = 100_000;

/// The limits of one run.
#[derive(Debug)]
pub(crate) struct Fence {
    leaves: Vec<Leaf>,
    limits: Limits,
    kills: u64,
}

/// A group of our own, and the one that we come from.
#[derive(Debug)]
struct Leaf {
    path: PathBuf,
    home: PathBuf,
    has_memory: bool,
}

impl Fence {
    /// Makes the groups; none if nothing is asked for or nothing can be kept.
    pub(crate) fn raise(allowance: &Allowance, run: &RunId, notes: &mut Vec<String>) -> Option<Self> {
        if *allowance == Allowance::default() {
            return None;
        }
        let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let name = format!("{MARK}{}-{run}", std::process::id());
        raise_below(Path::new("/sys/fs/cgroup"), &groups, &name, allowance, notes)
    }

    /// Goes into the groups, so that what is started now is in them.
    pub(crate) fn enter(&self, notes: &mut Vec<String>) {
        for leaf in &self.leaves {
            if let Err(error) = join(&leaf.path) {
                notes.push(format!(
                    "{} could not be entered ({error}); its limits do not hold",
                    leaf.path.display()
                ));
            }
        }
    }

    /// Goes home.
    pub(crate) fn leave(&self) {
        for leaf in &self.leaves {
            // Whoever cannot go home is limited as the job is, and that is all.
            drop(join(&leaf.home));
        }
    }

    /// Limits a job that has just been started, where that is done process by process.
    pub(crate) fn bind(&self, job: Pid) {
        if let (Enforcement::Rlimit, Some(memory)) = (self.limits.by, self.limits.memory) {
            let limit = Rlimit { current: Some(memory), maximum: Some(memory) };
            // A job that has ended already needs none.
            rustix::process::prlimit(Some(job), Resource::Data, limit).ok();
        }
    }

    /// The limits that hold.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// True if the kernel has killed for memory inside since the last time this was asked.
    pub(crate) fn has_killed(&mut self) -> bool {
        let kills = self.kills();
        std::mem::replace(&mut self.kills, kills) < kills
    }

    /// The most memory that was in use, in bytes.
    pub(crate) fn peak(&self) -> Option<u64> {
        let leaf = self.leaves.iter().find(|leaf| leaf.has_memory)?;
        ["memory.peak", "memory.max_usage_in_bytes"].iter().find_map(|file| number(&leaf.path.join(file)))
    }

    fn kills(&self) -> u64 {
        let files = ["memory.events", "memory.oom_control"];
        let leaves = self.leaves.iter().filter(|leaf| leaf.has_memory);
        leaves
            .flat_map(|leaf| files.map(|file| fs::read_to_string(leaf.path.join(file)).unwrap_or_default()))
            .filter_map(|text| {
                text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse::<u64>().ok())
            })
            .sum()
    }
}

impl Drop for Fence {
    fn drop(&mut self) {
        for leaf in &self.leaves {
            // One with processes in it stays, with its limits, until a later run finds it empty.
            drop(fs::remove_dir(&leaf.path));
        }
    }
}

fn raise_below(
    mount: &Path,
    groups: &str,
    name: &str,
    allowance: &Allowance,
    notes: &mut Vec<String>,
) -> Option<Fence> {
    let mut kept = Allowance::default();
    let mut why = Vec::new();
    let two = version_two(mount, groups, name, allowance);
    let (by, leaves) = if let Some(leaf) = two {
        kept = *allowance;
        (Enforcement::CgroupV2, vec![leaf])
    } else {
        let mut leaves = Vec::new();
        for (controller, files) in version_one(allowance) {
            match leaf_of_one(mount, groups, name, controller, &files) {
                Ok(leaf) => {
                    match controller {
                        "memory" => kept.memory = allowance.memory,
                        "cpu" => kept.cpu = allowance.cpu,
                        _ => kept.pids = allowance.pids,
                    }
                    leaves.push(leaf);
                }
                Err(error) => why.push(format!("no control group for {controller} ({error})")),
            }
        }
        if kept.memory.is_none() && leaves.is_empty() {
            kept.memory = allowance.memory;
            (Enforcement::Rlimit, leaves)
        } else {
            (Enforcement::CgroupV1, leaves)
        }
    };
    let lost = [
        (allowance.memory != kept.memory, "memory"),
        (allowance.cpu != kept.cpu, "cpu"),
        (allowance.pids != kept.pids, "pids"),
    ];
    for (_, key) in lost.iter().filter(|(is_lost, _)| *is_lost) {
        notes.push(format!("the limit `{key}` is not kept: {}", why.join(", ")));
    }
    if by == Enforcement::Rlimit && kept.memory.is_some() {
        notes.push(format!("`memory` is kept for each process by itself only: {}", why.join(", ")));
    }
    if kept == Allowance::default() {
        return None;
    }
    let limits = Limits { by, memory: kept.memory, cpu: kept.cpu, pids: kept.pids };
    let mut fence = Fence { leaves, limits, kills: 0 };
    fence.kills = fence.kills();
    Some(fence)
}

/// A group beside or above ours whose parent hands on every controller that is needed.
fn version_two(mount: &Path, groups: &str, name: &str, allowance: &Allowance) -> Option<Leaf> {
    let own = mount.join(groups.lines().find_map(|line| line.strip_prefix("0::/"))?);
    let wanted: Vec<&str> =
        [allowance.memory.map(|_| "memory"), allowance.cpu.map(|_| "cpu"), allowance.pids.map(|_| "pids")]
            .into_iter()
            .flatten()
            .collect();
    let parent = own.ancestors().take_while(|path| path.starts_with(mount)).find(|path| {
        fs::read_to_string(path.join("cgroup.subtree_control"))
            .is_ok_and(|text| wanted.iter().all(|name| text.split_whitespace().any(|word| word == *name)))
    })?;
    sweep(parent);
    let mut files = Vec::new();
    if let Some(memory) = allowance.memory {
        files.extend([("memory.max", memory.to_string()), ("memory.oom.group", "1".to_owned())]);
    }
    if let Some(cpu) = allowance.cpu {
        files.push(("cpu.max", format!("{} {PERIOD}", u64::from(cpu) * PERIOD / 1000)));
    }
    if let Some(pids) = allowance.pids {
        files.push(("pids.max", pids.to_string()));
    }
    let leaf = make(parent.join(name), own, allowance.memory.is_some(), &files).ok()?;
    // Not every kernel counts swap.
    drop(fs::write(leaf.path.join("memory.swap.max"), "0"));
    Some(leaf)
}

fn version_one(allowance: &Allowance) -> Vec<(&'static str, Vec<(&'static str, String)>)> {
    let mut found = Vec::new();
    if let Some(memory) = allowance.memory {
        found.push(("memory", vec![("memory.limit_in_bytes", memory.to_string())]));
    }
    if let Some(cpu) = allowance.cpu {
        let quota = u64::from(cpu) * PERIOD / 1000;
        found.push((
            "cpu",
            vec![("cpu.cfs_period_us", PERIOD.to_string()), ("cpu.cfs_quota_us", quota.to_string())],
        ));
    }
    if let Some(pids) = allowance.pids {
        found.push(("pids", vec![("pids.max", pids.to_string())]));
    }
    found
}

fn leaf_of_one(
    mount: &Path,
    groups: &str,
    name: &str,
    controller: &str,
    files: &[(&str, String)],
) -> io::Result<Leaf> {
    let own = groups.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let is_it = parts.next()?.split(',').any(|name| name == controller);
        is_it.then(|| parts.next()).flatten()
    });
    let own = own.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the kernel has none"))?;
    let home = mount.join(controller).join(own.trim_start_matches('/'));
    sweep(&home);
    let leaf = make(home.join(name), home, controller == "memory", files)?;
    if let (true, Some((_, limit))) = (leaf.has_memory, files.first()) {
        // Memory and swap together, where swap is counted.
        drop(fs::write(leaf.path.join("memory.memsw.limit_in_bytes"), limit));
    }
    Ok(leaf)
}

fn make(path: PathBuf, home: PathBuf, has_memory: bool, files: &[(&str, String)]) -> io::Result<Leaf> {
    fs::create_dir(&path)?;
    for (file, text) in files {
        if let Err(error) = fs::write(path.join(file), text) {
            fs::remove_dir(&path)?;
            return Err(error);
        }
    }
    Ok(Leaf { path, home, has_memory })
}

fn join(group: &Path) -> io::Result<()> {
    fs::write(group.join("cgroup.procs"), "0")
}

/// Removes what killed wrappers have left; one with processes in it stays.
fn sweep(parent: &Path) {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let dead = entries.filter(|entry| {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(MARK)?.split('-').next());
        pid.is_some_and(|pid| pid.parse::<u32>().is_ok() && !Path::new("/proc").join(pid).exists())
    });
    for entry in dead.take(SWEPT) {
        drop(fs::remove_dir(entry.path()));
    }
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}
