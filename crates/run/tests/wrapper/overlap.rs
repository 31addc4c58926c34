//! What happens while an earlier run goes on.

use std::fs;
use std::path::Path;
use std::process::{Child, Command};

use muster_core::signal::{Ending, Report};
use rustix::process::Signal;

use crate::world::{World, appears, eventually, finish, kill};

/// Runs until the file `go` is there.
fn first(world: &World) -> Child {
    let child = world.start(&[], ": > ready; until [ -e go ]; do sleep 0.02; done; echo first");
    appears(&world.path("ready"));
    child
}

fn release(world: &World) {
    fs::write(world.path("go"), "").expect("written");
}

fn flock(world: &World, lock: &Path) -> Option<i32> {
    let mut command = Command::new("flock");
    command.arg("-n").arg(lock).arg("true").current_dir(world.folder.path());
    command.status().expect("flock").code()
}

/// True if the process holds the lock on this file. To try the lock instead would get in its way.
fn holds(pid: u32, lock: &Path) -> bool {
    let Ok(fds) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    let mut fds = fds.flatten().filter(|fd| fs::read_link(fd.path()).is_ok_and(|path| path == lock));
    fds.any(|fd| {
        let info = format!("/proc/{pid}/fdinfo/{}", fd.file_name().display());
        fs::read_to_string(info).is_ok_and(|info| info.contains("lock:"))
    })
}

pub(crate) fn skip_gives_way_and_says_to_whom() {
    let world = World::new();
    let one = first(&world);
    let ran = world.sh(&[], "echo second");
    assert_eq!((ran.code, ran.out.as_str()), (Some(75), ""));
    assert!(ran.err.contains("skipped"), "{}", ran.err);
    assert_eq!(world.sh(&["--skip-exit", "0"], "echo third").code, Some(0));
    release(&world);
    assert_eq!(finish(one).code, Some(0));
    let signals = world.signals();
    let Report::Skip { holder, why } = &signals[1].report else { panic!("{signals:?}") };
    assert!(*holder == signals[0].run && why.contains("holds the lock"));
    assert!(signals[1].run != signals[0].run);
    assert_eq!(signals.len(), 4);
    assert_eq!(flock(&world, &world.layout.lock("a")), Some(0), "free afterwards");
    assert_eq!(fs::read(world.layout.lock("a")).expect("there"), b"");
}

pub(crate) fn wait_waits_for_one_run_at_a_time() {
    let world = World::new();
    let one = first(&world);
    let two = world.start(&["--overlap", "wait"], "echo second");
    let queue = world.layout.lock("a").with_extension("queue");
    eventually("the queue is taken", || holds(two.id(), &queue).then_some(()));
    let three = world.sh(&["--overlap", "wait"], "echo third");
    assert!(three.code == Some(75) && three.err.contains("waits already"), "{}", three.err);
    release(&world);
    assert_eq!(finish(one).out, "first\n");
    assert_eq!(finish(two).out, "second\n");
}

pub(crate) fn wait_fails_at_its_limit_and_ends_when_asked() {
    let world = World::new();
    let one = first(&world);
    let two = world.sh(&["--overlap", "wait", "--max-wait", "60ms"], "echo second");
    assert_eq!((two.code, two.out.as_str()), (Some(75), ""));
    let Report::Failure(outcome) = &world.ends()[0] else { panic!("{:?}", world.ends()) };
    assert!(matches!(outcome.ending, Ending::LockTimeout { waited } if waited.as_millis() >= 60));
    let three = world.start(&["--overlap", "wait"], "echo third");
    let queue = world.layout.lock("a").with_extension("queue");
    eventually("the queue is taken", || holds(three.id(), &queue).then_some(()));
    kill(three.id(), Signal::TERM);
    assert_eq!(finish(three).code, Some(143));
    release(&world);
    assert_eq!(finish(one).code, Some(0));
}

pub(crate) fn replace_ends_the_earlier_run_with_all_its_processes() {
    let world = World::new();
    let stubborn = "trap '' TERM; setsid sh -c 'trap \"\" TERM; while :; do sleep 0.05; done' & : > ready
        while :; do sleep 0.05; done";
    let one = world.start(&["--grace", "100ms"], stubborn);
    appears(&world.path("ready"));
    let two = world.sh(&["--overlap", "replace"], "echo second");
    assert_eq!((two.code, two.out.as_str()), (Some(0), "second\n"), "{}", two.err);
    assert_eq!(finish(one).code, Some(137));
    assert_eq!(world.survivors(), [0_u32; 0]);
}

pub(crate) fn replace_ends_the_job_of_a_killed_watcher() {
    let world = World::new();
    let mut one = world.start(&[], ": > ready; while :; do sleep 0.05; done");
    appears(&world.path("ready"));
    world.is_signed();
    one.kill().expect("killed");
    one.wait().expect("waited");
    let two = world.sh(&["--overlap", "replace"], "echo second");
    assert_eq!((two.code, two.out.as_str()), (Some(0), "second\n"), "{}", two.err);
    assert_eq!(world.survivors(), [0_u32; 0]);
}

pub(crate) fn allow_runs_both() {
    let world = World::new();
    let one = first(&world);
    assert_eq!(world.sh(&["--overlap", "allow"], "echo second").out, "second\n");
    release(&world);
    assert_eq!(finish(one).out, "first\n");
}

pub(crate) fn flock_and_muster_share_a_lock_file() {
    let world = World::new();
    let lock = world.path("shared.lock");
    let options = ["--lock", lock.to_str().expect("text")];
    let one = world.start(&options, ": > ready; until [ -e go ]; do sleep 0.02; done");
    appears(&world.path("ready"));
    assert_eq!(flock(&world, &lock), Some(1));
    release(&world);
    assert_eq!(finish(one).code, Some(0));
    assert_eq!(flock(&world, &lock), Some(0));

    let script =
        format!("flock {} sh -c ': > held; until [ -e enough ]; do sleep 0.02; done'", lock.display());
    let mut other =
        Command::new("sh").arg("-c").arg(script).current_dir(world.folder.path()).spawn().expect("started");
    appears(&world.path("held"));
    let ran = world.sh(&options, "echo second");
    assert!(ran.code == Some(75) && ran.err.contains("another program"), "{}", ran.err);
    fs::write(world.path("enough"), "").expect("written");
    other.wait().expect("ended");
    assert_eq!(world.sh(&options, "echo second").code, Some(0));
}
