//! Memory, processor time and processes of the whole tree, kept by a control group of the run's own: of version 2 where
//! one can be made, else of version 1, else by a [`scope`](crate::scope) of systemd. The last resort is for memory only: a
//! limit for each process, and a look at the whole tree from time to time (see [`sample`](crate::sample)). A limit that
//! cannot be kept is told, stops nothing, and is not claimed.
//!
//! The wrapper enters the group, starts the job, and goes home again: so the job is in it from its first instruction.
//! Otherwise it waits at its [`gate`](crate::gate) until systemd has moved it, or until it has limits of its own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use muster_config::plan::Allowance;
use muster_core::ids::RunId;
use muster_core::signal::{Enforcement, Limits};
use muster_core::time::Span;
use rustix::io::Errno;
use rustix::process::{Pid, Resource, Rlimit};

use crate::sample::EVERY;
use crate::scope::{Lost, Scope};

/// How the groups of runs are called.
const MARK: &str = "muster-";
/// Most groups of dead runs that one run removes.
const SWEPT: usize = 64;
/// The period of processor time, in microseconds.
const PERIOD: u64 = 100_000;

/// The limits of one run.
#[derive(Debug)]
pub(crate) struct Fence {
    asked: Allowance,
    leaves: Vec<Leaf>,
    /// What the leaves are.
    by: Enforcement,
    /// Where it is systemd that keeps limits.
    scope: Option<Scope>,
    kills: u64,
    /// The most that the whole tree was found to use.
    found: Option<u64>,
}

/// A group of our own, and the one that we come from.
#[derive(Debug)]
struct Leaf {
    path: PathBuf,
    home: PathBuf,
    keeps: Allowance,
}

impl Fence {
    /// Makes the groups; none if nothing is asked for.
    pub(crate) fn raise(allowance: &Allowance, run: &RunId, notes: &mut Vec<String>) -> Option<Self> {
        if *allowance == Allowance::default() {
            return None;
        }
        let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let name = format!("{MARK}{}-{run}", std::process::id());
        let mount = Path::new("/sys/fs/cgroup");
        let (mut fence, mut lost) = raise_below(mount, &groups, &name, allowance);
        if fence.leaves.is_empty() {
            match Scope::make(mount, &name, allowance) {
                Ok((scope, kept_by_none)) => {
                    lost = kept_by_none;
                    fence.by = Enforcement::SystemdScope;
                    fence.scope = Some(scope);
                }
                Err(why) => {
                    lost.iter_mut().for_each(|(_, none)| *none += &format!("; no scope of systemd ({why})"))
                }
            }
        }
        fence.kills = fence.kills();
        for (keeps, why) in lost {
            fence.give_up(&keeps, &why, notes);
        }
        if let Some((group, limit)) = fence.memory().zip(allowance.memory)
            && !counts_swap(group, limit)
            && has_swap(&fs::read_to_string("/proc/swaps").unwrap_or_default())
        {
            notes.push(
                "`memory` is kept without swap, which is not limited: it can be exceeded by that".to_owned(),
            );
        }
        Some(fence)
    }

    /// True if the job is to wait until it was admitted: where it does not inherit all of its limits.
    pub(crate) fn has_a_door(&self) -> bool {
        self.scope.is_some() || self.watched().is_some()
    }

    /// Limits a job that waits. A scope that does not take it is given up.
    pub(crate) fn admit(&mut self, job: Pid, notes: &mut Vec<String>) {
        if let Some(Err(why)) = self.scope.as_ref().map(|scope| scope.admit(job)) {
            self.shut(&why, notes);
        }
        self.bind(job, notes);
    }

    /// Gives the scope up.
    pub(crate) fn shut(&mut self, why: &str, notes: &mut Vec<String>) {
        let Some(scope) = self.scope.take() else { return };
        for place in scope.places() {
            self.give_up(&place.keeps, why, notes);
        }
    }

    /// Goes into the groups, so that what is started now is in them. One that cannot be entered is given up.
    pub(crate) fn enter(&mut self, notes: &mut Vec<String>) {
        let mut lost = Vec::new();
        self.leaves.retain(|leaf| match join(&leaf.path) {
            Ok(()) => true,
            Err(error) => {
                drop(fs::remove_dir(&leaf.path));
                lost.push((leaf.keeps, format!("{} could not be entered ({error})", leaf.path.display())));
                false
            }
        });
        for (keeps, why) in lost {
            self.give_up(&keeps, &why, notes);
        }
    }

    /// Goes home.
    pub(crate) fn leave(&self, notes: &mut Vec<String>) {
        for leaf in &self.leaves {
            if let Err(error) = join(&leaf.home) {
                // It is limited as the job is, and that is all.
                notes.push(format!("muster itself stays in {} ({error})", leaf.path.display()));
            }
        }
    }

