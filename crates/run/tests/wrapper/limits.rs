//! Limits that the kernel keeps, on a machine that has the control groups for it.

use std::fs;
use std::process::Command;

use muster_core::signal::{Ending, Enforcement, Outcome, Report};

use crate::world::{Ran, World};

const HOG: &str = "python3 -c 'x = bytearray(200 << 20); print(len(x))'";

fn limited(world: &World, limits: &str, script: &str) -> (Ran, Report) {
    fs::write(world.path("muster.toml"), format!("[job.a]\n{limits}\n")).expect("written");
    let ran = world.sh(&[], script);
    (ran, world.ends().pop().expect("a report"))
}

fn outcome(report: &Report) -> &Outcome {
    match report {
        Report::Success(outcome) | Report::Failure(outcome) => outcome,
        other => panic!("no outcome: {other:?}"),
    }
}

/// Groups of runs that are still there.
fn groups() -> Vec<String> {
    let found =
        Command::new("find").args(["/sys/fs/cgroup", "-name", "muster-[0-9]*"]).output().expect("listed");
    String::from_utf8_lossy(&found.stdout).lines().map(str::to_owned).collect()
}

pub(crate) fn a_process_that_was_killed_for_memory_is_named_even_if_the_shell_goes_on() {
    let world = World::new();
    let (ran, report) = limited(&world, "memory = \"48MiB\"", &format!("{HOG}; exit 5"));
    assert_eq!(ran.code, Some(5), "{}", ran.err);
    assert_eq!(outcome(&report).ending, Ending::OutOfMemory { limit: Some(48 << 20) });
    let peak = outcome(&report).peak_memory.expect("a peak");
    assert!((40 << 20..=48 << 20).contains(&peak), "{peak}");
    let limits = outcome(&report).limits.as_ref().expect("limits");
    assert!(
        matches!(limits.by, Enforcement::CgroupV1 | Enforcement::CgroupV2) && limits.memory == Some(48 << 20)
    );
    let (ran, report) = limited(&world, "memory = \"48MiB\"", &format!("{HOG}; true"));
    assert_eq!(ran.code, Some(0));
    let Report::Failure(outcome) = report else { panic!("{report:?}") };
    assert!(
        outcome.unmet[0].starts_with("the kernel killed a process of it for memory at its limit of 48 MiB"),
        "{outcome:?}"
    );
    let (ran, report) = limited(&world, "memory = \"400MiB\"", HOG);
    assert!(ran.code == Some(0) && matches!(report, Report::Success(_)), "{report:?}");
}

pub(crate) fn processes_and_processor_time_are_limited_and_the_group_is_gone_afterwards() {
    let world = World::new();
    let script = "n=0; while [ $n -lt 30 ]; do sleep 0.3 & n=$((n+1)); done; wait";
    let (ran, report) = limited(&world, "pids = 10\ncpu = 0.5", script);
    assert!(ran.err.contains("fork"), "{}", ran.err);
    let limits = outcome(&report).limits.as_ref().expect("limits");
    assert_eq!((limits.pids, limits.cpu, limits.memory), (Some(10), Some(500), None));
    let own = |groups: Vec<String>| -> Vec<String> {
        let run = world.signals()[0].run.clone().expect("a run").to_string();
        groups.into_iter().filter(|path| path.contains(&run)).collect()
    };
    // The shell gives up at the first failure and leaves the others running, within their limits.
    crate::world::eventually("they end", || world.survivors().is_empty().then_some(()));
    world.sh(&[], "true");
    assert_eq!(own(groups()), [""; 0]);
}

pub(crate) fn a_group_that_a_killed_watcher_left_is_removed_by_the_next_run() {
    let world = World::new();
    fs::write(world.path("muster.toml"), "[job.a]\nmemory = \"48MiB\"\n").expect("written");
    let mut child = world.start(&[], ": > ready; until [ -e go ]; do sleep 0.02; done");
    crate::world::appears(&world.path("ready"));
    let own = format!("muster-{}-", child.id());
    assert!(groups().iter().any(|path| path.contains(&own)));
    child.kill().expect("killed");
    child.wait().expect("ended");
    fs::write(world.path("go"), "").expect("written");
    crate::world::eventually("the job ends", || world.survivors().is_empty().then_some(()));
    world.sh(&[], "true");
    assert!(!groups().iter().any(|path| path.contains(&own)));
}
