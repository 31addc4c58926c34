//! Limits that the kernel keeps, on a machine that has the control groups for it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use muster_core::signal::{Ending, Enforcement, Outcome, Report};

use crate::world::{Ran, World, ran, wrapper};

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

pub(crate) fn a_group_that_a_later_attempt_cannot_enter_is_not_claimed() {
    let world = World::new();
    // Root can leave its group; a group that is empty can be removed.
    let script = "for kind in memory pids; do
            g=/sys/fs/cgroup/$kind$(sed -n \"s/^[0-9]*:$kind://p\" /proc/self/cgroup)
            case $g in */muster-*) echo $$ > $g/../cgroup.procs && rmdir $g;; esac
        done; exit 6";
    let retries = "retries = { count = 1, delay = \"10ms\" }";
    let (ran, report) = limited(&world, &format!("memory = \"64MiB\"\npids = 50\n{retries}"), script);
    assert_eq!(ran.code, Some(6), "{}", ran.err);
    let outcome = outcome(&report);
    assert_eq!(outcome.attempts.len(), 1);
    let limits = outcome.limits.as_ref().expect("the last resort");
    assert_eq!((limits.by, limits.memory, limits.pids), (Enforcement::Rlimit, Some(64 << 20), None));
    let told =
        |what: &str| outcome.notes.iter().any(|note| note.starts_with("attempt 2") && note.contains(what));
    assert!(told("`pids` is not kept") && told("could not be entered"), "{:?}", outcome.notes);
    assert!(told("`memory` is kept only by a limit of each process"), "{:?}", outcome.notes);
}

/// A user who may make no groups.
const DEPLOY: u32 = 51_237;

/// Makes somebody the owner of a folder and of all that is in it.
fn give(folder: &Path, owner: u32) {
    let given = Command::new("chown").arg("-R").arg(format!("{owner}:{owner}")).arg(folder).status();
    assert!(given.expect("chown").success());
}

/// Runs `script` as a job of that user, with these limits.
fn limited_user(world: &World, limits: &str, script: &str) -> (Ran, Report) {
    limited_user_command(world, limits, &["sh", "-c", script])
}

fn limited_user_command(world: &World, limits: &str, words: &[&str]) -> (Ran, Report) {
    fs::set_permissions(world.folder.path(), fs::Permissions::from_mode(0o755)).expect("open");
    let state = world.layout.root();
    fs::create_dir_all(state).expect("made");
    give(state, DEPLOY);
    fs::write(world.path("muster.toml"), format!("[job.a]\n{limits}\n")).expect("written");
    // The build may lie where a user cannot go. Copied by another process: a child of another test would hold a file
    // open that is written here, and then it cannot be executed.
    assert!(Command::new("cp").arg(wrapper()).arg(world.path("run")).status().expect("cp").success());
    let mut command = Command::new("setpriv");
    command
        .args([format!("--reuid={DEPLOY}"), format!("--regid={DEPLOY}"), "--clear-groups".to_owned()])
        .arg(world.path("run"))
        .args(["--config".as_ref(), world.path("muster.toml").as_os_str()])
        .args(["a", "--"])
        .args(words)
        .current_dir(world.folder.path())
        .env("MUSTER_STATE", state)
        .env("MARK", world.folder.path());
    let ran = ran(command.output().expect("started"));
    // Root takes only its own word from a spool of its own.
    give(state, 0);
    (ran, world.ends().pop().expect("a report"))
}

/// Processes that use 30 MiB each, until they are killed.
fn crowd(count: usize) -> String {
    let one = "python3 -c 'import time; x = b\"x\" * (30 << 20); time.sleep(90)' &";
    format!("{} wait", one.repeat(count))
}

pub(crate) fn without_groups_a_tree_that_is_too_large_together_is_killed_and_named() {
    let world = World::new();
    let (ran, report) = limited_user(&world, "memory = \"64MiB\"\ncpu = 0.5\npids = 9", &crowd(3));
    assert_eq!(ran.code, Some(137), "{}", ran.err);
    assert_eq!(world.survivors(), [0_u32; 0]);
    let outcome = outcome(&report);
    assert_eq!(outcome.ending, Ending::OutOfMemory { limit: Some(64 << 20) }, "{outcome:?}");
    let peak = outcome.peak_memory.expect("a peak");
    assert!((64 << 20..200 << 20).contains(&peak), "{peak}");
    let limits = outcome.limits.as_ref().expect("limits");
    assert_eq!((limits.by, limits.memory), (Enforcement::Rlimit, Some(64 << 20)));
    assert_eq!((limits.cpu, limits.pids), (None, None), "nobody keeps them");
    for what in ["in use by all of it, 64 MiB allowed", "`cpu` is not kept", "`pids` is not kept"] {
        assert!(outcome.notes.iter().any(|note| note.contains(what)), "{what}: {:?}", outcome.notes);
    }
}

pub(crate) fn without_groups_a_process_that_is_too_large_alone_gets_no_more() {
    let world = World::new();
    let (ran, report) = limited_user(&world, "memory = \"64MiB\"", &format!("{HOG} 2>&1"));
    assert!(ran.code == Some(1) && ran.out.contains("MemoryError"), "{} {}", ran.out, ran.err);
    assert_eq!(outcome(&report).limits.as_ref().map(|limits| limits.by), Some(Enforcement::Rlimit));
    let (ran, report) = limited_user(&world, "memory = \"400MiB\"", HOG);
    assert!(ran.code == Some(0) && matches!(report, Report::Success(_)), "{report:?}");
}

pub(crate) fn a_job_that_waits_for_its_limits_begins_like_any_other() {
    let world = World::new();
    let limited = |words: &[&str]| limited_user_command(&world, "memory = \"64MiB\"", words);
    fs::write(world.path("script"), "echo no interpreter $1; exit 4\n").expect("written");
    fs::set_permissions(world.path("script"), fs::Permissions::from_mode(0o755)).expect("executable");
    let script = world.path("script").display().to_string();
    let (ran, _) = limited(&[&script, "line"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(4), "no interpreter line\n"), "{}", ran.err);
    for (program, code) in [("/no/such", 127), ("/etc/passwd", 126)] {
        let (ran, report) = limited(&[program]);
        assert_eq!(ran.code, Some(code), "{}", ran.err);
        assert!(matches!(outcome(&report).ending, Ending::NotStarted { .. }), "{report:?}");
    }
    // The leader of a group of its own, with nothing open that another has not: and limited from the first instruction.
    let look = "ps -o pgid= -p $$ | grep -qw $$ && echo leads; echo /proc/$$/fd/*; ulimit -d";
    let (other, _) = limited_user_command(&world, "", &["sh", "-c", look]);
    let (ran, report) = limited(&["sh", "-c", look]);
    let open = |ran: &Ran| -> Vec<String> {
        let numbers =
            ran.out.split_whitespace().filter_map(|word| word.strip_prefix("/proc/")?.split('/').nth(2));
        numbers.map(str::to_owned).collect()
    };
    assert!(ran.out.starts_with("leads\n") && ran.out.ends_with("\n65536\n"), "{} {}", ran.out, ran.err);
    assert_eq!((open(&ran), open(&ran).is_empty()), (open(&other), false));
    assert!(matches!(report, Report::Success(_)));
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
