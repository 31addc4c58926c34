//! Traps in file systems.

pub(super) mod faulty;
pub(super) mod full;
pub(super) mod hoard;
pub(super) mod inodes;
pub(super) mod not_mounted;
pub(super) mod shared;

use super::answer::{Answer, Finding, Place};
use crate::facts::disks::{Disks, Mount, Space};
use crate::facts::{Fact, Facts};

/// Judges what is mounted, each file system once.
fn each_mount(facts: &Facts, mut judge: impl FnMut(&Disks, &Mount, &mut Answer)) -> Answer {
    Answer::of(&facts.disks, |disks, answer| match &disks.mounts {
        Fact::Unknown { why } => answer.blind(why.clone()),
        Fact::Nothing { why } => answer.nothing = Some(why.clone()),
        Fact::Known(mounts) => {
            let mut seen: Vec<&str> = Vec::new();
            for mount in mounts {
                // A folder of it that is mounted again is the same file system.
                if !seen.contains(&mount.number.as_str()) {
                    seen.push(&mount.number);
                    judge(disks, mount, answer);
                }
            }
        }
    })
}

/// How full a mount is; what nobody could see is passed on.
fn space<'m>(mount: &'m Mount, answer: &mut Answer) -> Option<&'m Space> {
    if let Some(why) = mount.space.why_unknown() {
        answer.blind(why.to_owned());
    }
    mount.space.known()
}

/// A finding about a mount.
fn at(mount: &Mount, observed: impl Into<String>) -> Finding {
    Finding::new(&mount.place, Place::of(format!("statvfs {}", mount.place)), observed)
}

/// Facts for fixtures: one ext4 file system on `/`.
fn root(facts: &mut Facts, space: Space) -> Mount {
    let root = Mount {
        place: "/".to_owned(),
        part: "/".to_owned(),
        kind: "ext4".to_owned(),
        device: "/dev/vda1".to_owned(),
        number: "254:1".to_owned(),
        read_only: false,
        sealed: false,
        space: Fact::Known(space),
        faults: Some(0),
    };
    let wanted = Fact::nothing("there is no /etc/fstab");
    facts.disks = Fact::Known(Disks { mounts: Fact::Known(vec![root.clone()]), wanted });
    root
}

const GIB: u64 = 1 << 30;
