//! Limits kept by a scope of systemd, where no control group of our own can be made.
//!
//! The scope is made around a process of ours that does nothing: systemd removes a scope with its last process, and what
//! it counted is read after the job's end. The job is attached while it waits at its [`gate`](crate::gate). A limit is
//! kept only if its file says so.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use muster_config::plan::Allowance;
use muster_host::process;
use muster_host::scope::Manager;
use rustix::process::Pid;

/// Longest that the start of a job is held back by systemd, at the making of a scope and again at its door.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a process takes at most from the first of its groups to the last.
const SETTLED: Duration = Duration::from_millis(50);
/// How often is looked whether the scope is there.
const LOOK: Duration = Duration::from_millis(2);

/// A scope. It is gone when this is dropped and its last process has ended.
#[derive(Debug)]
pub(crate) struct Scope {
    manager: Manager,
    unit: String,
    /// Where it is, for each limit that it keeps.
    places: Vec<Place>,
    mount: PathBuf,
    _keeper: Keeper,
}

/// One limit that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The control group that keeps it.
    pub(crate) path: PathBuf,
    /// The limit.
    pub(crate) keeps: Allowance,
    controller: &'static str,
}

/// One limit that is not, and why.
pub(crate) type Lost = (Allowance, String);

impl Scope {
    /// Has a scope of this name made. Also tells which of the limits it does not keep.
    pub(crate) fn make(mount: &Path, name: &str, allowance: &Allowance) -> Result<(Self, Vec<Lost>), String> {
        let manager = Manager::ours()?;
        let keeper = Keeper::start()?;
        let unit = format!("{name}.scope");
        let until = Instant::now() + PATIENCE;
        // The one that does nothing counts as well.
        let limits = Allowance { pids: allowance.pids.map(|pids| pids.saturating_add(1)), ..*allowance };
        manager.start(&unit, keeper.pid, &limits, until)?;
        // The limits are written before a process is moved, but in the old hierarchies it is moved one by one.
        let mut settled = None;
        let (places, lost) = loop {
            let groups = fs::read_to_string(format!("/proc/{}/cgroup", keeper.pid));
            let groups = groups.map_err(|error| format!("{unit} was not made ({error})"))?;
            let now = Instant::now();
            if groups.contains(&unit) {
                let (places, lost) = held(mount, &groups, &unit, allowance, &limits);
                if lost.is_empty() || now >= *settled.get_or_insert(now + SETTLED) {
                    break (places, lost);
                }
            } else if now >= until {
                return Err(format!("systemd did not make {unit} in time"));
            }
            std::thread::sleep(LOOK);
        };
        if places.is_empty() {
            return Err(format!("{unit} was made and keeps no limit"));
        }
        Ok((Self { manager, unit, places, mount: mount.to_owned(), _keeper: keeper }, lost))
    }

    /// The limits that it keeps.
    pub(crate) fn places(&self) -> &[Place] {
        &self.places
    }

    /// Takes in a process that waits.
    pub(crate) fn admit(&self, pid: Pid) -> Result<(), String> {
        let pid = pid.as_raw_pid().unsigned_abs();
        self.manager.attach(&self.unit, pid, Instant::now() + PATIENCE)?;
        let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        let is_in =
            |place: &Place| group(&self.mount, &groups, place.controller).as_ref() == Some(&place.path);
        if self.places.iter().all(is_in) {
            return Ok(());
        }
        Err(format!("systemd did not move the job into {}", self.unit))
    }
}

/// Keeps a scope while the wrapper lives.
#[derive(Debug)]
struct Keeper {
    pid: u32,
    /// It ends when this is closed, by whatever end of ours.
    _line: ChildStdin,
}

impl Keeper {
    /// Starts one that is no child of ours, so that nobody takes it for a part of the job.
    fn start() -> Result<Self, String> {
        let fault = |error: io::Error| format!("no process to keep it ({error})");
        // What is started in the background loses its standard input, but not what was put aside.
        let script = "exec 3<&0; cat <&3 3<&- >/dev/null 2>&1 & echo $!";
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // A signal of the terminal is not for it.
        std::os::unix::process::CommandExt::process_group(&mut shell, 0);
        let mut shell = shell.spawn().map_err(fault)?;
        let line = shell.stdin.take();
        let said = shell.wait_with_output().map_err(fault)?;
        let pid = String::from_utf8_lossy(&said.stdout).trim().parse::<u32>();
        let (Some(line), Ok(pid)) = (line, pid) else { return Err("no process to keep it".to_owned()) };
        match process::stat(pid) {
            Ok(stat) if stat.parent != std::process::id() => Ok(Self { pid, _line: line }),
            Ok(_) => Err("orphans of this host come to muster".to_owned()),
            Err(error) => Err(fault(error)),
        }
    }
}

/// Which limits the groups of a process in the scope keep, as their files say, and which they do not.
fn held(
    mount: &Path,
    groups: &str,
    unit: &str,
    asked: &Allowance,
    written: &Allowance,
) -> (Vec<Place>, Vec<Lost>) {
    let nothing = Allowance::default();
    let wanted = [
        ("memory", Allowance { memory: asked.memory, ..nothing }),
        ("cpu", Allowance { cpu: asked.cpu, ..nothing }),
        ("pids", Allowance { pids: asked.pids, ..nothing }),
    ];
    let (mut places, mut lost) = (Vec::new(), Vec::new());
    for (controller, keeps) in wanted.into_iter().filter(|(_, keeps)| *keeps != nothing) {
        let path = group(mount, groups, controller).filter(|path| path.ends_with(unit));
        match path {
            Some(path) if keeps_it(&path, controller, written) => {
                places.push(Place { path, keeps, controller });
            }
            Some(path) => lost.push((keeps, format!("{} does not keep {controller}", path.display()))),
            None => lost.push((keeps, format!("systemd hands {controller} on to no group of {unit}"))),
        }
    }
    (places, lost)
}

