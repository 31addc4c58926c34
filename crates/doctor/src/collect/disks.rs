//! File systems: `/proc/1/mountinfo`, `/etc/fstab`, how full those with a disk are, and what ext4 has written down.

use muster_host::discover::blot::blot;
use muster_host::process::read_small;

use super::ground::Ground;
use super::{Collector, Put, WITHIN};
use crate::facts::Fact;
use crate::facts::disks::{Disks, Mount, Space, Wanted};

pub(super) const COLLECTOR: Collector =
    Collector { name: "disks", within: WITHIN, read, blind: |facts, why| facts.disks = Fact::unknown(why) };

/// Most file systems that are asked.
const MOUNTS: usize = 500;
/// Kinds with a disk behind them but no device of their own.
const POOLED: [&str; 3] = ["btrfs", "zfs", "bcachefs"];
/// Kinds that are full by nature.
const SEALED: [&str; 4] = ["squashfs", "iso9660", "erofs", "udf"];

fn read(ground: &Ground) -> Put {
    let mounts = match ground.live {
        false => Fact::nothing("only files were read"),
        // Ours may be those of a sandbox.
        true => match std::fs::read_to_string("/proc/1/mountinfo")
            .or_else(|_| std::fs::read_to_string("/proc/self/mountinfo"))
        {
            Err(error) => Fact::unknown(format!("/proc/self/mountinfo: {error}")),
            Ok(text) => {
                let mut mounts: Vec<Mount> = text.lines().take(MOUNTS).filter_map(mount).collect();
                mounts.iter_mut().for_each(measure);
                Fact::Known(mounts)
            }
        },
    };
    let wanted = match ground.read("/etc/fstab") {
        Err(why) => Fact::unknown(format!("/etc/fstab: {why}")),
        Ok(None) => Fact::nothing("there is no /etc/fstab"),
        Ok(Some(text)) => {
            let text = text.lossy();
            let mut lines: Vec<Wanted> =
                (1..).zip(text.lines()).filter_map(|(line, text)| wanted(line, text)).collect();
            if let Some(mounts) = mounts.known() {
                for line in
                    lines.iter_mut().filter(|line| !mounts.iter().any(|mount| mount.place == line.place))
                {
                    line.below = ground.list(&line.place).ok().flatten().map(|names| names.len() as u64);
                }
            }
            Fact::Known(lines)
        }
    };
    for path in crate::rules::DATABASES {
        ground.entry(path);
    }
    Box::new(|facts| facts.disks = Fact::Known(Disks { mounts, wanted }))
}

/// `27 1 254:0 / / rw,relatime - ext4 /dev/vda rw` (proc(5)).
fn mount(line: &str) -> Option<Mount> {
    let (before, after) = line.split_once(" - ")?;
    let fields: Vec<&str> = before.split(' ').collect();
    let mut tail = after.split(' ');
    let (kind, device, sealed) = (tail.next()?, tail.next()?, tail.next().unwrap_or_default());
    let has = |options: &str, wanted: &str| options.split(',').any(|option| option == wanted);
    Some(Mount {
        place: plain(fields.get(4)?),
        part: plain(fields.get(3)?),
        kind: kind.to_owned(),
        device: blot(&plain(device)),
        number: (*fields.get(2)?).to_owned(),
        read_only: has(fields.get(5)?, "ro"),
        // Newer kernels leave it `rw` after an error and add a word.
        sealed: has(sealed, "ro") || has(sealed, "emergency_ro"),
        space: Fact::nothing("it has no disk of this host"),
        faults: None,
    })
}

fn measure(mount: &mut Mount) {
    let has_disk = mount.device.starts_with("/dev/") || POOLED.contains(&mount.kind.as_str());
    let is_root = mount.kind == "overlay" && mount.place == "/";
    if (!has_disk && !is_root) || SEALED.contains(&mount.kind.as_str()) || mount.kind.starts_with("fuse") {
        return;
    }
    mount.space = match rustix::fs::statvfs(mount.place.as_str()) {
        Err(error) => Fact::unknown(format!("{}: {error}", mount.place)),
        Ok(space) => Fact::Known(Space {
            used: space.f_blocks.saturating_sub(space.f_bfree).saturating_mul(space.f_frsize),
            free: space.f_bavail.saturating_mul(space.f_frsize),
            inodes: space.f_files,
            inodes_free: space.f_ffree,
        }),
    };
    if mount.kind == "ext4" {
        let name = std::fs::read_link(format!("/sys/dev/block/{}", mount.number)).ok();
        let name =
            name.as_deref().and_then(|link| link.file_name()).map(|name| name.to_string_lossy().into_owned());
        let count = name.and_then(|name| read_small(&format!("/sys/fs/ext4/{name}/errors_count")).ok());
        mount.faults = count.and_then(|text| String::from_utf8_lossy(&text).trim().parse().ok());
    }
}

fn wanted(line: u32, text: &str) -> Option<Wanted> {
    let text = text.trim();
    if text.starts_with('#') {
        return None;
    }
    let mut fields = text.split_whitespace();
    let (device, place, kind) = (fields.next()?, fields.next()?, fields.next()?);
    let options = fields.next().unwrap_or("defaults");
    Some(Wanted {
        line,
        device: blot(&plain(device)),
        place: plain(place),
        kind: kind.to_owned(),
        options: options
            .split(',')
            .map(|option| option.split('=').next().unwrap_or(option).to_owned())
            .collect(),
        below: None,
    })
}

/// A path as the kernel writes it: blanks are `\040`.
fn plain(field: &str) -> String {
    field.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_and_fstab_are_read() {
        let seen = mount(
            "36 35 98:0 /mnt1 /mnt/big\\040disk rw,noatime shared:1 - ext3 /dev/root ro,errors=continue",
        );
        let seen = seen.expect("a mount");
        assert_eq!(
            (seen.place.as_str(), seen.part.as_str(), seen.kind.as_str()),
            ("/mnt/big disk", "/mnt1", "ext3")
        );
        assert!(!seen.read_only && seen.sealed);
        let after_an_error =
            mount("37 35 7:2 / /mnt/err rw,relatime - ext4 /dev/loop2 rw,errors=remount-ro,emergency_ro");
        assert!(after_an_error.is_some_and(|mount| mount.sealed));
        assert_eq!(mount("garbage"), None);
        let line = wanted(3, "//nas/x /mnt/nas cifs nofail,password=hunter2 0 0").expect("a line");
        assert_eq!(line.options, ["nofail", "password"]);
        assert_eq!(wanted(1, "# UNCONFIGURED"), None);
    }
}
