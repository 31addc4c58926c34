//! Processes that run code whose file lost its name: the kernel keeps it for them, and marks the path with ` (deleted)`.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use muster_core::time::Timestamp;
use muster_host::clock;
use muster_host::process::{read_small, stat};

use crate::collect::ground::Ground;
use crate::collect::groups;
use crate::facts::Fact;
use crate::facts::deploys::Replaced;
use crate::facts::projects::under;

/// Most processes that are looked at.
const PROCESSES: usize = 5_000;
/// Most processes that are told.
const TOLD: usize = 200;
/// Most bytes of the list of what is mapped.
const MAPS: u64 = 1 << 20;
/// What the kernel writes behind the path of a file that was removed.
const REMOVED: &str = " (deleted)";
/// dpkg writes it whenever a package changes.
const DPKG: &str = "/var/lib/dpkg/status";

/// A process that sees the host's files as we do.
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) name: String,
    pub(super) group: String,
    /// In seconds.
    pub(super) age: u64,
}

/// Processes outside of containers.
pub(super) fn processes() -> Vec<Process> {
    let uptime = clock::now().uptime.as_millis() / 1000;
    let ticks = rustix::param::clock_ticks_per_second().max(1);
    let own = std::fs::read_link("/proc/self/ns/mnt").ok();
    let root = std::fs::metadata("/").ok().map(|about| (about.dev(), about.ino()));
    let one = |pid: u32| {
        let stat = stat(pid).ok()?;
        if stat.parent == 2 || pid == 2 || stat.is_dead() {
            return None;
        }
        let link = std::fs::read_link(format!("/proc/{pid}/ns/mnt")).ok();
        // A service may have mounts of its own and still the host's root.
        let near = link == own
            || std::fs::metadata(format!("/proc/{pid}/root/")).ok().map(|about| (about.dev(), about.ino()))
                == root;
        let group = read_small(&format!("/proc/{pid}/cgroup")).unwrap_or_default();
        near.then(|| Process {
            pid,
            name: stat.name,
            group: groups::of(&String::from_utf8_lossy(&group)),
            age: uptime.saturating_sub(stat.started / ticks),
        })
    };
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(one).take(PROCESSES).collect()
}

pub(super) fn look(ground: &Ground, processes: &[Process]) -> Fact<Vec<Replaced>> {
    if !ground.live {
        return Fact::nothing("only files were read");
    }
    if !rustix::process::geteuid().is_root() {
        return Fact::unknown("programs of other users: permission denied; run as root to see them");
    }
    let upgraded = std::fs::metadata(DPKG).ok().and_then(|about| about.modified().ok());
    let upgraded = upgraded.and_then(|at| at.elapsed().ok()).map(|ago| ago.as_secs());
    let mut found = Vec::new();
    for process in processes {
        let exe = format!("/proc/{}/exe", process.pid);
        let Ok(link) = std::fs::read_link(&exe) else { continue };
        let link = link.to_string_lossy().into_owned();
        if let Some(path) = link.strip_suffix(REMOVED) {
            found.extend(replaced(ground, process, path, false, removed(Path::new(&exe))));
        } else {
            // Reading what is mapped costs more than the rest: only where something may have changed since.
            let older = upgraded.is_some_and(|ago| process.age > ago);
            if older || !of_package(&link) || works_in_project(process.pid) {
                libraries(ground, process, &mut found);
            }
        }
        if found.len() >= TOLD {
            break;
        }
    }
    Fact::Known(found)
}

fn works_in_project(pid: u32) -> bool {
    let cwd = std::fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
    let cwd = cwd.to_string_lossy();
    crate::collect::projects::HOMES.iter().any(|home| under(&cwd, home))
}

