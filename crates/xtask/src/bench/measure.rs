//! One process measured by the system's own accounting, and one that goes on running.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What one run of a command cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// From before the start to after the end.
    pub(crate) wall: Duration,
    /// User and system time of the process and all that it waited for.
    pub(crate) cpu: Duration,
    /// Largest resident set of any one of them, in bytes.
    pub(crate) peak: u64,
}

/// Runs a command to its end with everything on /dev/null.
pub(crate) fn cost(command: &[String]) -> Result<Cost, String> {
    let (program, arguments) = command.split_first().ok_or("no command")?;
    let start = Instant::now();
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("{program}: {error}"))?;
    let pid = i32::try_from(child.id()).map_err(|error| error.to_string())?;
    let usage = wait(pid)?;
    let wall = start.elapsed();
    let time = |value: libc::timeval| {
        Duration::from_secs(value.tv_sec.unsigned_abs()) + Duration::from_micros(value.tv_usec.unsigned_abs())
    };
    Ok(Cost {
        wall,
        cpu: time(usage.ru_utime) + time(usage.ru_stime),
        peak: usage.ru_maxrss.unsigned_abs() * 1024,
    })
}

#[expect(
    unsafe_code,
    reason = "wait4 gives the usage of exactly this child; the standard library has no such call"
)]
fn wait(pid: i32) -> Result<libc::rusage, String> {
    let mut status = 0;
    // SAFETY: rusage is plain data for which zero is valid; both pointers live through the call.
    let (reaped, usage) = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        (libc::wait4(pid, &raw mut status, 0, &raw mut usage), usage)
    };
    if reaped == pid { Ok(usage) } else { Err(format!("wait4: {}", std::io::Error::last_os_error())) }
}

/// The value below which a share of the sorted values lies.
pub(crate) fn quantile(values: &mut [Duration], share: f64) -> Duration {
    values.sort_unstable();
    let last = values.len().saturating_sub(1);
    values.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
}

/// CPU time used so far by a running process, its waited-for children included.
pub(crate) fn cpu_of(pid: u32) -> Result<Duration, String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .map_err(|error| format!("process {pid}: {error}"))?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    // Fields 14 to 17 of proc_pid_stat(5), counted after the name: utime, stime, cutime, cstime in clock ticks of 10 ms.
    let ticks: u64 = fields.iter().skip(11).take(4).filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 10))
}

/// Resident memory of a running process in bytes.
pub(crate) fn memory_of(pid: u32) -> Result<u64, String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))
        .map_err(|error| format!("process {pid}: {error}"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS")?;
    let kib: u64 = line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).ok_or("odd VmRSS")?;
    Ok(kib * 1024)
}

/// A folder that is removed at the end.
#[derive(Debug)]
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    /// Makes it.
    pub(crate) fn new(name: &str) -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("muster-bench-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).map_err(|error| error.to_string())?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}
