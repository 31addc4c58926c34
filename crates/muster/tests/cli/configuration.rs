//! `muster config`: every fault in one run, with its place.

use std::os::unix::fs::PermissionsExt;

use crate::rig::Rig;

const FAULTY: &str = "\
[muster]
timezone = \"Europe/Berlin\"

[job.export]
schedule = \"0 2 * * *\"
overlp = \"skip\"

[job.sync]
every = \"15\"
";

#[test]
fn a_faulty_file_is_refused_with_every_fault_in_its_place() {
    let rig = Rig::new();
    rig.write("muster.toml", FAULTY);
    let error = rig.muster(&["config", "check"]).refused(2);
    for words in
        ["muster.toml:6:1", "overlp = \"skip\"", "did you mean", "overlap", "muster.toml:9:9", "2 errors"]
    {
        assert!(error.contains(words), "{words:?} in:\n{error}");
    }
}

#[test]
fn the_faults_are_data_as_well() {
    let rig = Rig::new();
    let file = rig.write("other.toml", FAULTY);
    let answer = rig.muster(&["config", "check", "--json", &file.display().to_string()]).json(2);
    assert_eq!(answer["usable"], false);
    let fault = answer["faults"]
        .as_array()
        .expect("faults")
        .iter()
        .find(|fault| fault["code"] == "M0104")
        .expect("one");
    assert_eq!((&fault["line"], &fault["column"], &fault["level"]), (&6.into(), &1.into(), &"error".into()));
}

#[test]
fn a_good_file_is_said_to_be_good() {
    let rig = Rig::new();
    rig.write("muster.toml", "[job.sync]\nevery = \"15m\"\nnotify = []\n");
    assert_eq!(
        rig.muster(&["config", "check"]).with(0),
        "muster.toml can be used: 1 expectation, 0 channels.\n"
    );
    let answer = rig.muster(&["config", "check", "--json"]).json(0);
    assert_eq!((&answer["usable"], &answer["expectations"]), (&true.into(), &1.into()));
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let rig = Rig::new();
    let error = rig.muster(&["config", "check", "none.toml"]).refused(2);
    assert_eq!(
        error,
        "error: there is no file none.toml\nhelp: `muster init --dry-run` shows one for this host\n"
    );
    let error = rig.muster(&["--config", "none.toml", "config", "check"]).refused(2);
    assert!(error.starts_with("error: there is no file none.toml\n"), "{error}");
    let error = rig.muster(&["config", "check"]).refused(2);
    assert!(error.starts_with("error: there is no configuration file\n"), "{error}");
}

#[test]
fn schema_and_reference_are_printed_for_the_generator() {
    let rig = Rig::new();
    let schema: serde_json::Value =
        serde_json::from_str(&rig.muster(&["config", "schema"]).with(0)).expect("json");
    assert!(schema["properties"]["job"].is_object(), "{schema}");
    assert_eq!(rig.muster(&["schema"]).with(0), rig.muster(&["config", "schema"]).with(0));
    assert!(rig.muster(&["config", "reference"]).with(0).contains("max_runtime"));
    let cli = rig.muster(&["config", "cli-reference"]).with(0);
    assert!(cli.contains("## `muster jobs history`") && !cli.contains("cli-reference"), "{cli}");
}

#[test]
fn a_first_configuration_is_written_once_and_can_be_used() {
    let rig = Rig::new();
    let said = rig.muster(&["init", "muster.toml"]).with(0);
    assert!(said.starts_with("Wrote muster.toml: "), "{said}");
    let path = rig.path("work/muster.toml");
    assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o644);
    let ended = rig.muster(&["config", "check"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let error = rig.muster(&["init", "muster.toml"]).refused(5);
    assert!(error.starts_with("error: muster.toml is there already and was left as it is\n"), "{error}");
    assert_eq!(rig.muster(&["init", "--dry-run"]).with(0), std::fs::read_to_string(path).expect("read"));
}
