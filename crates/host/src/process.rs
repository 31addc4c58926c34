//! Processes as `/proc` shows them: who is alive, whose child it is, what it is called. Signals are sent by whoever
//! owns the process.

use std::collections::HashMap;
use std::fs;
use std::io;

use muster_core::signal::ProcessMark;
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, test_kill_process};

use crate::clock;

/// Longest command line that is kept, in bytes.
const COMMAND_LIMIT: usize = 200;

/// What `/proc/PID/stat` says that we use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// Process id.
    pub pid: u32,
    /// The name of the program, at most 15 bytes.
    pub name: String,
    /// `R`, `S`, `D`, `Z`, `T`… as in proc_pid_stat(5).
    pub state: char,
    /// The parent.
    pub parent: u32,
    /// The process group.
    pub group: u32,
    /// Start time in clock ticks since boot.
    pub started: u64,
    /// Resident memory in pages.
    pub rss_pages: u64,
    /// The signals 1 to 31 that it blocks, bit 0 for signal 1.
    pub blocked: u64,
    /// The signals 1 to 31 that it ignores, bit 0 for signal 1.
    pub ignored: u64,
}

impl Stat {
    /// True if it has ended and only its exit status is left.
    pub fn is_dead(&self) -> bool {
        matches!(self.state, 'Z' | 'X' | 'x')
    }

    /// Resident memory in bytes.
    pub fn rss(&self) -> u64 {
        self.rss_pages.saturating_mul(rustix::param::page_size() as u64)
    }
}

/// Reads `/proc/PID/stat`.
///
/// # Errors
/// When there is no such process, it is hidden from us, or the line cannot be read.
pub fn stat(pid: u32) -> io::Result<Stat> {
    parse(&read_small(&format!("/proc/{pid}/stat"))?)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "unexpected line in /proc/PID/stat"))
}

/// Reads a file of the kernel's making, at most 4 KiB of it, in one go: such files have no size, and the standard library
/// feels its way in small steps, which shows in a wrapper that lives for a millisecond.
///
/// # Errors
/// When it is not there or may not be read.
pub fn read_small(path: &str) -> io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty())?;
    let mut bytes = vec![0; 4096];
    let mut length = 0;
    while let Some(rest) = bytes.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match rustix::io::read(&file, rest) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}

/// The name stands in parentheses and may hold parentheses and blanks itself, so fields count from the last one.
fn parse(line: &[u8]) -> Option<Stat> {
    let open = line.iter().position(|&b| b == b'(')?;
    let close = line.iter().rposition(|&b| b == b')')?;
    let pid = std::str::from_utf8(line.get(..open)?).ok()?.trim().parse().ok()?;
    let name = String::from_utf8_lossy(line.get(open + 1..close)?).into_owned();
    let rest: Vec<&str> =
        std::str::from_utf8(line.get(close + 1..)?).ok()?.split_ascii_whitespace().collect();
    // `rest[0]` is field 3 of the man page.
    let number = |field: usize| rest.get(field - 3).and_then(|text| text.parse::<u64>().ok());
    Some(Stat {
        pid,
        name,
        state: rest.first()?.chars().next()?,
        parent: u32::try_from(number(4)?).ok()?,
        group: u32::try_from(number(5)?).ok()?,
        started: number(22)?,
        rss_pages: number(24).unwrap_or(0),
        blocked: number(32).unwrap_or(0),
        ignored: number(33).unwrap_or(0),
    })
}

/// Marks a process so that it is recognised later.
///
/// # Errors
/// As for [`stat`]; and where the boot id cannot be read.
pub fn mark(pid: u32) -> io::Result<ProcessMark> {
    Ok(ProcessMark { pid, started: stat(pid)?.started, boot: clock::boot_id()? })
}

/// Whose the process is: its real user id. None if it is gone.
pub fn owner(pid: u32) -> Option<u32> {
    let status = read_small(&format!("/proc/{pid}/status")).ok()?;
    let text = String::from_utf8_lossy(&status);
    let line = text.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// True while the very process that was marked is running: a reused number, a zombie and a process of an earlier boot
/// are not it. A process that is hidden from us but exists counts as alive.
pub fn is_alive(mark: &ProcessMark) -> bool {
    if clock::boot_id().is_ok_and(|boot| boot != mark.boot) {
        return false;
    }
    match stat(mark.pid) {
        Ok(stat) => stat.started == mark.started && !stat.is_dead(),
        Err(_) => exists(mark.pid),
    }
}

fn exists(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return false };
    matches!(test_kill_process(pid), Ok(()) | Err(rustix::io::Errno::PERM))
}

