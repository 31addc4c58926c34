//! Processes, their control groups and the machine's memory, from `/proc` and `/sys/fs/cgroup`.

use std::time::{Duration, Instant};

use muster_core::time::Timestamp;
use muster_host::discover::ask::ask;
use muster_host::process::{read_small, stat};
use muster_host::{clock, discover::blot::blot};

use super::ground::{Ground, because};
use super::{Collector, Put, WITHIN, groups};
use crate::facts::Fact;
use crate::facts::processes::{Memory, Process, Processes};

pub(super) const COLLECTOR: Collector = Collector {
    name: "processes",
    within: WITHIN,
    read,
    blind: |facts, why| facts.processes = Fact::unknown(why),
};

/// Most processes that are looked at.
const PROCESSES: usize = 5_000;
/// Most open files of one process that are counted.
const FILES: usize = 1 << 20;
/// Time for all of it but the log of the kernel.
const LOOK: Duration = Duration::from_millis(1_500);
/// Time for the log of the kernel.
const ANSWER: Duration = Duration::from_secs(1);

fn read(ground: &Ground) -> Put {
    let processes = match ground.live {
        true => look(ground),
        false => Fact::nothing("only files were read"),
    };
    Box::new(|facts| facts.processes = processes)
}

fn look(ground: &Ground) -> Fact<Processes> {
    let now = clock::now();
    let booted = Timestamp::from_millis(now.wall.millis().saturating_sub_unsigned(now.uptime.as_millis()));
    let until = Instant::now() + LOOK;
    let entries = match std::fs::read_dir("/proc") {
        Ok(entries) => entries,
        Err(error) => return Fact::unknown(format!("/proc: {}", because(&error))),
    };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let mut unseen = Vec::new();
    let mut running = Vec::new();
    for pid in pids {
        if running.len() >= PROCESSES || Instant::now() >= until {
            let why = format!("only {} were looked at in time", running.len());
            unseen.push(("processes".to_owned(), why));
            break;
        }
        // One that is gone by now is none.
        running.extend(process(pid, booted));
    }
    running.sort_by_key(|process: &Process| process.pid);
    let oom_kills = oom_kills(ground);
    let oom_log = match oom_kills {
        Fact::Known(0) => Fact::nothing("the kernel killed nothing since it was started"),
        _ => oom_log(),
    };
    let groups = groups::read(&running, until);
    let memory = memory(&String::from_utf8_lossy(&read_small("/proc/meminfo").unwrap_or_default()));
    Fact::Known(Processes { booted, running, groups, memory, oom_kills, oom_log, unseen })
}

fn process(pid: u32, booted: Timestamp) -> Option<Process> {
    let stat = stat(pid).ok()?;
    // Threads of the kernel, and what is only waited for.
    if stat.parent == 2 || pid == 2 || stat.is_dead() {
        return None;
    }
    let text = |name: &str| {
        String::from_utf8_lossy(&read_small(&format!("/proc/{pid}/{name}")).unwrap_or_default()).into_owned()
    };
    let status = text("status");
    let field =
        |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
    let signals = |name: &str| u64::from_str_radix(field(name), 16).unwrap_or(0);
    let ticks = rustix::param::clock_ticks_per_second().max(1);
    let age = i64::try_from(u128::from(stat.started) * 1000 / u128::from(ticks)).unwrap_or(0);
    Some(Process {
        pid,
        started: booted.shifted(age),
        uid: field("Uid:").split_whitespace().nth(1)?.parse().ok()?,
        rss: stat.rss(),
        files: files(pid, &text("limits")),
        oom_score_adj: text("oom_score_adj").trim().parse().unwrap_or(0),
        // What it blocks it fetches itself: sigwait(3), signalfd(2).
        handled: signals("SigCgt:") | signals("SigBlk:"),
        group: groups::of(&text("cgroup")),
        name: stat.name,
    })
}

fn files(pid: u32, limits: &str) -> Fact<(u64, u64)> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let Some(limit) = line.and_then(|line| line.split_whitespace().next()?.parse().ok()) else {
        return Fact::unknown("its limits cannot be read");
    };
    let folder = format!("/proc/{pid}/fd");
    // Since Linux 6.2 the folder's size is their number.
    if let Ok(about) = std::fs::metadata(&folder)
        && about.len() > 0
    {
        return Fact::Known((about.len(), limit));
    }
    match std::fs::read_dir(&folder) {
        Ok(entries) => Fact::Known((entries.take(FILES).count() as u64, limit)),
        Err(error) => Fact::unknown(because(&error)),
    }
}

fn oom_kills(ground: &Ground) -> Fact<u64> {
    if ground.is_container() {
        return Fact::nothing("the kernel counts for all containers of its host");
    }
    let text = std::fs::read_to_string("/proc/vmstat").unwrap_or_default();
    match text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.parse().ok()) {
        Some(count) => Fact::Known(count),
        None => Fact::unknown("/proc/vmstat does not count them"),
    }
}

fn oom_log() -> Fact<Vec<(Timestamp, String)>> {
    let asked = ask(
        "journalctl",
        &[
            "_TRANSPORT=kernel",
            "--quiet",
            "--no-pager",
            "--since=-7d",
            "--lines=50",
            "--output=short-unix",
            "--grep=Killed process",
        ],
        ANSWER,
    );
    match asked {
        Ok(answer) => Fact::Known(answer.lines().filter_map(killed).collect()),
        // So it ends as well where it found none.
        Err(why) => Fact::unknown(format!("the log of the kernel: {why}")),
    }
}

/// `1795262400.123456 web1 kernel: Out of memory: Killed process 77 (node) total-vm:…`
fn killed(line: &str) -> Option<(Timestamp, String)> {
    let (seconds, _) = line.split_once('.')?;
    let (_, said) = line.split_once("kernel: ")?;
    let said = said.split(" total-vm").next().unwrap_or(said);
    Some((Timestamp::from_seconds(seconds.parse().ok()?), blot(said)))
}

fn memory(text: &str) -> Memory {
    let kib = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let bytes = |name: &str| kib(name).unwrap_or(0).saturating_mul(1024);
    Memory { total: bytes("MemTotal:"), available: bytes("MemAvailable:"), swap: bytes("SwapTotal:") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_seen() {
        let Fact::Known(seen) = look(&Ground::new(std::path::Path::new("/"), true)) else {
            panic!("nothing seen")
        };
        let own = seen.of(std::process::id()).expect("it runs");
        let (open, limit) = own.files.known().copied().expect("its own files");
        assert!(open >= 3 && limit >= open && own.rss > 0);
        assert!(own.started >= seen.booted && seen.memory.total > seen.memory.available);
    }

    #[test]
    fn the_words_of_the_kernel_are_read() {
        let line = "1795262400.123456 web1 kernel: Out of memory: Killed process 77 (node) total-vm:1kB";
        let read = killed(line).expect("read");
        assert_eq!(read.0, Timestamp::from_seconds(1_795_262_400));
        assert_eq!(read.1, "Out of memory: Killed process 77 (node)");
        assert!(killed("-- No entries --").is_none());
    }
}
