//! The doctor on this host and on a tree of files, beside lynis where that is installed.

use std::path::Path;
use std::time::Duration;

use super::measure::{Cost, Folder, cost, quantile};

const ROUNDS: usize = 20;
/// Crontabs in the tree.
const FILES: usize = 300;

/// Whole processes: a full look at this host, then files only.
pub(super) fn run() -> Result<(), String> {
    let muster = super::muster()?.display().to_string();
    let words = |more: &[&str]| -> Vec<String> {
        [&[muster.as_str(), "doctor", "--json"], more].concat().into_iter().map(str::to_owned).collect()
    };
    tell("this host, everything", &words(&[]))?;
    let folder = Folder::new("doctor")?;
    let crontabs = folder.0.join("host/etc/cron.d");
    std::fs::create_dir_all(&crontabs).map_err(|error| error.to_string())?;
    for number in 0..FILES {
        let text = format!("# job {number}\n{} 3 * * * root /opt/app{number}/run.sh --all\n", number % 60);
        std::fs::write(crontabs.join(format!("job-{number}")), text).map_err(|error| error.to_string())?;
    }
    let root = folder.0.join("host").display().to_string();
    tell(&format!("a tree of {FILES} crontabs"), &words(&["--root", &root]))?;
    let lynis = Path::new("/usr/sbin/lynis");
    if !lynis.exists() {
        println!("lynis is not installed");
        return Ok(());
    }
    let words = [
        lynis.display().to_string(),
        "audit".to_owned(),
        "system".to_owned(),
        "--quick".to_owned(),
        "--no-colors".to_owned(),
        "--logfile".to_owned(),
        folder.0.join("lynis.log").display().to_string(),
        "--report-file".to_owned(),
        folder.0.join("lynis.dat").display().to_string(),
    ];
    let Cost { wall, cpu, .. } = cost(&words)?;
    println!(
        "lynis audit system --quick, this host, once: {:.1} s wall, {:.1} s CPU",
        wall.as_secs_f64(),
        cpu.as_secs_f64()
    );
    Ok(())
}

fn tell(what: &str, words: &[String]) -> Result<(), String> {
    let costs: Vec<Cost> = (0..ROUNDS).map(|_| cost(words)).collect::<Result<_, _>>()?;
    let mut walls: Vec<Duration> = costs.iter().map(|cost| cost.wall).collect();
    let mut cpus: Vec<Duration> = costs.iter().map(|cost| cost.cpu).collect();
    let ms = |times: &mut [Duration], share: f64| quantile(times, share).as_secs_f64() * 1000.0;
    println!(
        "{what}, {ROUNDS} rounds: wall p50 {:.1} ms, p90 {:.1} ms; CPU p50 {:.1} ms; peak {:.1} MB",
        ms(&mut walls, 0.5),
        ms(&mut walls, 0.9),
        ms(&mut cpus, 0.5),
        costs.iter().map(|cost| cost.peak).max().unwrap_or_default() as f64 / 1e6,
    );
    Ok(())
}
