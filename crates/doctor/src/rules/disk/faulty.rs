//! DISK004: a file system that has stopped taking writes, or has seen faults.

use super::{GIB, each_mount, root};
use crate::facts::disks::{Disks, Mount, Space, Wanted};
use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "DISK004",
    severity: Severity::Critical,
    outlook: Outlook::Failing,
    title: "a file system has faults, or became read-only",
    silent: "After an error the kernel mounts a file system read-only and goes on. What is in memory still answers; nothing is kept, \
             the log of it neither.",
    cure: "Look at `dmesg` and the disk (`smartctl -a`), save what can be read, then check it unmounted (`fsck`).",
    fix: Fix::Told,
    unless: "/etc/fstab asks for ro, or the file system is an image.",
    judge,
    bad: Fixture::facts("read-only against fstab", |facts| with(facts, &["defaults", "errors"], true, 0)),
    good: [
        Fixture::facts("read-only as fstab asks", |facts| with(facts, &["ro", "noatime"], true, 0)),
        Fixture::facts("writable and without faults", |facts| with(facts, &["defaults"], false, 0)),
    ],
};

fn with(facts: &mut Facts, options: &[&str], sealed: bool, faults: u64) {
    let half = Space { used: 20 * GIB, free: 20 * GIB, inodes: 0, inodes_free: 0 };
    let mount = Mount { sealed, read_only: sealed, faults: Some(faults), ..root(facts, half) };
    let line = Wanted {
        line: 1,
        device: "/dev/vda1".to_owned(),
        place: "/".to_owned(),
        kind: "ext4".to_owned(),
        options: options.iter().map(|&option| option.to_owned()).collect(),
        below: None,
    };
    facts.disks = Fact::Known(Disks { mounts: Fact::Known(vec![mount]), wanted: Fact::Known(vec![line]) });
}

fn judge(facts: &Facts) -> Answer {
    each_mount(facts, |disks, mount, answer| {
        let finding = |observed: String| Finding::new(&mount.place, Place::of("/proc/1/mountinfo"), observed);
        if let Some(faults) = mount.faults.filter(|faults| *faults > 0) {
            let place = Place::of("/sys/fs/ext4");
            let times = if faults == 1 { "a fault".to_owned() } else { format!("{faults} faults") };
            answer.find(Finding {
                place,
                ..finding(format!("ext4 has written down {times} of {}", mount.device))
            });
        }
        let line = disks.wanted.known().into_iter().flatten().find(|line| line.place == mount.place);
        if let Some(line) = line
            && mount.sealed
            && mount.device.starts_with("/dev/")
            && !["squashfs", "iso9660", "erofs", "udf", "vfat"].contains(&mount.kind.as_str())
            && !line.options.iter().any(|option| option == "ro")
        {
            answer.find(finding(format!(
                "{} is read-only, and line {} of /etc/fstab does not ask for it",
                mount.place, line.line
            )));
        }
    })
}
