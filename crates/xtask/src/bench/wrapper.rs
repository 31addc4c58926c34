//! What `muster run` adds to a job, beside what people use instead.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use super::measure::{Cost, Folder, cost, quantile};

const ROUNDS: usize = 500;

/// 500 interleaved spawns of each, so that the machine's moods meet all alike.
pub(super) fn run() -> Result<(), String> {
    let muster = super::muster()?.to_string_lossy().into_owned();
    let folder = Folder::new("wrapper")?;
    let state = folder.0.to_string_lossy().into_owned();
    let lock = folder.0.join("lock").to_string_lossy().into_owned();
    let log = folder.0.join("log").to_string_lossy().into_owned();
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let by_hand = format!(
        "set -o pipefail; echo \"$(date) start\" >>{log}; flock -n {lock} timeout 60 true >>{log} 2>&1; \
         code=$?; echo \"$(date) end $code\" >>{log}; exit $code"
    );
    let rows = [
        ("true", words(&["true"])),
        ("muster run", words(&[&muster, "run", "bench", "--state", &state, "--", "true"])),
        ("flock -n", words(&["flock", "-n", &lock, "true"])),
        ("bash, flock, timeout, dates", words(&["bash", "-c", &by_hand])),
        ("chronic", words(&["chronic", "true"])),
    ];
    let rows: Vec<_> = rows
        .into_iter()
        .filter(|(name, command)| {
            let there = cost(command).is_ok();
            if !there {
                println!("{name}: not installed, not measured");
            }
            there
        })
        .collect();
    let mut costs: Vec<Vec<Cost>> = vec![Vec::new(); rows.len()];
    for _ in 0..ROUNDS {
        for ((_, command), costs) in rows.iter().zip(&mut costs) {
            costs.push(cost(command)?);
        }
        clean(&folder.0);
    }
    let bare = p10(&costs[0]);
    let mean = |costs: &[Cost]| costs.iter().map(|cost| cost.cpu).sum::<Duration>() / ROUNDS as u32;
    let bare_cpu = mean(&costs[0]);
    println!(
        "{ROUNDS} interleaved spawns; wall p10, its ratio to bare `true`, mean CPU of the tree, CPU above `true`"
    );
    for ((name, _), costs) in rows.iter().zip(&costs) {
        let wall = p10(costs);
        let cpu = mean(costs);
        let ratio = wall.as_secs_f64() / bare.as_secs_f64();
        let added = cpu.saturating_sub(bare_cpu);
        println!(
            "{name:<28} {:>8.3} ms  {ratio:>5.1} x  {:>7.3} ms  {:>7.3} ms",
            ms(wall),
            ms(cpu),
            ms(added)
        );
    }
    hung_agent(&muster, &folder)?;
    big_output(&muster, &state)
}

/// Keeps the spool small: an agent would have emptied it.
fn clean(state: &Path) {
    for folder in ["spool", "runs/bench"] {
        for entry in std::fs::read_dir(state.join(folder)).into_iter().flatten().flatten() {
            let _gone = std::fs::remove_file(entry.path());
        }
    }
}

fn p10(costs: &[Cost]) -> Duration {
    quantile(&mut costs.iter().map(|cost| cost.wall).collect::<Vec<_>>(), 0.1)
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// The job's start must not wait for an agent whose socket is there, full and never read.
fn hung_agent(muster: &str, folder: &Folder) -> Result<(), String> {
    let socket = folder.0.join("agent.dgram");
    let hung = UnixDatagram::bind(&socket).map_err(|error| error.to_string())?;
    let filler = UnixDatagram::unbound().map_err(|error| error.to_string())?;
    filler.set_nonblocking(true).map_err(|error| error.to_string())?;
    while filler.send_to(&[0; 512], &socket).is_ok() {}
    let state = folder.0.to_string_lossy();
    let command: Vec<String> = [muster, "run", "bench", "--state", &state, "--", "true"]
        .iter()
        .map(|word| (*word).to_owned())
        .collect();
    let mut with = Vec::new();
    for _ in 0..50 {
        with.push(cost(&command)?.wall);
    }
    drop(hung);
    std::fs::remove_file(&socket).map_err(|error| error.to_string())?;
    let mut without = Vec::new();
    for _ in 0..50 {
        without.push(cost(&command)?.wall);
    }
    println!(
        "whole run, median of 50: agent hung {:.3} ms, agent absent {:.3} ms",
        ms(quantile(&mut with, 0.5)),
        ms(quantile(&mut without, 0.5))
    );
    Ok(())
}

fn big_output(muster: &str, state: &str) -> Result<(), String> {
    let command: Vec<String> =
        [muster, "run", "big", "--state", state, "--", "head", "-c", "1073741824", "/dev/zero"]
            .iter()
            .map(|word| (*word).to_owned())
            .collect();
    let cost = cost(&command)?;
    println!(
        "1 GiB of output: peak {:.1} MB of memory, {:.2} s",
        cost.peak as f64 / 1e6,
        cost.wall.as_secs_f64()
    );
    Ok(())
}