fn replaced(
    ground: &Ground,
    process: &Process,
    path: &str,
    library: bool,
    removed: Option<Timestamp>,
) -> Option<Replaced> {
    // Those never had a name on a disk.
    if !path.starts_with('/')
        || ["/memfd:", "/dev/", "/SYSV", "/snap/", "/["].iter().any(|start| path.starts_with(start))
    {
        return None;
    }
    Some(Replaced {
        pid: process.pid,
        name: process.name.clone(),
        group: process.group.clone(),
        path: path.to_owned(),
        library,
        removed,
        is_there: ground.exists(path),
        of_package: of_package(path),
    })
}

/// When a file lost its name: that changes its inode.
fn removed(path: &Path) -> Option<Timestamp> {
    let about = std::fs::metadata(path).ok()?;
    Some(Timestamp::from_millis(about.ctime().saturating_mul(1000)))
}

/// One library of each process is enough.
fn libraries(ground: &Ground, process: &Process, found: &mut Vec<Replaced>) {
    let mut text = Vec::new();
    let Ok(file) = std::fs::File::open(format!("/proc/{}/maps", process.pid)) else { return };
    if file.take(MAPS).read_to_end(&mut text).is_err() {
        return;
    }
    for line in text.split(|byte| *byte == b'\n') {
        if let Some((range, path)) = library(line) {
            let at = removed(Path::new(&format!("/proc/{}/map_files/{range}", process.pid)));
            found.extend(replaced(ground, process, path, true, at));
            return;
        }
    }
}

/// `7f00-7f10 r-xp 00000000 fe:01 123   /usr/lib/libssl.so.3 (deleted)`.
fn library(line: &[u8]) -> Option<(&str, &str)> {
    let line = line.strip_suffix(REMOVED.as_bytes())?;
    let line = std::str::from_utf8(line).ok()?;
    let mut fields = line.split_whitespace();
    let (range, rights) = (fields.next()?, fields.next()?);
    let path = line.get(line.find('/')?..)?;
    let name = path.rsplit('/').next()?;
    (rights.contains('x') && (name.ends_with(".so") || name.contains(".so."))).then_some((range, path))
}

/// Packages put their programs there, and nobody else should.
fn of_package(path: &str) -> bool {
    let system =
        ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"].iter().any(|folder| under(path, folder));
    system && !under(path, "/usr/local")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_libraries_without_a_name_are_told_from_other_lines() {
        let line = b"7f00-7f10 r-xp 00000000 fe:01 123   /usr/lib/x/libssl.so.3 (deleted)";
        assert_eq!(library(line), Some(("7f00-7f10", "/usr/lib/x/libssl.so.3")));
        for line in [
            "7f00-7f10 r-xp 00000000 fe:01 123   /usr/lib/x/libssl.so.3",
            "7f00-7f10 r--p 00000000 fe:01 123   /usr/lib/x/libssl.so.3 (deleted)",
            "7f00-7f10 rwxp 00000000 00:01 123   /memfd:jit (deleted)",
            "7f00-7f10 r-xp 00000000 00:00 0",
        ] {
            assert_eq!(library(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn a_program_that_lost_its_name_is_seen() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("serve");
        std::fs::copy("/bin/sleep", &program).expect("a program");
        // Another test that starts a program at this moment has the copy open for a moment too (ETXTBSY, execve(2)).
        let mut child = loop {
            match std::process::Command::new(&program).arg("60").spawn() {
                Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {
                    std::thread::yield_now();
                }
                started => break started.expect("started"),
            }
        };
        let seen = || match look(&Ground::new(Path::new("/"), true), &processes()) {
            Fact::Known(found) => found.into_iter().find(|one| one.pid == child.id()),
            other => panic!("{other:?}"),
        };
        assert_eq!(seen(), None);
        std::fs::remove_file(&program).expect("removed");
        let gone = seen();
        std::fs::write(&program, "x").expect("another");
        let other = seen();
        child.kill().expect("ended");
        child.wait().expect("over");
        let gone = gone.expect("seen");
        assert_eq!((gone.is_there, gone.of_package, gone.library), (false, false, false));
        assert!(gone.removed.is_some() && other.is_some_and(|other| other.is_there));
    }
}
