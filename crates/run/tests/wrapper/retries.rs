//! One run, several attempts.

use std::fs;

use muster_core::signal::{Ending, Report};
use muster_core::time::Span;
use rustix::process::Signal;

use crate::world::{World, eventually, finish, kill};

fn world(retries: &str) -> World {
    let world = World::new();
    fs::write(world.path("muster.toml"), format!("[job.a]\n{retries}\n")).expect("written");
    world
}

/// Counts its attempts in the file `n`.
const COUNT: &str = "echo x >> n; n=$(wc -l < n); ";

pub(crate) fn a_run_that_goes_well_at_last_is_one_run_and_visibly_flaky() {
    let world =
        world("retries = { count = 3, delay = \"10ms\", backoff = 2.0 }\nexpect = { forbid = \"bad\" }");
    let ran = world.sh(&[], &format!("{COUNT} case $n in 1) exit 7;; 2) echo bad;; *) echo fine;; esac"));
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "bad\nfine\n"));
    let signals = world.signals();
    assert_eq!(signals.len(), 2, "one start and one end: {signals:?}");
    let Report::Success(outcome) = &signals[1].report else { panic!("{signals:?}") };
    let endings: Vec<&Ending> = outcome.attempts.iter().map(|attempt| &attempt.ending).collect();
    assert_eq!(endings, [&Ending::Exit { code: 7 }, &Ending::Exit { code: 0 }]);
    assert_eq!(outcome.output, Some("fine\n".len() as u64), "of the last attempt");
    assert!(outcome.unmet.is_empty() && outcome.attempts[0].started <= outcome.attempts[1].started);
    // Each took its own time, the waits of some 30 ms between them belong to the run alone.
    let before = outcome.attempts.iter().fold(Span::ZERO, |sum, attempt| sum + attempt.duration);
    let last = outcome.worked().expect("it took some time");
    assert!(before + last + Span::millis(15) <= outcome.duration.expect("of the whole"), "{outcome:?}");
    let log = fs::read_to_string(outcome.log.as_ref().expect("a log")).expect("read");
    for line in [
        "run attempt 1 of 4: exit code 7; the next in 10ms",
        "run attempt 2 of 4 begins",
        "run attempt 2 of 4: exit code 0, but the output matches \"bad\", which is forbidden: bad; the next in 20ms",
        "run attempt 3 of 4 begins",
        "out fine",
    ] {
        assert!(log.lines().any(|found| found.ends_with(line)), "{line}\n{log}");
    }
}

pub(crate) fn the_last_attempt_decides_and_its_code_passes_through() {
    let world = world("retries = { count = 2, delay = \"0s\" }");
    let ran = world.sh(&[], &format!("{COUNT} exit $n"));
    assert_eq!(ran.code, Some(3));
    assert!(ran.err.contains("attempt 2 of 3: exit code 2"), "{}", ran.err);
    let outcome = world.outcome();
    assert_eq!((outcome.ending, outcome.attempts.len()), (Ending::Exit { code: 3 }, 2));
}

pub(crate) fn only_the_codes_that_are_worth_it_are_tried_again() {
    let world = world("retries = { count = 5, delay = \"0s\", on = [75, 124] }\ntimeout = { hard = \"1s\" }");
    let ran = world.sh(&[], &format!("{COUNT} case $n in 1) exit 75;; 2) sleep 60;; *) exit 4;; esac"));
    assert_eq!(ran.code, Some(4), "the limit holds for each attempt: {}", ran.err);
    let endings: Vec<Ending> = world.outcome().attempts.into_iter().map(|attempt| attempt.ending).collect();
    assert_eq!(endings, [Ending::Exit { code: 75 }, Ending::TimedOut { limit: Span::seconds(1) }]);
}

pub(crate) fn a_request_to_end_ends_the_waiting_too() {
    let world = world("retries = { count = 5, delay = \"1h\" }");
    let child = world.start(&[], &format!("{COUNT} exit 9"));
    eventually("it waits", || {
        let log = fs::read_dir(world.layout.root().join("runs/a")).ok()?.next()?.ok()?.path();
        fs::read_to_string(log).ok()?.contains("the next in 1h").then_some(())
    });
    assert_eq!(world.sh(&[], "true").code, Some(75), "the lock is held while it waits");
    kill(child.id(), Signal::TERM);
    let ran = finish(child);
    assert_eq!(ran.code, Some(9), "{}", ran.err);
    let ends = world.ends();
    let failure = ends.iter().find_map(|end| match end {
        Report::Failure(outcome) => Some(outcome),
        _ => None,
    });
    let outcome = failure.expect("a failure");
    assert!(outcome.notes.iter().any(|note| note.contains("asked to end it while it waited")), "{outcome:?}");
    assert_eq!(fs::read_to_string(world.path("n")).expect("there"), "x\n");
}

pub(crate) fn a_request_to_end_is_not_answered_by_another_attempt() {
    let world = world("retries = { count = 5, delay = \"0s\" }");
    let child = world.start(&[], &format!("{COUNT} sleep 60"));
    crate::world::appears(&world.path("n"));
    kill(child.id(), Signal::TERM);
    assert_eq!(finish(child).code, Some(143));
    assert_eq!(world.outcome().attempts, []);
}

pub(crate) fn what_an_attempt_left_running_is_gone_before_the_next() {
    let world = world("retries = { count = 1, delay = \"0s\" }");
    let script =
        format!("{COUNT} [ $n = 2 ] || {{ setsid sleep 60 & echo $! > pid; exit 1; }}; ! kill -0 $(cat pid)");
    let ran = world.sh(&[], &script);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(world.survivors(), [0_u32; 0]);
}

pub(crate) fn skipped_runs_and_commands_that_are_not_there_are_not_tried_again() {
    let world = world("retries = { count = 5, delay = \"1h\" }");
    assert_eq!(world.run(&["a", "--", "/nonexistent/program"]).code, Some(127));
    let child = world.start(&[], ": > ready; until [ -e go ]; do sleep 0.02; done");
    crate::world::appears(&world.path("ready"));
    assert_eq!(world.sh(&[], "true").code, Some(75));
    fs::write(world.path("go"), "").expect("written");
    assert_eq!(finish(child).code, Some(0));
}
