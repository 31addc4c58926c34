//! Nothing is left behind, or it is named.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use muster_core::signal::{Ending, Report};
use muster_host::process::{command, is_alive};
use rustix::process::Signal;

use crate::world::{World, appears, eventually, finish, kill};

/// A child that ignores TERM, one in a session of its own, one that was forked twice, and one that does all of that.
const ZOO: &str = "
    trap '' TERM
    sh -c 'trap \"\" TERM; while :; do sleep 0.05; done' &
    setsid sh -c 'while :; do sleep 0.05; done' &
    (setsid sh -c 'sleep 60 & exec sleep 61' & )
    (setsid sh -c '(trap \"\" TERM HUP; exec >/dev/null 2>&1; while :; do sleep 0.05; done) &' & )
    : > ready
    while :; do sleep 0.05; done";

pub(crate) fn nobody_survives_a_limit() {
    let world = World::new();
    let ran = world.sh(&["--timeout", "400ms", "--grace", "100ms"], ZOO);
    assert_eq!(ran.code, Some(124), "{}", ran.err);
    assert_eq!(world.survivors(), [0_u32; 0]);
}

pub(crate) fn nobody_survives_a_request_to_end() {
    let world = World::new();
    let child = world.start(&["--grace", "100ms"], ZOO);
    appears(&world.path("ready"));
    kill(child.id(), Signal::TERM);
    assert_eq!(finish(child).code, Some(137));
    assert_eq!(world.survivors(), [0_u32; 0]);
    assert!(world.outcome().notes.iter().any(|note| note.contains("asked")));
}

pub(crate) fn a_grandchild_gets_its_grace_after_the_job_has_ended() {
    let world = World::new();
    let script = "setsid sh -c 'trap \"sleep 0.2; echo tidied up > tidy; exit\" TERM; : > ready; while :; do sleep 0.02; done' &
        while :; do sleep 0.02; done";
    let child = world.start(&[], script);
    appears(&world.path("ready"));
    kill(child.id(), Signal::TERM);
    assert_eq!(finish(child).code, Some(143));
    assert_eq!(fs::read_to_string(world.path("tidy")).expect("written"), "tidied up\n");
    assert_eq!(world.survivors(), [0_u32; 0]);
}

pub(crate) fn a_daemon_that_holds_the_pipe_is_named_and_holds_nobody_up() {
    let world = World::new();
    let began = Instant::now();
    let ran = world.sh(&[], "setsid sleep 67 & echo done; exit 3");
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!((ran.code, ran.out.as_str()), (Some(3), "done\n"));
    assert!(ran.err.contains("left running") && ran.err.contains("sleep 67"), "{}", ran.err);
    let notes = world.outcome().notes;
    assert!(notes.iter().any(|note| note.contains("sleep 67")), "{notes:?}");
    let left = world.survivors();
    assert!(left.len() == 1 && command(left[0]) == "sleep 67", "it was not killed");
    assert_eq!(world.sh(&[], "exit 4").code, Some(4), "and it does not hold the lock");
}

pub(crate) fn children_that_end_within_the_grace_are_not_named() {
    let world = World::new();
    let ran = world.sh(&["--leak-grace", "10s"], "(sleep 0.1; echo late) & echo early");
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("early\nlate\n", ""));
    assert_eq!(world.outcome().notes, [""; 0]);
}

pub(crate) fn a_killed_watcher_leaves_a_start_without_a_living_process_and_the_job_goes_on() {
    let world = World::new();
    let mut child = world.start(&[], ": > ready; until [ -e go ]; do sleep 0.02; done; : > gone");
    appears(&world.path("ready"));
    world.is_signed();
    child.kill().expect("killed");
    child.wait().expect("waited");
    let signals = world.signals();
    let [start] = signals.as_slice() else { panic!("{signals:?}") };
    let Report::Start { process: Some(mark) } = &start.report else { panic!("{start:?}") };
    assert!(!is_alive(mark));
    let ran = world.sh(&[], ": > twice");
    assert!(ran.code == Some(75) && ran.err.contains("was killed"), "{}", ran.err);
    assert!(matches!(&world.ends()[0], Report::Skip { holder, .. } if *holder == start.run));
    assert!(!world.path("twice").exists());
    fs::write(world.path("go"), "").expect("written");
    appears(&world.path("gone"));
    eventually("the job is over", || world.survivors().is_empty().then_some(()));
    assert_eq!(world.sh(&[], "exit 8").code, Some(8));
}

/// A memory control group that goes away with the value.
struct Group(PathBuf);

impl Group {
    fn new() -> Self {
        let path = PathBuf::from(format!("/sys/fs/cgroup/memory/muster-test-{}", std::process::id()));
        fs::create_dir(&path).expect("made");
        Self(path)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Busy for as long as a killed process is being taken apart.
        eventually("the group is empty", || fs::remove_dir(&self.0).is_ok().then_some(()));
    }
}

pub(crate) fn a_job_that_was_killed_for_memory_is_named_as_such() {
    let Group(group) = &Group::new();
    fs::write(group.join("memory.limit_in_bytes"), "33554432").expect("limited");
    let world = World::new();
    let procs = group.join("cgroup.procs").display().to_string();
    let wrapped =
        world.command(&["a", "--", "sh", "-c", "head -c 200m /dev/zero | tail > /dev/null; exit $?"]);
    let mut command = std::process::Command::new("sh");
    command.arg("-c").arg("echo $$ > $0; exec \"$@\"").arg(procs);
    command.arg(wrapped.get_program()).args(wrapped.get_args());
    let status = command.env("MUSTER_STATE", world.layout.root()).status().expect("started");
    assert_eq!(status.code(), Some(137));
    assert_eq!(world.outcome().ending, Ending::OutOfMemory { limit: Some(33_554_432) });
}
