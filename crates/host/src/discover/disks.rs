//! File systems with a disk behind them, and memory.

use std::collections::BTreeSet;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use muster_core::host_roll::{Disk, HostRoll, Memory, Unseen};

/// Time for all disks to answer; one that hangs is listed as unseen.
const WITHIN: Duration = Duration::from_secs(2);
/// File systems that have no device of their own in `mountinfo`, but a disk behind them.
const POOLED: [&str; 3] = ["btrfs", "zfs", "bcachefs"];
/// File systems that are full by nature.
const SEALED: [&str; 3] = ["squashfs", "iso9660", "erofs"];

/// Puts disks and memory on the roll within that time, or less.
pub(super) fn look(roll: &mut HostRoll, left: Duration) {
    match std::fs::read_to_string("/proc/self/mountinfo") {
        Ok(text) => measure(roll, mounts(&text, is_folder), left.min(WITHIN)),
        Err(error) => {
            roll.unseen
                .push(Unseen { what: "disks".to_owned(), why: format!("/proc/self/mountinfo: {error}") });
        }
    }
    roll.memory = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| memory(&text));
    if roll.memory.is_none() {
        roll.unseen
            .push(Unseen { what: "memory".to_owned(), why: "/proc/meminfo cannot be read".to_owned() });
    }
}

/// Asks every file system for its size, on a thread that may hang instead of us.
fn measure(roll: &mut HostRoll, mounts: Vec<String>, within: Duration) {
    let (send, answers) = mpsc::channel();
    let mut waiting: BTreeSet<String> = mounts.iter().cloned().collect();
    for mount in mounts {
        let send = send.clone();
        let asked = thread::Builder::new().name("statvfs".to_owned()).spawn(move || {
            let answer = rustix::fs::statvfs(&mount);
            // Nobody listens any more when it took too long.
            send.send((mount, answer)).is_ok()
        });
        // Without a thread there is no answer either: it stays among those waited for.
        drop(asked);
    }
    drop(send);
    let until = Instant::now() + within;
    while let Ok((mount, answer)) = answers.recv_timeout(until.saturating_duration_since(Instant::now())) {
        waiting.remove(&mount);
        match answer {
            Ok(size) => roll.disks.push(Disk {
                mount,
                size: size.f_blocks.saturating_mul(size.f_frsize),
                available: size.f_bavail.saturating_mul(size.f_frsize),
                inodes_used: (size.f_files > 0)
                    .then(|| 1.0 - size.f_ffree.min(size.f_files) as f64 / size.f_files as f64),
            }),
            Err(error) => roll.unseen.push(Unseen { what: mount, why: error.to_string() }),
        }
    }
    for mount in waiting {
        roll.unseen.push(Unseen { what: mount, why: "the file system does not answer".to_owned() });
    }
    roll.disks.sort_by(|a, b| a.mount.cmp(&b.mount));
}

/// Mount points of real disks, each disk once: where its own root is mounted, else the shortest path. `/` is always
/// one of them, in a container too. `is_folder` is asked only of parts of local disks.
fn mounts(mountinfo: &str, is_folder: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found: Vec<(String, bool, String)> = Vec::new();
    for line in mountinfo.lines() {
        let Some((left, right)) = line.split_once(" - ") else { continue };
        let left: Vec<&str> = left.split(' ').collect();
        let right: Vec<&str> = right.split(' ').collect();
        let ([_, _, device, root, mount, ..], [kind, source, ..]) = (&left[..], &right[..]) else { continue };
        let pooled = POOLED.contains(kind);
        let disk =
            source.starts_with("/dev/") && !device.starts_with("0:") && !source.starts_with("/dev/loop");
        if *mount != "/" && (SEALED.contains(kind) || !(disk || pooled)) {
            continue;
        }
        let mount = unescaped(mount);
        let part = *root != "/" && !pooled && mount != "/";
        // Containers have single files mounted, such as /etc/hosts.
        if part && !is_folder(&mount) {
            continue;
        }
        // Subvolumes of one pool have numbers of their own.
        let identity = if *kind == "btrfs" { (*source).to_owned() } else { (*device).to_owned() };
        found.push((identity, part, mount));
    }
    found.sort_by(|a, b| (&a.0, a.1, a.2.len()).cmp(&(&b.0, b.1, b.2.len())));
    found.dedup_by(|a, b| a.0 == b.0);
    found.into_iter().map(|(_, _, mount)| mount).collect()
}

fn is_folder(path: &str) -> bool {
    std::path::Path::new(path).is_dir()
}

/// `\040` is a blank: the kernel writes blank, tab, newline and backslash in octal.
fn unescaped(path: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(path.to_owned(), |path, (code, letter)| path.replace(code, letter))
}

fn memory(meminfo: &str) -> Option<Memory> {
    let bytes = |name: &str| {
        let line = meminfo.lines().find(|line| line.split(':').next() == Some(name))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()?.checked_mul(1024)
    };
    Some(Memory {
        total: bytes("MemTotal")?,
        available: bytes("MemAvailable")?,
        swap_total: bytes("SwapTotal").unwrap_or(0),
        swap_free: bytes("SwapFree").unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_real_disk_is_listed_once() {
        let text = "\
22 27 0:21 / /proc rw - proc proc rw
42 27 254:0 /data/x /data/x rw shared:1 - ext4 /dev/vda rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 27 8:17 / /mnt/big\\040disk rw - xfs /dev/sdb1 rw
31 27 0:50 / /mnt/nas rw - nfs4 nas:/x rw
32 27 7:0 / /snap/x ro - squashfs /dev/loop0 ro
33 27 0:60 /@ /srv rw - btrfs /dev/sdc rw
34 27 0:61 /@home /srv/home rw - btrfs /dev/sdc rw
35 27 0:70 / /tank rw - zfs tank rw
36 27 0:80 / /mnt/f rw - fuse.sshfs a:/b rw
37 27 0:90 / /var/lib/docker/overlay2/x rw - overlay overlay rw
garbage
";
        let mut mounts = mounts(text, |_| true);
        mounts.sort();
        assert_eq!(mounts, ["/", "/mnt/big disk", "/srv", "/tank"]);
    }

    #[test]
    fn a_container_has_its_root_and_no_single_files() {
        let text = "\
1 0 0:50 / / rw - overlay overlay rw
2 1 254:0 /x/hosts /etc/hosts rw - ext4 /dev/vda rw
3 1 254:0 /data /srv rw - ext4 /dev/vda rw
";
        let mut mounts = mounts(text, |path| path != "/etc/hosts");
        mounts.sort();
        assert_eq!(mounts, ["/", "/srv"]);
    }

    #[test]
    fn memory_is_read_in_bytes() {
        let text = "MemTotal: 2000 kB\nMemFree: 1 kB\nMemAvailable:   1500 kB\nSwapTotal: 0 kB\n";
        let expected = Memory { total: 2_048_000, available: 1_536_000, swap_total: 0, swap_free: 0 };
        assert_eq!(memory(text), Some(expected));
        assert_eq!(memory("nothing"), None);
    }

    #[test]
    fn this_machine_has_a_disk_or_says_why_not() {
        let mut roll = HostRoll::default();
        look(&mut roll, WITHIN);
        assert!(!roll.disks.is_empty() || !roll.unseen.is_empty());
        assert!(roll.disks.iter().all(|disk| disk.available <= disk.size));
    }
}
