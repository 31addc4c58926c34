//! `kill -9` at random moments, of wrappers, of the agent, of both: every run that began ends as finished or lost, once.
//!
//! `MUSTER_CRASH_POINTS` says how often (40), `MUSTER_CRASH_SEED` where it begins; both are printed.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::rig::{Agent, Rig, files, until};

/// Jobs of one round.
const JOBS: u64 = 8;
/// A run that can end is ended so soon after the agent is back, where the figure is asked for.
const PROMISE: Duration = Duration::from_secs(5);

/// xorshift64*, so that a seed gives the same moments.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32) % limit
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// What is to be done at one moment.
enum Deed {
    Start(u64),
    KillWrapper(u64),
    KillAgent,
}

#[test]
fn killed_at_any_point_every_run_ends_once_as_finished_or_lost() {
    let points = number("MUSTER_CRASH_POINTS", 40);
    let seed = number("MUSTER_CRASH_SEED", u64::from(std::process::id()) + 1);
    println!("{points} points, seed {seed}");
    let mut chance = Chance(seed | 1);
    let rig = Rig::new();
    rig.write("muster.toml", "[muster]\nlisten = \"127.0.0.1:0\"\n");
    let (mut killed, mut round, mut worst) = (0, 0, Duration::ZERO);
    while killed < points {
        let kills = one_round(&rig, &mut chance, round, &mut worst);
        killed += kills;
        round += 1;
    }
    println!(
        "{killed} killed in {round} rounds; the last run ended {worst:?} after the agent was started again"
    );
    // The figure is for a machine that does nothing else; without being asked for it, only the end itself counts.
    if std::env::var_os("MUSTER_CRASH_POINTS").is_some() {
        assert!(worst <= PROMISE, "seed {seed}: {worst:?}");
    }
}

fn one_round(rig: &Rig, chance: &mut Chance, round: u64, worst: &mut Duration) -> u64 {
    let mut deeds: Vec<(u64, Deed)> = Vec::new();
    for job in 0..JOBS {
        let start = chance.below(150);
        deeds.push((start, Deed::Start(job)));
        if chance.below(4) > 0 {
            deeds.push((start + chance.below(250), Deed::KillWrapper(job)));
        }
    }
    // Sometimes while it starts, sometimes while it reads what was reported.
    deeds.push((chance.below(500), Deed::KillAgent));
    deeds.sort_by_key(|(at, _)| *at);

    let mut agent =
        rig.command().arg("up").stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
    let (mut wrappers, mut ended): (BTreeMap<u64, Child>, _) = (BTreeMap::new(), BTreeSet::new());
    let (began, mut kills) = (Instant::now(), 0);
    for (at, deed) in deeds {
        // The moments are the matter here, not a condition.
        std::thread::sleep(Duration::from_millis(at).saturating_sub(began.elapsed()));
        match deed {
            Deed::Start(job) => {
                let name = format!("r{round}j{job}");
                let script = format!("sleep 0.{:03}", chance.below(200));
                let mut command = rig.command();
                command
                    .args(["run", &name, "--", "sh", "-c", &script])
                    .stdout(Stdio::null())
                    .stderr(Stdio::null());
                wrappers.insert(job, command.spawn().expect("started"));
            }
            Deed::KillWrapper(job) => {
                // Who has ended by then was not killed, and is no point.
                if let Some(child) = wrappers.get_mut(&job)
                    && child.try_wait().expect("looked at").is_none()
                {
                    drop(child.kill());
                    kills += 1;
                }
            }
            Deed::KillAgent => {
                drop(agent.kill());
                kills += 1;
            }
        }
    }
    for (job, child) in &mut wrappers {
        if child.wait().expect("waited").success() {
            ended.insert(*job);
        }
    }
    drop(agent.kill());
    drop(agent.wait());

    let back = Instant::now();
    let agent = rig.up(&[]);
    for job in 0..JOBS {
        judge(rig, &format!("r{round}j{job}"), ended.contains(&job));
    }
    *worst = (*worst).max(back.elapsed());
    let unheard = files(&rig.state().join("spool"));
    let unheard = unheard.iter().filter(|path| path.extension().is_some_and(|ending| ending == "json"));
    assert_eq!(unheard.count(), 0, "everything that was told has been heard");
    stop(agent);
    kills
}

/// Waits until the run of a job is over, and looks at how it was counted.
fn judge(rig: &Rig, name: &str, was_fine: bool) {
    // The log is made after the start is told, so whoever has one has begun.
    let logs: BTreeSet<String> = files(&rig.state().join("runs").join(name))
        .iter()
        .filter_map(|path| Some(path.file_name()?.to_str()?.split(".log").next()?.to_owned()))
        .collect();
    let runs = until(&format!("the run of {name} is over"), || {
        let ended = rig.muster(&["jobs", "history", name, "--json"]);
        let answer: serde_json::Value = serde_json::from_str(&ended.out).unwrap_or_default();
        let runs = answer["runs"].as_array().cloned().unwrap_or_default();
        let over = runs.iter().all(|run| run["state"] != "running");
        (over && runs.len() >= logs.len().max(usize::from(was_fine))).then_some(runs)
    });
    let ids: BTreeSet<&str> = runs.iter().filter_map(|run| run["id"].as_str()).collect();
    assert!(runs.len() <= 1 && ids.len() == runs.len(), "{name} ran once: {runs:?}");
    assert!(logs.iter().all(|log| ids.contains(log.as_str())), "{name}: {logs:?} began, {ids:?} are known");
    if was_fine {
        assert!(runs.len() == 1 && runs[0]["state"]["ok"].is_object(), "{name} went well: {runs:?}");
    } else {
        for run in &runs {
            let lost = run["state"]["failed"]["ending"].to_string().contains("lost");
            // Killed after its last word, it had finished.
            assert!(lost || run["state"]["ok"].is_object(), "{name} was killed: {run}");
        }
    }
}

fn stop(agent: Agent) {
    let (code, log) = agent.stop();
    assert_eq!(code, 0, "{log}");
}
