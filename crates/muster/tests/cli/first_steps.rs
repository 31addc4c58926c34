//! What an administrator does on the first day, apart from the configuration.

use std::io::Write;

use crate::rig::{Rig, files, until};

#[test]
fn the_systemd_unit_is_a_plan_until_it_is_asked_for() {
    let rig = Rig::new();
    let unit = rig.path("muster.service");
    let name = unit.display().to_string();
    let plan = rig.muster(&["init", "--systemd", &name]).with(0);
    for line in
        ["Type=notify", "WatchdogSec=30", "Restart=always", "OOMScoreAdjust=-500", "StateDirectory=muster"]
    {
        assert!(plan.lines().any(|there| there == line), "{plan}");
    }
    assert!(plan.contains("Plan, nothing is changed"), "{plan}");
    assert!(!unit.exists());
    assert!(rig.muster(&["init", "--systemd", "--write", &name]).with(0).contains("systemctl daemon-reload"));
    assert!(std::fs::read_to_string(&unit).expect("there").contains(" up\n"));
    let error = rig.muster(&["init", "--systemd", "--write", &name]).refused(5);
    assert!(error.contains("was left as it is"), "{error}");
    let error = rig.muster(&["init", "--write"]).refused(2);
    assert!(error.contains("--systemd"), "{error}");
}

#[test]
fn a_job_can_be_wrapped_with_nothing_set_up() {
    let rig = Rig::new();
    assert_eq!(rig.muster(&["run", "hello", "--", "sh", "-c", "echo out; echo err >&2; exit 3"]).code, 3);
    let log = rig.muster(&["jobs", "log", "hello"]).with(0);
    assert!(log.contains("   out\n") && log.contains(" ! err\n"), "{log}");
    let tail = rig.muster(&["jobs", "log", "hello", "--tail", "1"]).with(0);
    assert_eq!(tail.lines().count(), 1, "{tail}");
    let answer = rig.muster(&["jobs", "log", "hello", "--json"]).json(0);
    assert!(answer["lines"].as_array().expect("lines").iter().any(|line| line["text"] == "err"), "{answer}");
    let grep = rig.muster(&["jobs", "log", "hello", "--grep", "ERR"]).with(0);
    assert!(grep.starts_with("2: ") || grep.starts_with("1: "), "{grep}");
    assert!(grep.ends_with(" ! err\n") && grep.lines().count() == 1, "{grep}");
    let answer_to_grep = rig.muster(&["jobs", "log", "hello", "--grep", "out", "--json"]).json(0);
    assert_eq!(answer_to_grep["lines"][0]["text"], "out");
    assert_eq!(rig.muster(&["jobs", "log", "hello", "--grep", "nowhere"]).with(4), "");
    let run = answer["run"].as_str().expect("a run").to_owned();
    assert_eq!(rig.muster(&["jobs", "log", "hello", &run]).with(0), log);
    let error = rig.muster(&["jobs", "log", "hello", "1999"]).refused(4);
    assert!(error.starts_with("error: no log of a run \"1999\" is kept for hello\n"), "{error}");
}

#[test]
fn global_options_may_stand_before_the_wrapper() {
    let rig = Rig::new();
    let other = rig.path("other");
    let ended =
        rig.muster(&["--state", &other.display().to_string(), "run", "hello", "--", "sh", "-c", "exit 4"]);
    assert_eq!(ended.code, 4, "{}", ended.err);
    assert!(other.join("runs/hello").is_dir());
}

#[test]
fn a_log_that_is_followed_ends_when_its_reader_leaves() {
    let rig = Rig::new();
    assert_eq!(rig.muster(&["run", "hello", "--", "echo", "one"]).code, 0);
    let mut child = rig.command().args(["jobs", "log", "hello", "-f"]).spawn().expect("started");
    let mut out = std::io::BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    std::io::BufRead::read_line(&mut out, &mut line).expect("read");
    assert!(line.ends_with("   one\n"), "{line}");
    drop(out);
    // The next line finds nobody.
    let log = files(&rig.state().join("runs/hello")).pop().expect("a log");
    std::fs::OpenOptions::new()
        .append(true)
        .open(log)
        .expect("opened")
        .write_all(b"more\n")
        .expect("written");
    let status = until("its end", || child.try_wait().expect("waited"));
    assert_eq!(status.code(), Some(0));
}
