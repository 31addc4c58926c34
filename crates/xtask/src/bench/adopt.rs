//! A host with 200 unwrapped lines: adopted with one command, and released again.

use std::time::Duration;

use super::measure::{Folder, cost, quantile};

const LINES: usize = 200;
const ROUNDS: usize = 20;

/// Import and adoption together, then the release, whole processes; the crontab must come back to the byte.
pub(super) fn run() -> Result<(), String> {
    let muster = super::muster()?.display().to_string();
    let (mut adopt, mut release) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let folder = Folder::new("adopt")?;
        let crontabs = folder.0.join("host/var/spool/cron/crontabs");
        std::fs::create_dir_all(&crontabs).map_err(|error| error.to_string())?;
        let text: String = (0..LINES)
            .map(|n| {
                format!("{} 3 * * * cd /opt/app{n} && ./job-{n}.sh --all >> /var/log/{n}.log 2>&1\n", n % 60)
            })
            .collect();
        let crontab = crontabs.join("root");
        std::fs::write(&crontab, &text).map_err(|error| error.to_string())?;
        let path = |name: &str| folder.0.join(name).display().to_string();
        let (root, state, config) = (path("host"), path("state"), path("muster.toml"));
        let words = ["--root", &root, "--state", &state, "--config", &config, "--yes"];
        let command = |verb: &[&str]| -> Vec<String> {
            let all = [&[muster.as_str(), "jobs"], verb, &words].concat();
            all.into_iter().map(str::to_owned).collect()
        };
        // A named file that is not there yet is made.
        adopt.push(cost(&command(&["adopt"]))?.wall);
        let there = || std::fs::read_to_string(&crontab).map_err(|error| error.to_string());
        let wrapped = there()?.matches(" run --config ").count();
        release.push(cost(&command(&["release", "--all"]))?.wall);
        if wrapped != LINES || there()? != text {
            return Err(format!(
                "{wrapped} of {LINES} lines were wrapped, or they did not come back to the byte"
            ));
        }
    }
    let ms = |times: &mut [Duration], share: f64| quantile(times, share).as_secs_f64() * 1000.0;
    println!(
        "{LINES} lines, {ROUNDS} rounds, wall: import and adopt p50 {:.1} ms, p90 {:.1} ms",
        ms(&mut adopt, 0.5),
        ms(&mut adopt, 0.9)
    );
    println!(
        "release p50 {:.1} ms, p90 {:.1} ms; to the byte each time",
        ms(&mut release, 0.5),
        ms(&mut release, 0.9)
    );
    Ok(())
}