/// The group of a process that a controller looks at.
fn group(mount: &Path, groups: &str, controller: &str) -> Option<PathBuf> {
    let below = |place: PathBuf, path: &str| place.join(path.trim_start_matches('/'));
    let one = groups.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let is_it = parts.next()?.split(',').any(|name| name == controller);
        is_it.then(|| parts.next()).flatten()
    });
    match one {
        Some(path) => Some(below(mount.join(controller), path)),
        None => {
            groups.lines().find_map(|line| line.strip_prefix("0::")).map(|path| below(mount.to_owned(), path))
        }
    }
}

/// True if the file of a limit is there and allows no more. The kernel rounds memory down to whole pages.
fn keeps_it(group: &Path, controller: &str, limit: &Allowance) -> bool {
    let text = |file: &str| fs::read_to_string(group.join(file)).ok();
    let number = |file: &str| text(file)?.trim().parse::<u64>().ok();
    let most = |files: [&str; 2], limit: Option<u64>| {
        files.iter().find_map(|file| number(file)).is_some_and(|found| Some(found) <= limit)
    };
    match controller {
        "memory" => most(["memory.max", "memory.limit_in_bytes"], limit.memory),
        "pids" => most(["pids.max", "pids.max"], limit.pids.map(u64::from)),
        _ => {
            let two = text("cpu.max").and_then(|text| {
                let (quota, period) = text.trim().split_once(' ')?;
                Some((quota.parse::<u64>().ok()?, period.parse::<u64>().ok()?))
            });
            let shares = two.or_else(|| Some((number("cpu.cfs_quota_us")?, number("cpu.cfs_period_us")?)));
            shares.zip(limit.cpu).is_some_and(|((quota, period), cpu)| {
                // A quota is a whole number of microseconds.
                quota.saturating_sub(1).saturating_mul(1000) <= period.saturating_mul(u64::from(cpu))
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: &str = "muster-7-run.scope";

    fn asked() -> Allowance {
        Allowance { memory: Some(64 << 20), cpu: Some(500), pids: Some(10) }
    }

    fn written() -> Allowance {
        Allowance { pids: Some(11), ..asked() }
    }

    fn write(folder: &Path, files: &[(&str, &str)]) {
        fs::create_dir_all(folder).expect("made");
        for (file, text) in files {
            fs::write(folder.join(file), text).expect("written");
        }
    }

    #[test]
    fn a_limit_is_kept_if_the_file_says_so() {
        let mount = tempfile::tempdir().expect("a folder");
        let below = "user.slice/user-7.slice/user@7.service/app.slice";
        let path = mount.path().join(below).join(UNIT);
        let groups = format!("0::/{below}/{UNIT}\n");
        let look = || held(mount.path(), &groups, UNIT, &asked(), &written());
        write(&path, &[("memory.max", "max\n"), ("pids.max", "11\n")]);
        let (places, lost) = look();
        assert_eq!(places.len(), 1);
        assert_eq!((places[0].keeps.pids, places[0].keeps.memory), (Some(10), None));
        let words: Vec<&str> = lost.iter().map(|(_, why)| why.as_str()).collect();
        assert!(
            words[0].ends_with("does not keep memory") && words[1].ends_with("does not keep cpu"),
            "{words:?}"
        );
        write(&path, &[("memory.max", "67108864\n"), ("cpu.max", "50000 100000\n")]);
        assert_eq!((look().0.len(), look().1.len()), (3, 0));
        write(&path, &[("cpu.max", "60000 100000\n"), ("memory.max", "67112960\n"), ("pids.max", "12\n")]);
        assert_eq!(look().1.len(), 3, "each is above what was asked for");
    }

    #[test]
    fn a_limit_of_the_old_hierarchy_is_kept_where_the_scope_is_in_it() {
        let mount = tempfile::tempdir().expect("a folder");
        let groups =
            format!("9:name=systemd:/a/{UNIT}\n8:pids:/\n4:memory:/a/{UNIT}\n1:cpu,cpuacct:/a/{UNIT}\n");
        write(&mount.path().join("memory/a").join(UNIT), &[("memory.limit_in_bytes", "67108864\n")]);
        write(
            &mount.path().join("cpu/a").join(UNIT),
            &[("cpu.cfs_quota_us", "50000\n"), ("cpu.cfs_period_us", "100000\n")],
        );
        // A limit of a group that others share is none of the job's.
        write(&mount.path().join("pids"), &[("pids.max", "5\n")]);
        let (places, lost) = held(mount.path(), &groups, UNIT, &asked(), &written());
        assert_eq!(places.iter().map(|place| place.controller).collect::<Vec<_>>(), ["memory", "cpu"]);
        assert_eq!(lost.len(), 1);
        write(&mount.path().join("cpu/a").join(UNIT), &[("cpu.cfs_quota_us", "-1\n")]);
        assert_eq!(held(mount.path(), &groups, UNIT, &asked(), &written()).1.len(), 2);
    }

    #[test]
    fn whoever_keeps_a_scope_is_no_child_of_ours_and_ends_with_us() {
        let Ok(keeper) = Keeper::start() else {
            // Where orphans come to whoever runs the tests there is no keeper, and no scope.
            return;
        };
        let pid = keeper.pid;
        assert!(process::stat(pid).is_ok());
        drop(keeper);
        let late = Instant::now() + Duration::from_secs(20);
        while process::stat(pid).is_ok_and(|stat| !stat.is_dead()) {
            assert!(Instant::now() < late, "{pid} goes on");
            std::thread::yield_now();
        }
    }
}
