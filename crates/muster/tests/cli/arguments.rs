//! What every verb makes of good and bad words.

use crate::rig::Rig;

#[test]
fn the_help_lists_every_verb_and_every_exit_code() {
    let help = Rig::new().muster(&["--help"]).with(0);
    for verb in [
        "up",
        "run",
        "ping",
        "status",
        "jobs",
        "ack",
        "pause",
        "resume",
        "notify",
        "open",
        "config",
        "init",
        "completions",
    ] {
        assert!(help.contains(&format!("\n  {verb} ")), "{verb}:\n{help}");
    }
    assert!(help.contains("3  nobody can say: the agent is not running"), "{help}");
}

#[test]
fn every_verb_has_help_of_its_own_and_refuses_words_it_does_not_know() {
    let rig = Rig::new();
    for verb in [
        &["up"][..],
        &["ping"],
        &["status"],
        &["jobs", "list"],
        &["jobs", "history"],
        &["jobs", "log"],
        &["ack"],
        &["pause"],
        &["resume"],
        &["notify", "test"],
        &["open"],
        &["config", "check"],
        &["config", "schema"],
        &["config", "reference"],
        &["init"],
        &["completions"],
    ] {
        let help = rig.muster(&[verb, &["--help"]].concat()).with(0);
        assert!(help.contains(&format!("Usage: muster {}", verb.join(" "))), "{help}");
        assert!(help.lines().all(|line| line.chars().count() <= 110), "{help}");
        let error = rig.muster(&[verb, &["--no-such-word"]].concat()).refused(2);
        assert!(error.contains("--no-such-word"), "{verb:?}: {error}");
    }
}

#[test]
fn the_wrapper_has_its_own_help() {
    let help = Rig::new().muster(&["run", "--help"]).with(0);
    assert!(help.contains("muster run"), "{help}");
    assert!(help.contains("127"), "its exit codes: {help}");
}

#[test]
fn no_words_at_all_show_the_help_and_are_a_mistake() {
    let ended = Rig::new().muster(&[]);
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("Usage: muster"), "{}", ended.err);
}

#[test]
fn a_misspelt_verb_is_corrected() {
    let error = Rig::new().muster(&["statsu"]).refused(2);
    assert!(error.contains("status"), "{error}");
}

#[test]
fn the_version_is_the_packages() {
    let version = Rig::new().muster(&["--version"]).with(0);
    assert!(version.starts_with(&format!("muster {}", env!("CARGO_PKG_VERSION"))), "{version}");
}

#[test]
fn completions_are_made_for_the_usual_shells() {
    let rig = Rig::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = rig.muster(&["completions", shell]).with(0);
        assert!(script.contains("muster") && script.contains("history"), "{shell}");
    }
    let error = rig.muster(&["completions", "tcsh"]).refused(2);
    assert!(error.contains("tcsh"), "{error}");
}

#[test]
fn durations_and_names_are_judged_before_anything_is_done() {
    let rig = Rig::new();
    let error = rig.muster(&["ack", "x", "--for", "10"]).refused(2);
    assert!(error.contains("unknown unit") && error.contains("ms, s, m, h or d"), "{error}");
    let error = rig.muster(&["pause", "x", "--for", "1h"]).refused(2);
    assert!(error.contains("--reason"), "{error}");
    let error = rig.muster(&["pause", "x", "--for", "1h", "--reason", " "]).refused(2);
    assert!(error.contains("the reason is empty"), "{error}");
    let error = rig.muster(&["ping", "a/b"]).refused(2);
    assert!(error.contains("'/' is not allowed here"), "{error}");
    let error = rig.muster(&["ping", "a", "sucess"]).refused(2);
    assert!(error.contains("expected success, start, fail, log"), "{error}");
}