    /// Limits a job that is there already, where that is done process by process.
    pub(crate) fn bind(&self, job: Pid, notes: &mut Vec<String>) {
        let Some(memory) = self.watched() else { return };
        // Only root may ask for more than there was.
        let maximum =
            rustix::process::getrlimit(Resource::Data).maximum.map_or(memory, |most| most.min(memory));
        let limit = Rlimit { current: Some(maximum), maximum: Some(maximum) };
        match rustix::process::prlimit(Some(job), Resource::Data, limit) {
            // Whoever has ended already needs none.
            Ok(_) | Err(Errno::SRCH) => {}
            Err(error) => notes.push(format!(
                "`memory` is kept by a look at the whole tree only: a process could not be limited ({error})"
            )),
        }
    }

    /// The limits that hold.
    pub(crate) fn limits(&self) -> Option<Limits> {
        let of = |key: fn(&Allowance) -> Option<u64>| self.groups().find_map(|(_, keeps)| key(keeps));
        let narrow = |number: u64| u32::try_from(number).ok();
        let (by, memory) = match self.groups().next() {
            None => (Enforcement::Rlimit, self.asked.memory),
            Some(_) => (self.by, of(|keeps| keeps.memory)),
        };
        let cpu = of(|keeps| keeps.cpu.map(u64::from)).and_then(narrow);
        let pids = of(|keeps| keeps.pids.map(u64::from)).and_then(narrow);
        let limits = Limits { by, memory, cpu, pids };
        (limits.memory.is_some() || limits.cpu.is_some() || limits.pids.is_some()).then_some(limits)
    }

    /// The groups that keep limits, whoever made them, and what they keep.
    fn groups(&self) -> impl Iterator<Item = (&Path, &Allowance)> {
        let leaves = self.leaves.iter().map(|leaf| (leaf.path.as_path(), &leaf.keeps));
        let places = self.scope.iter().flat_map(Scope::places);
        leaves.chain(places.map(|place| (place.path.as_path(), &place.keeps)))
    }

    /// The group that keeps memory.
    fn memory(&self) -> Option<&Path> {
        self.groups().find_map(|(path, keeps)| keeps.memory.map(|_| path))
    }

    /// The memory that the whole tree may use, in bytes, if no control group keeps it.
    pub(crate) fn watched(&self) -> Option<u64> {
        self.asked.memory.filter(|_| self.memory().is_none())
    }

    /// The whole tree was found to use so many bytes.
    pub(crate) fn saw(&mut self, memory: u64) {
        self.found = self.found.max(Some(memory));
    }

    /// Tells what no group keeps.
    fn give_up(&self, lost: &Allowance, why: &str, notes: &mut Vec<String>) {
        for key in [lost.cpu.map(|_| "cpu"), lost.pids.map(|_| "pids")].into_iter().flatten() {
            notes.push(format!("the limit `{key}` is not kept: {why}"));
        }
        if lost.memory.is_some() {
            notes.push(format!(
                "`memory` is kept only by a limit of each process and a look at the whole tree every {}: {why}",
                Span::millis(u64::try_from(EVERY.as_millis()).unwrap_or(0)),
            ));
        }
    }

    /// True if the kernel has killed for memory inside since the last time this was asked.
    pub(crate) fn has_killed(&mut self) -> bool {
        let kills = self.kills();
        std::mem::replace(&mut self.kills, kills) < kills
    }

    /// The most memory that was in use by the whole, in bytes, where that is known.
    pub(crate) fn peak(&self) -> Option<u64> {
        let files = ["memory.peak", "memory.max_usage_in_bytes"];
        self.memory().and_then(|group| files.iter().find_map(|file| number(&group.join(file)))).or(self.found)
    }

