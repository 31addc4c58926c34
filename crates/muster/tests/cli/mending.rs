//! Treatments that wait for somebody to say that they still come in. What waits is made by hand here: on a tree of files
//! nothing has to be confirmed.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command};

use serde_json::{Value, json};

use crate::rig::{Rig, files, until};

const SHOP: &str = "0 2 * * * root muster run n -- sh -c 'echo $(date +%F)'";

/// A tree that was mended by a treatment that waits; the treatment's name.
fn waiting(rig: &Rig) -> String {
    for (path, text) in [
        ("etc/hostname", "web7\n"),
        ("etc/debian_version", "12\n"),
        ("etc/passwd", "root:x:0:0::/root:/bin/sh\n"),
        ("etc/cron.d/shop", SHOP),
    ] {
        let place = rig.path("host").join(path);
        fs::create_dir_all(place.parent().expect("a folder")).expect("the folder");
        fs::write(place, text).expect("the file");
    }
    let root = rig.path("host").display().to_string();
    rig.muster(&["doctor", "--root", &root, "--fix", "--yes"]).with(0);
    assert_ne!(shop(rig), SHOP);
    let kept = treatment(rig);
    let mut value: Value = serde_json::from_slice(&fs::read(&kept).expect("kept")).expect("JSON");
    assert_eq!(value["confirmation"], "not_needed");
    value["confirmation"] = json!({ "awaited": { "until": value["at"], "guard": null } });
    fs::write(&kept, value.to_string()).expect("written");
    value["id"].as_str().expect("a name").to_owned()
}

fn treatment(rig: &Rig) -> PathBuf {
    let kept = files(&rig.state().join("doctor"));
    kept.into_iter()
        .find(|path| path.extension().is_some_and(|ending| ending == "json"))
        .expect("a treatment")
}

fn shop(rig: &Rig) -> String {
    fs::read_to_string(rig.path("host/etc/cron.d/shop")).expect("the file")
}

/// A guard that has said that it is there.
fn guard(rig: &Rig, id: &str, after: &str) -> Child {
    let mut child =
        rig.command().args(["doctor", "rollback", id, "--after", after]).spawn().expect("started");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a word");
    assert_eq!(line, "here\n");
    child
}

#[test]
fn a_guard_takes_back_what_nobody_confirms_and_no_hangup_ends_it() {
    let rig = Rig::new();
    let id = waiting(&rig);
    let mut guard = guard(&rig, &id, "1");
    // Of its own session and group: the hangup of a terminal goes to groups of the terminal's session only.
    let stat = fs::read_to_string(format!("/proc/{}/stat", guard.id())).expect("it runs");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
    assert_eq!(
        (fields[2], fields[3], fields[4]),
        (guard.id().to_string().as_str(), guard.id().to_string().as_str(), "0")
    );
    assert!(guard.wait().expect("waited").success());
    assert_eq!(shop(&rig), SHOP);
    let late = rig.muster(&["doctor", "confirm", &id]).with(1);
    assert!(late.contains("Too late") && late.contains(&id), "{late}");
}

#[test]
fn what_is_confirmed_in_time_stays_and_its_guard_goes() {
    let rig = Rig::new();
    let id = waiting(&rig);
    let mut guard = guard(&rig, &id, "3000");
    let said = rig.muster(&["doctor", "confirm"]).with(0);
    assert!(said.contains(&format!("Treatment {id} stays")), "{said}");
    let ended = until("the guard to see that it is not needed", || guard.try_wait().expect("asked"));
    assert!(ended.success());
    assert_ne!(shop(&rig), SHOP);
    rig.muster(&["doctor", "confirm"]).refused(3);
    rig.muster(&["doctor", "undo", &id]).with(0);
    assert_eq!(shop(&rig), SHOP);
}

#[test]
fn the_next_look_takes_back_what_lost_its_guard_and_says_so() {
    let rig = Rig::new();
    let id = waiting(&rig);
    let out = rig.muster(&["doctor", "--only", "ALLOW"]);
    assert!(out.err.contains(&id) && out.err.contains("taken back now"), "{}", out.err);
    assert_eq!(shop(&rig), SHOP);
    let out = rig.muster(&["doctor", "--only", "ALLOW"]);
    assert!(!out.err.contains(&id), "{}", out.err);
}

#[test]
fn a_look_leaves_alone_what_a_living_guard_waits_for() {
    let rig = Rig::new();
    let id = waiting(&rig);
    let mut guard = guard(&rig, &id, "3000");
    let stat = fs::read_to_string(format!("/proc/{}/stat", guard.id())).expect("it runs");
    let started: u64 = stat
        .rsplit(')')
        .next()
        .expect("fields")
        .split_whitespace()
        .nth(19)
        .expect("22")
        .parse()
        .expect("a number");
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("a boot").trim().to_owned();
    let kept = treatment(&rig);
    let mut value: Value = serde_json::from_slice(&fs::read(&kept).expect("kept")).expect("JSON");
    value["confirmation"]["awaited"]["guard"] =
        json!({ "pid": guard.id(), "started": started, "boot": boot });
    fs::write(&kept, value.to_string()).expect("written");
    let out = rig.muster(&["doctor", "--only", "ALLOW"]);
    assert!(!out.err.contains(&id), "{}", out.err);
    assert_ne!(shop(&rig), SHOP);
    let root = rig.path("host").display().to_string();
    fs::write(rig.path("host/etc/cron.d/other"), SHOP).expect("another");
    let more = rig.muster(&["doctor", "--root", &root, "--only", "CRON", "--fix", "--yes"]);
    assert!(
        more.code == 3 && more.err.contains("is not confirmed yet"),
        "one at a time: {}{}",
        more.out,
        more.err
    );
    // Killed as hard as can be: the next look sees to it.
    let killed = Command::new("kill").args(["-s", "KILL", &guard.id().to_string()]).status().expect("kill");
    assert!(killed.success());
    guard.wait().expect("waited");
    let out = rig.muster(&["doctor", "--only", "ALLOW"]);
    assert!(out.err.contains("taken back now"), "{}", out.err);
    assert_eq!(shop(&rig), SHOP);
}

#[test]
fn the_agent_takes_back_at_its_start_what_lost_its_guard() {
    let rig = Rig::new();
    let id = waiting(&rig);
    let (_, said) = rig.up(&["--listen", "127.0.0.1:0"]).stop();
    assert!(said.contains(&id) && said.contains("taken back now"), "{said}");
    assert_eq!(shop(&rig), SHOP);
}

#[test]
fn consent_is_asked_for_with_fix_only() {
    let rig = Rig::new();
    for words in [
        &["doctor", "--allow-disruptive"][..],
        &["doctor", "--confirm-within", "30"],
        &["doctor", "--fix", "--confirm-within", "5"],
        &["doctor", "rollback", "1", "--after", "0"],
        &["doctor", "confirm", "1"],
    ] {
        let out = rig.muster(words);
        assert_eq!(out.code, 3, "{words:?}: {}{}", out.out, out.err);
    }
}
