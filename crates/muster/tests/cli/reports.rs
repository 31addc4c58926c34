//! `muster ping` with nobody listening: the report must be on disk when it says so.

use serde_json::Value;

use crate::rig::{Rig, files};

/// The only record in the spool.
fn record(rig: &Rig) -> Value {
    let records: Vec<_> = files(&rig.state().join("spool"))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    assert_eq!(records.len(), 1, "{records:?}");
    serde_json::from_slice(&std::fs::read(&records[0]).expect("read")).expect("json")
}

#[test]
fn a_ping_is_written_down_without_an_agent_and_without_a_configuration() {
    let rig = Rig::new();
    assert_eq!(rig.muster(&["ping", "backup"]).with(0), "");
    let record = record(&rig);
    assert_eq!(record["about"], "job.backup");
    assert!(record["report"]["success"].is_object(), "{record}");
}

#[test]
fn a_ping_carries_its_run_its_code_and_the_end_of_its_input() {
    let rig = Rig::new();
    let input = format!("{}\nlast words\n", "x".repeat(10_000));
    assert_eq!(rig.muster_with(&["ping", "backup", "3", "--run", "r-1", "-m", "-"], &input).with(0), "");
    let record = record(&rig);
    assert_eq!(record["run"], "r-1");
    let outcome = &record["report"]["failure"];
    assert_eq!(outcome["ending"]["exit"]["code"], 3);
    let tail = outcome["tail"].as_str().expect("text");
    assert!(tail.len() <= 4096 && tail.ends_with("last words\n"), "{tail}");
}

#[test]
fn a_ping_of_a_configured_heartbeat_is_about_the_check() {
    let rig = Rig::new();
    rig.write("muster.toml", "[check.nas]\nkind = \"heartbeat\"\nevery = \"1h\"\n");
    assert_eq!(rig.muster(&["ping", "nas", "start"]).with(0), "");
    assert_eq!(record(&rig)["about"], "check.nas");
}

#[test]
fn a_slip_elsewhere_in_the_configuration_does_not_lose_a_report() {
    let rig = Rig::new();
    rig.write("muster.toml", "[job.x]\nnonsense = 1\n[check.nas]\nkind = \"heartbeat\"\nevery = \"1h\"\n");
    assert_eq!(rig.muster(&["ping", "nas", "fail", "-m", "no route"]).with(0), "");
    let record = record(&rig);
    assert_eq!(record["about"], "check.nas");
    assert_eq!(record["report"]["failure"]["ending"]["reported"]["words"], "no route");
}