    fn kills(&self) -> u64 {
        let files = ["memory.events", "memory.oom_control"];
        self.memory()
            .into_iter()
            .flat_map(|group| files.map(|file| fs::read_to_string(group.join(file)).unwrap_or_default()))
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

/// With leaves as far as they can be made, and what is kept by none.
fn raise_below(mount: &Path, groups: &str, name: &str, allowance: &Allowance) -> (Fence, Vec<Lost>) {
    let mut fence = Fence {
        asked: *allowance,
        leaves: Vec::new(),
        by: Enforcement::CgroupV2,
        scope: None,
        kills: 0,
        found: None,
    };
    let mut lost = Vec::new();
    match version_two(mount, groups, name, allowance) {
        Ok(leaf) => fence.leaves.push(leaf),
        Err(no_two) => {
            fence.by = Enforcement::CgroupV1;
            for (controller, keeps, files) in version_one(allowance) {
                let error = match leaf_of_one(mount, groups, name, controller, keeps, &files) {
                    Some(Ok(leaf)) => {
                        fence.leaves.push(leaf);
                        continue;
                    }
                    Some(Err(error)) => error.to_string(),
                    None => no_two.to_string(),
                };
                lost.push((keeps, format!("no control group for {controller} ({error})")));
            }
        }
    }
    (fence, lost)
}

/// A group beside or above ours whose parent hands on every controller that is needed.
fn version_two(mount: &Path, groups: &str, name: &str, allowance: &Allowance) -> io::Result<Leaf> {
    let none = |why: &str| io::Error::new(io::ErrorKind::NotFound, why.to_owned());
    let own = groups.lines().find_map(|line| line.strip_prefix("0::/"));
    let own = mount.join(own.ok_or_else(|| none("the kernel has none"))?);
    let wanted: Vec<&str> =
        [allowance.memory.map(|_| "memory"), allowance.cpu.map(|_| "cpu"), allowance.pids.map(|_| "pids")]
            .into_iter()
            .flatten()
            .collect();
    let parent = own.ancestors().take_while(|path| path.starts_with(mount)).find(|path| {
        fs::read_to_string(path.join("cgroup.subtree_control"))
            .is_ok_and(|text| wanted.iter().all(|name| text.split_whitespace().any(|word| word == *name)))
    });
    let parent = parent.ok_or_else(|| none(&format!("no group hands on {}", wanted.join(", "))))?;
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
    let leaf = make(parent.join(name), own.clone(), *allowance, &files)?;
    // Not every kernel counts swap; whether this one does is read later.
    drop(fs::write(leaf.path.join("memory.swap.max"), "0"));
    Ok(leaf)
}

/// True if what a group swaps out is limited as well: to nothing in version 2, together with memory in version 1.
fn counts_swap(group: &Path, limit: u64) -> bool {
    number(&group.join("memory.swap.max")) == Some(0)
        || number(&group.join("memory.memsw.limit_in_bytes")).is_some_and(|both| both <= limit)
}

/// True if the machine swaps: there is a line below the heading of `/proc/swaps`.
fn has_swap(swaps: &str) -> bool {
    swaps.lines().nth(1).is_some()
}

/// A controller, what it keeps, and what is to be written for that.
type Wanted = (&'static str, Allowance, Vec<(&'static str, String)>);

fn version_one(allowance: &Allowance) -> Vec<Wanted> {
    let nothing = Allowance::default();
    let mut found = Vec::new();
    if let Some(memory) = allowance.memory {
        found.push((
            "memory",
            Allowance { memory: Some(memory), ..nothing },
            vec![("memory.limit_in_bytes", memory.to_string())],
        ));
    }
    if let Some(cpu) = allowance.cpu {
        let quota = u64::from(cpu) * PERIOD / 1000;
        found.push((
            "cpu",
            Allowance { cpu: Some(cpu), ..nothing },
            vec![("cpu.cfs_period_us", PERIOD.to_string()), ("cpu.cfs_quota_us", quota.to_string())],
        ));
    }
    if let Some(pids) = allowance.pids {
        found.push(("pids", Allowance { pids: Some(pids), ..nothing }, vec![("pids.max", pids.to_string())]));
    }
    found
}

/// None where the kernel has no such controller in version 1.
fn leaf_of_one(
    mount: &Path,
    groups: &str,
    name: &str,
    controller: &str,
    keeps: Allowance,
    files: &[(&str, String)],
) -> Option<io::Result<Leaf>> {
    let own = groups.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let is_it = parts.next()?.split(',').any(|name| name == controller);
        is_it.then(|| parts.next()).flatten()
    })?;
    let home = mount.join(controller).join(own.trim_start_matches('/'));
    sweep(&home);
    let leaf = make(home.join(name), home, keeps, files);
    if let (Ok(leaf), Some(limit)) = (&leaf, keeps.memory) {
        // Memory and swap together, where swap is counted; whether it is, is read later.
        drop(fs::write(leaf.path.join("memory.memsw.limit_in_bytes"), limit.to_string()));
    }
    Some(leaf)
}

fn make(path: PathBuf, home: PathBuf, keeps: Allowance, files: &[(&str, String)]) -> io::Result<Leaf> {
    fs::create_dir(&path)?;
    for (file, text) in files {
        if let Err(error) = fs::write(path.join(file), text) {
            fs::remove_dir(&path)?;
            return Err(error);
        }
    }
    Ok(Leaf { path, home, keeps })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swap_is_counted_if_the_group_says_so() {
        let group = tempfile::tempdir().expect("a folder");
        let counts = |file: &str, text: &str| {
            fs::write(group.path().join(file), text).expect("written");
            let counts = counts_swap(group.path(), 64 << 20);
            fs::remove_file(group.path().join(file)).expect("removed");
            counts
        };
        assert!(!counts_swap(group.path(), 64 << 20), "a kernel that counts none");
        assert!(counts("memory.swap.max", "0\n") && !counts("memory.swap.max", "max\n"));
        assert!(counts("memory.memsw.limit_in_bytes", "67108864\n"));
        assert!(!counts("memory.memsw.limit_in_bytes", "9223372036854771712\n"));
        assert!(!has_swap("Filename\tType\n") && has_swap("Filename\tType\n/dev/dm-1\tpartition\n"));
    }
}
