//! File systems: what is mounted, what should be, and how full they are.

use serde::{Deserialize, Serialize};

use super::Fact;

/// Mounts of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disks {
    /// What is mounted; nothing of that sort where only files were read.
    pub mounts: Fact<Vec<Mount>>,
    /// `/etc/fstab`.
    pub wanted: Fact<Vec<Wanted>>,
}

/// A file system in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Where.
    pub place: String,
    /// Which part of the device: `/` is all of it.
    pub part: String,
    /// Its kind: `ext4`.
    pub kind: String,
    /// The device.
    pub device: String,
    /// Major and minor number: the same for the same file system.
    pub number: String,
    /// Nobody may write here.
    pub read_only: bool,
    /// Nobody may write to the file system at all.
    pub sealed: bool,
    /// How full it is; nothing of that sort where it was not asked: over a network, or without a disk.
    pub space: Fact<Space>,
    /// Faults that ext4 has written down.
    pub faults: Option<u64>,
}

/// How full a file system is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Space {
    /// Bytes that are in use.
    pub used: u64,
    /// Bytes that users may still take.
    pub free: u64,
    /// Inodes; 0 where there is no such limit.
    pub inodes: u64,
    /// Inodes that are left.
    pub inodes_free: u64,
}

/// A line of `/etc/fstab`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Its line.
    pub line: u32,
    /// The device as written, secrets blotted.
    pub device: String,
    /// Where.
    pub place: String,
    /// Its kind.
    pub kind: String,
    /// Options, those with values by their names only.
    pub options: Vec<String>,
    /// Names in the folder where it should be; none where nobody looked.
    pub below: Option<u64>,
}

impl Space {
    /// Used parts of a hundred, as df(1) counts: what is kept for root counts as neither.
    pub fn percent(&self) -> u64 {
        percent(self.used, self.used.saturating_add(self.free))
    }

    /// Used inodes of a hundred; 0 where there is no limit.
    pub fn inodes_percent(&self) -> u64 {
        percent(self.inodes.saturating_sub(self.inodes_free), self.inodes)
    }
}

fn percent(part: u64, whole: u64) -> u64 {
    if whole == 0 { 0 } else { u64::try_from(u128::from(part) * 100 / u128::from(whole)).unwrap_or(100) }
}

impl Disks {
    /// The file system that a path lies on.
    pub fn of(&self, path: &str) -> Option<&Mount> {
        let over = |mount: &&Mount| {
            mount.place == "/"
                || path == mount.place
                || path.strip_prefix(&mount.place).is_some_and(|rest| rest.starts_with('/'))
        };
        // Of two in the same place the later one lies on top.
        self.mounts.known()?.iter().filter(over).max_by_key(|mount| mount.place.len())
    }
}
