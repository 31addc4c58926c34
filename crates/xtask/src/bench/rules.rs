//! The pure rules: the simulation and the cron arithmetic.

use crate::shell;

/// 256 seeds of 3,000 steps, CPU seconds of the test process.
pub(super) fn simulation() -> Result<(), String> {
    let knobs = [("MUSTER_SIM_SEEDS", "256"), ("MUSTER_SIM_STEPS", "3000")];
    timed(&["test", "-p", "muster-core", "--lib"], crate::SIMULATION, &knobs)
}

/// 100,000 schedules around daylight saving, twice: against a second cron written from the manual, and by property.
pub(super) fn cron() -> Result<(), String> {
    timed(&["test", "-p", "muster-core", "--test", "suite"], "schedule", &[("PROPTEST_CASES", "100000")])
}

/// Ten jobs that write at full speed into a file system of 1 GiB: how far their logs exceed the cap. Needs root.
pub(super) fn logs() -> Result<(), String> {
    let name = "ten_jobs_at_full_speed_keep_the_cap_and_leave_room_on_the_disk";
    crate::shell::cargo(&["build", "--quiet", "-p", "muster-run", "--examples"], &[])?;
    let words =
        ["test", "--quiet", "-p", "muster-run", "--test", "wrapper", "--", "--exact", "--nocapture", name];
    crate::shell::cargo(&words, &[])
}

/// Builds first, so that only the run is timed.
fn timed(words: &[&str], filter: &str, environment: &[(&str, &str)]) -> Result<(), String> {
    let build: Vec<&str> = words.iter().copied().chain(["--no-run", "--quiet"]).collect();
    shell::cargo(&build, &[])?;
    let before = children();
    let run: Vec<&str> = words.iter().copied().chain(["--quiet", "--", "--nocapture", filter]).collect();
    shell::cargo(&run, environment)?;
    println!("CPU: {:.2} s (cargo's own look at the workspace included)", children() - before);
    Ok(())
}

#[expect(unsafe_code, reason = "getrusage has no safe wrapper in the standard library")]
fn children() -> f64 {
    // SAFETY: rusage is plain data for which zero is valid; the pointer lives through the call.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage);
        usage
    };
    let time = |value: libc::timeval| value.tv_sec as f64 + value.tv_usec as f64 / 1e6;
    time(usage.ru_utime) + time(usage.ru_stime)
}