/// The direct children of a process, zombies included, in no particular order. Empty if it is gone.
///
/// Processes that are being made or are ending at this moment may be missed; ask again to be sure.
pub fn children(pid: u32) -> Vec<u32> {
    match children_by_task(pid) {
        Some(found) => found,
        None => every_stat().into_iter().filter(|stat| stat.parent == pid).map(|stat| stat.pid).collect(),
    }
}

/// All descendants of a process, parents before their children, zombies included.
pub fn descendants(pid: u32) -> Vec<u32> {
    let mut found: Vec<u32> = Vec::new();
    if children_by_task(pid).is_some() {
        let mut next = vec![pid];
        while let Some(parent) = next.pop() {
            for child in children_by_task(parent).unwrap_or_default() {
                if child != pid && !found.contains(&child) {
                    found.push(child);
                    next.push(child);
                }
            }
        }
        return found;
    }
    let mut by_parent: HashMap<u32, Vec<u32>> = HashMap::new();
    for stat in every_stat() {
        by_parent.entry(stat.parent).or_default().push(stat.pid);
    }
    let mut next = vec![pid];
    while let Some(parent) = next.pop() {
        // Taken out, so that even a listing that contradicts itself ends.
        for child in by_parent.remove(&parent).unwrap_or_default() {
            found.push(child);
            next.push(child);
        }
    }
    found
}

/// `None` where the kernel was built without `/proc/PID/task/TID/children` or the process is gone.
fn children_by_task(pid: u32) -> Option<Vec<u32>> {
    let mut found = Vec::new();
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let text = fs::read_to_string(task.ok()?.path().join("children")).ok()?;
        found.extend(text.split_ascii_whitespace().filter_map(|word| word.parse::<u32>().ok()));
    }
    Some(found)
}

fn every_stat() -> Vec<Stat> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid: u32| stat(pid).ok())
        .collect()
}

/// The command line of a process, arguments joined by blanks, control characters replaced, at most 200 bytes; the name
/// in brackets if it has none (a zombie, a kernel thread).
pub fn command(pid: u32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let text: String = String::from_utf8_lossy(&line)
        .trim_end_matches('\0')
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.is_empty() {
        return stat(pid).map_or_else(|_| format!("[process {pid}]"), |stat| format!("[{}]", stat.name));
    }
    match text.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|&end| end <= COMMAND_LIMIT).last()
    {
        Some(end) if end < text.len() => format!("{}…", &text[..end]),
        _ => text,
    }
}

/// Resident memory of a process in bytes; none if it is gone.
pub fn rss(pid: u32) -> Option<u64> {
    stat(pid).ok().map(|stat| stat.rss())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_name_with_parentheses_and_blanks_is_read() {
        let mut fields: Vec<String> = (3..=52).map(|n| n.to_string()).collect();
        fields[0] = "S".into();
        let stat = parse(format!("77 (a) b) (c) {}", fields.join(" ")).as_bytes()).expect("read");
        assert_eq!((stat.pid, stat.name.as_str(), stat.parent, stat.started), (77, "a) b) (c", 4, 22));
        assert!(parse(b"").is_none());
        assert!(parse(b"1 (x) S").is_none());
    }

    #[test]
    fn a_mark_dies_with_its_process_and_not_before() {
        let mut child = Command::new("sleep").arg("60").spawn().expect("started");
        let mark = mark(child.id()).expect("marked");
        assert!(is_alive(&mark));
        assert!(!is_alive(&ProcessMark { started: mark.started + 1, ..mark.clone() }), "a reused number");
        assert!(!is_alive(&ProcessMark { boot: "another".into(), ..mark.clone() }), "an earlier boot");
        child.kill().expect("killed");
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
        while is_alive(&mark) {
            assert!(std::time::Instant::now() < deadline, "a zombie counts as dead");
            std::thread::yield_now();
        }
        child.wait().expect("waited");
        assert!(!is_alive(&mark));
    }

    #[test]
    fn children_and_their_children_are_listed() {
        let mut child = Command::new("sh").args(["-c", "sleep 60 & echo; wait"]).spawn().expect("started");
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
        let found = loop {
            let found = descendants(child.id());
            if found.iter().any(|&pid| command(pid) == "sleep 60") {
                break found;
            }
            assert!(std::time::Instant::now() < deadline, "no grandchild in {found:?}");
            std::thread::yield_now();
        };
        assert!(children(std::process::id()).contains(&child.id()));
        assert!(descendants(std::process::id()).contains(&found[0]));
        assert!(rss(child.id()).is_some_and(|bytes| bytes > 0));
        for pid in found {
            let pid = Pid::from_raw(i32::try_from(pid).expect("small")).expect("not zero");
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("killed");
        }
        child.wait().expect("waited");
        assert!(children(child.id()).is_empty());
    }
}
