//! Log files: a bounded walk of the places where they are, on the file system of each place.

use std::time::{Duration, Instant};

use muster_core::time::Timestamp;
use rustix::fs::{AtFlags, FileType, Statx, StatxFlags, statx};

use super::ground::{Ground, because};
use super::{Collector, Put, WITHIN};
use crate::facts::Fact;
use crate::facts::logs::{LogFile, LogFolder, Logs};

pub(super) const COLLECTOR: Collector =
    Collector { name: "logs", within: WITHIN, read, blind: |facts, why| facts.logs = Fact::unknown(why) };

/// Most names that are looked at below one place, and most folders in a row.
const NAMES: usize = 6_000;
const DEPTH: usize = 4;
/// Time for the walk.
const TIME: Duration = Duration::from_secs(2);
/// Seconds since 1970.
const YEAR_2000: i64 = 946_684_800;
/// Folders in which nobody keeps logs, and that hold many names.
const PASSED: [&str; 8] =
    ["journal", "node_modules", "venv", "vendor", "site-packages", "dist", "objects", "overlay2"];

fn read(ground: &Ground) -> Put {
    let mut logs = Logs::default();
    let mut walk = Walk { ground, logs: &mut logs, until: Instant::now() + TIME, left: NAMES };
    walk.place("/var/log", true);
    for place in ["/opt", "/srv", "/var/www", "/home"] {
        walk.left = NAMES;
        walk.place(place, false);
    }
    logs.files.sort_by(|one, other| one.path.cmp(&other.path));
    logs.folders.sort_by(|one, other| one.path.cmp(&other.path));
    logs.cleaned = cleaned(ground);
    let is_there = !logs.files.is_empty() || !logs.folders.is_empty() || !logs.unseen.is_empty();
    let logs = if is_there { Fact::Known(logs) } else { Fact::nothing("there are no logs") };
    Box::new(|facts| facts.logs = logs)
}

struct Walk<'w> {
    ground: &'w Ground,
    logs: &'w mut Logs,
    until: Instant,
    left: usize,
}

impl Walk<'_> {
    /// `all`: whatever lies here is a log; else only folders of that name, and files with that ending.
    fn place(&mut self, place: &str, all: bool) {
        let mut rest = vec![(place.to_owned(), all, 0, None)];
        while let Some((folder, all, depth, device)) = rest.pop() {
            if self.left == 0 || Instant::now() >= self.until {
                let why = if self.left == 0 { "there are too many names" } else { "it took too long" };
                self.logs.unseen.push((place.to_owned(), why.to_owned()));
                return;
            }
            match self.folder(&folder, all, device) {
                Ok(below) if depth < DEPTH => {
                    rest.extend(
                        below.into_iter().map(|(path, all, device)| (path, all, depth + 1, Some(device))),
                    );
                }
                Ok(_) => {}
                Err(why) => self.logs.unseen.push((folder, why)),
            }
        }
    }

    fn folder(
        &mut self,
        path: &str,
        all: bool,
        device: Option<Device>,
    ) -> Result<Vec<(String, bool, Device)>, String> {
        let Some(handle) = self.ground.folder(path)? else { return Ok(Vec::new()) };
        let own = statx(&handle, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS);
        let own = own.map_err(|error| because(&error.into()))?;
        if device.is_some_and(|device| device != device_of(&own)) {
            return Ok(Vec::new());
        }
        let mut about = LogFolder {
            path: path.to_owned(),
            mode: u32::from(own.stx_mode) & 0o7777,
            uid: own.stx_uid,
            gid: own.stx_gid,
            files: 0,
            bytes: 0,
            oldest: None,
        };
        let mut below = Vec::new();
        let entries = rustix::fs::Dir::read_from(&handle).map_err(|error| because(&error.into()))?;
        for entry in entries {
            let entry = entry.map_err(|error| because(&error.into()))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') {
                continue;
            }
            if self.left == 0 {
                self.logs.unseen.push((path.to_owned(), format!("more than {NAMES} names")));
                break;
            }
            self.left -= 1;
            let full = format!("{}/{name}", path.trim_end_matches('/'));
            match entry.file_type() {
                FileType::Directory if !PASSED.contains(&name.as_str()) => {
                    below.push((full, all || name == "log" || name == "logs", device_of(&own)));
                }
                FileType::RegularFile | FileType::Unknown if all || name.contains(".log") => {
                    let wanted = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
                    let Ok(found) = statx(&handle, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW, wanted)
                    else {
                        continue;
                    };
                    let file = file(full, &found);
                    about.files += 1;
                    about.bytes += file.size;
                    about.oldest =
                        Some(about.oldest.map_or(file.modified, |oldest| oldest.min(file.modified)));
                    self.logs.files.push(file);
                }
                _ => {}
            }
        }
        if about.files > 0 {
            self.logs.folders.push(about);
        }
        Ok(below)
    }
}

/// Major and minor number.
type Device = (u32, u32);

fn device_of(about: &Statx) -> Device {
    (about.stx_dev_major, about.stx_dev_minor)
}

fn file(path: String, about: &Statx) -> LogFile {
    let stamp = |seconds: i64| Timestamp::from_millis(seconds.saturating_mul(1000));
    LogFile {
        path,
        // lastlog and the like are holes for the most part.
        size: (about.stx_blocks * 512).min(about.stx_size),
        modified: stamp(about.stx_mtime.tv_sec),
        // Some file systems have the field and leave it at zero.
        created: (about.stx_mask & StatxFlags::BTIME.bits() != 0 && about.stx_btime.tv_sec > YEAR_2000)
            .then(|| stamp(about.stx_btime.tv_sec)),
        uid: about.stx_uid,
        gid: about.stx_gid,
    }
}

/// Paths that systemd cleans by age (`tmpfiles.d(5)`).
fn cleaned(ground: &Ground) -> Vec<String> {
    let mut paths = Vec::new();
    for name in ground.list("/etc/tmpfiles.d").ok().flatten().unwrap_or_default() {
        let Ok(Some(text)) = ground.read(&format!("/etc/tmpfiles.d/{name}")) else { continue };
        for line in text.lossy().lines().map(str::trim).filter(|line| !line.starts_with('#')) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            if let (Some(path), Some(age)) = (fields.get(1), fields.get(5))
                && *age != "-"
            {
                paths.push(path.trim_matches('"').to_owned());
            }
        }
    }
    paths
}
