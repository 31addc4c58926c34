//! What the wrapper costs: interleaved rounds of `true` alone and of other commands around `true`, so that the load of
//! the machine hits all alike. Prints p10 of wall time, the ratio to bare `true`, and mean CPU time of the whole tree.
//!
//! ```text
//! bench [ROUNDS] [WRAPPER]        500 rounds; the example `run` beside this one
//! ```

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

struct Candidate {
    name: &'static str,
    words: Vec<OsString>,
    wall: Vec<Duration>,
    cpu: Duration,
}

fn main() -> std::io::Result<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let rounds = arguments.next().and_then(|word| word.to_str()?.parse().ok()).unwrap_or(500);
    let beside = std::env::current_exe()?.with_file_name("run");
    let wrapper = arguments.next().map_or(beside, PathBuf::from);
    let state = std::env::temp_dir().join(format!("muster-bench-{}", std::process::id()));
    let mut candidates = vec![
        Candidate::new("true", &["true"]),
        Candidate::new("flock -n", &["flock", "-n", "/tmp/muster-bench.lock", "true"]),
        Candidate::new("bash: flock, timeout, log, date", &["bash", "-c", BASH]),
        Candidate::wrapped("muster run", &wrapper, &[]),
        Candidate::wrapped("muster run, with timeout", &wrapper, &["--timeout", "1h"]),
    ];
    candidates.retain(Candidate::is_there);
    for round in 0..rounds {
        if round % 50 == 0 {
            // What the agent does all the time.
            std::fs::remove_dir_all(state.join("spool")).ok();
        }
        for candidate in &mut candidates {
            candidate.round(&state)?;
        }
    }
    std::fs::remove_dir_all(&state)?;
    std::fs::remove_file("/tmp/muster-bench.lock").ok();
    std::fs::remove_file("/tmp/muster-bench.log").ok();
    report(&mut candidates, rounds);
    Ok(ExitCode::SUCCESS)
}

/// What people write by hand.
const BASH: &str = "exec >>/tmp/muster-bench.log 2>&1; exec 9>/tmp/muster-bench.lock; flock -n 9 || exit 1; \
                    echo \"$(date -Is) start\"; timeout 3600 true; code=$?; echo \"$(date -Is) exit $code\"; exit $code";

impl Candidate {
    fn new(name: &'static str, words: &[&str]) -> Self {
        Self {
            name,
            words: words.iter().map(OsString::from).collect(),
            wall: Vec::new(),
            cpu: Duration::ZERO,
        }
    }

    fn wrapped(name: &'static str, wrapper: &std::path::Path, options: &[&str]) -> Self {
        let mut candidate = Self::new(name, &[]);
        candidate.words.push(wrapper.into());
        // The command itself has `run` as its first word, the example does not.
        if wrapper.file_name().is_some_and(|name| name == "muster") {
            candidate.words.push("run".into());
        }
        candidate.words.extend(options.iter().chain(&["bench", "--", "true"]).map(OsString::from));
        candidate
    }

    fn is_there(&self) -> bool {
        let mut command = Command::new(&self.words[0]);
        command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok()
    }

    fn round(&mut self, state: &std::path::Path) -> std::io::Result<()> {
        let before = children();
        let start = Instant::now();
        Command::new(&self.words[0])
            .args(&self.words[1..])
            .env("MUSTER_STATE", state)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        self.wall.push(start.elapsed());
        self.cpu += children().saturating_sub(before);
        Ok(())
    }
}

/// User and system time of all children so far.
fn children() -> Duration {
    getrusage(UsageWho::RUSAGE_CHILDREN).map_or(Duration::ZERO, |usage| {
        Duration::from_micros((usage.user_time() + usage.system_time()).num_microseconds().unsigned_abs())
    })
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn report(candidates: &mut [Candidate], rounds: usize) {
    let p10 = |wall: &mut Vec<Duration>| {
        wall.sort();
        wall[wall.len() / 10].as_secs_f64() * 1e3
    };
    let bare = p10(&mut candidates[0].wall);
    println!("{rounds} rounds\n{:34} {:>9} {:>8} {:>9} {:>9}", "", "p10 ms", "x true", "added ms", "CPU ms");
    for candidate in candidates {
        let wall = p10(&mut candidate.wall);
        let cpu = candidate.cpu.as_secs_f64() * 1e3 / f64::from(u32::try_from(rounds).unwrap_or(u32::MAX));
        println!("{:34} {wall:>9.3} {:>8.2} {:>9.3} {cpu:>9.3}", candidate.name, wall / bare, wall - bare);
    }
}
