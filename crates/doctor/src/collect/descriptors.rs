//! The open files of all processes, one after the other and within bounds.

use std::fs::Metadata;

use muster_host::process::read_small;

/// Most open files that are looked at.
const OPEN: usize = 50_000;

/// An open file of a process.
pub(super) struct Descriptor<'d> {
    /// The process.
    pub(super) pid: u32,
    /// Its number.
    pub(super) number: &'d str,
    /// What it leads to, as the kernel writes it.
    pub(super) target: &'d str,
}

impl Descriptor<'_> {
    /// What the open file is, whether it has a name or not.
    pub(super) fn about(&self) -> std::io::Result<Metadata> {
        std::fs::metadata(format!("/proc/{}/fd/{}", self.pid, self.number))
    }

    /// The flags with which it was opened.
    pub(super) fn flags(&self) -> u32 {
        let text = read_small(&format!("/proc/{}/fdinfo/{}", self.pid, self.number)).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
        flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok()).unwrap_or(0)
    }
}

/// Shows each open file that has, or had, a path. Says why not all were seen.
pub(super) fn each(mut show: impl FnMut(&Descriptor<'_>)) -> Option<String> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Some("/proc cannot be read".to_owned()) };
    let (mut seen, mut barred) = (0, 0);
    for process in processes.flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let folder = format!("/proc/{pid}/fd");
        let open = match std::fs::read_dir(&folder) {
            Ok(open) => open,
            Err(error) => {
                barred += u32::from(error.kind() == std::io::ErrorKind::PermissionDenied);
                continue;
            }
        };
        for one in open.flatten() {
            seen += 1;
            if seen > OPEN {
                return Some(format!("more than {OPEN} open files"));
            }
            let Ok(target) = std::fs::read_link(one.path()) else { continue };
            let (Some(target), name) = (target.to_str(), one.file_name()) else { continue };
            if target.starts_with('/')
                && !["/dev/", "/proc/", "/sys/"].iter().any(|start| target.starts_with(start))
            {
                show(&Descriptor { pid, number: name.to_str().unwrap_or_default(), target });
            }
        }
    }
    (barred > 0)
        .then(|| format!("open files of {barred} processes: permission denied; run as root to see them"))
}

/// What the kernel calls a process.
pub(super) fn program(pid: u32) -> String {
    let name = read_small(&format!("/proc/{pid}/comm")).unwrap_or_default();
    String::from_utf8_lossy(&name).trim().to_owned()
}
