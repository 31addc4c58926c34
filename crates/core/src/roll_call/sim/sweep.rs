//! Many lives by seed, in peace and with a twin that is restarted all the time.

use super::world::{Setting, World};

/// One life; the failure names the seed and the step.
pub(super) fn live(seed: u64, steps: u64, setting: Setting) -> Result<World, String> {
    let mut world = World::new(seed, setting);
    for _ in 0..steps {
        if let Err(what) = world.step() {
            return Err(format!("seed {seed}, step {}: {what}", world.steps));
        }
    }
    match world.finish() {
        Ok(()) => Ok(world),
        Err(what) => Err(format!("seed {seed}, at the end: {what}")),
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's knobs come from outside")]
pub(super) fn knob(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn the_promises_hold_in_every_life() {
    let first = knob("MUSTER_SIM_SEED", 1);
    let (seeds, steps) = (knob("MUSTER_SIM_SEEDS", 256), knob("MUSTER_SIM_STEPS", 3_000));
    let mut failed: Vec<String> = Vec::new();
    let (mut pages, mut odd, mut steps_taken, mut digests, mut planned, mut often) = (0, 0, 0, 0, 0, 0);
    let mut verdicts = std::collections::BTreeMap::<String, u64>::new();
    for seed in first..first + seeds {
        match live(seed, steps, Setting::default()) {
            Ok(world) => {
                pages += world.oracle.pages;
                odd += world.oracle.odd;
                steps_taken += world.oracle.steps;
                digests += world.post.digests;
                planned += world.oracle.planned;
                often += world.oracle.often;
                for (word, count) in &world.oracle.verdicts {
                    *verdicts.entry(word.clone()).or_insert(0) += count;
                }
            }
            Err(what) => failed.push(what),
        }
    }
    assert!(
        failed.is_empty(),
        "{} of {seeds} lives failed; again: MUSTER_SIM_SEED=… MUSTER_SIM_SEEDS=1\n{}",
        failed.len(),
        failed[..failed.len().min(5)].join("\n")
    );
    println!(
        "{seeds} seeds × {steps} steps: {pages} pages, {steps_taken} of them later steps, {digests} digests, {odd} odd, {often} often bad, {planned} held back by plan, slots {verdicts:?}"
    );
    if seeds * steps >= 100_000 {
        assert_eq!(verdicts.len(), 5, "every verdict occurs, else the world is too kind");
        assert!(pages > seeds);
        assert!(steps_taken > seeds, "people leave bad news unanswered, else the world is too kind");
        assert!(digests > seeds, "{digests}: pages come together, else the world is too calm");
        assert!(planned > seeds, "things are bad in maintenance, else the world is too orderly");
        assert!(often > seeds / 2, "things go to and fro, else the world is too steady");
        assert!(odd > seeds, "runs are unlike themselves, else the world is too even");
    }
}

#[test]
fn a_restart_at_any_step_changes_nothing() {
    let first = knob("MUSTER_SIM_SEED", 1);
    for seed in first..first + knob("MUSTER_SIM_SEEDS", 24).min(24) {
        let every = 1 + seed % 7;
        let setting = Setting { twin: Some(every), ..Setting::default() };
        if let Err(what) = live(seed, 800, setting) {
            panic!("{what}");
        }
    }
}
