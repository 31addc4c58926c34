//! Jobs that muster itself starts: on time, on demand, and once each whoever is killed in between.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::rig::{Rig, until};

/// A job that notes the run it is and what it finds around it.
fn rota(rig: &Rig, keys: &str, script: &str) {
    let job = rig.write("job.sh", &format!("#!/bin/sh\n{script}\n"));
    let out = rig.path("work").join("out");
    rig.write(
        "muster.toml",
        &format!(
            "[muster]\nlisten = \"127.0.0.1:0\"\n\n[defaults]\nnotify = []\n\n[job.tick]\ncommand = [\"/bin/sh\", \"{}\", \
             \"{}\"]\n{keys}\n\n[job.bare]\nevery = \"1h\"\nnotify = []\n",
            job.display(),
            out.display()
        ),
    );
}

fn lines(rig: &Rig) -> Vec<String> {
    let text = std::fs::read_to_string(rig.path("work").join("out")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Ended runs by name, by `muster jobs history`.
fn history(rig: &Rig) -> BTreeMap<String, Value> {
    let ended = rig.muster(&["jobs", "history", "tick", "--limit", "1000", "--json"]);
    let answer: Value = serde_json::from_str(&ended.out).unwrap_or_default();
    let runs = answer["runs"].as_array().cloned().unwrap_or_default();
    runs.into_iter().filter_map(|run| Some((run["id"].as_str()?.to_owned(), run))).collect()
}

#[test]
fn a_job_is_started_on_demand_in_an_environment_of_its_own() {
    let rig = Rig::new();
    rota(
        &rig,
        // The second is asked for while the first may still go on.
        "schedule = \"0 0 1 1 *\"\noverlap = \"allow\"\nnotify = []",
        "echo \"$PATH|$MUSTER_STATE|$(umask)|$(pwd)\" >> \"$1\"",
    );
    let agent = rig.up(&[]);
    let said = rig.muster(&["jobs", "run", "tick"]).with(0);
    assert!(said.starts_with("tick is started as run "), "{said}");
    let asked = rig.muster(&["jobs", "run", "tick", "--json"]).json(0);
    assert_eq!(asked["durable"], true, "{asked}");
    let run = asked["run"].as_str().expect("a run").to_owned();
    until("both", || (lines(&rig).len() == 2).then_some(()));
    let found = lines(&rig);
    assert!(
        found
            .iter()
            .all(|line| line == "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin||0022|/"),
        "{found:?}"
    );
    until("its record", || history(&rig).get(&run).filter(|run| !run["state"]["ok"].is_null()).map(|_| ()));

    let error = rig.muster(&["jobs", "run", "bare"]).refused(5);
    assert!(error.contains("its command is not written down"), "{error}");
    assert!(error.contains("help: add `command"), "{error}");
    let error = rig.muster(&["jobs", "run", "nonsense"]).refused(4);
    assert!(error.contains("nonsense"), "{error}");
    assert_eq!(agent.stop().0, 0);
    let error = rig.muster(&["jobs", "run", "tick"]);
    assert_ne!(error.code, 0, "{error:?}");
}

#[test]
fn a_job_that_cannot_be_started_is_a_failure() {
    let rig = Rig::new();
    rig.write(
        "muster.toml",
        "[muster]\nlisten = \"127.0.0.1:0\"\n[job.tick]\ncommand = [\"/nowhere/at/all\"]\nevery = \"1h\"\nby = \"muster\"\n\
         notify = []\n",
    );
    let agent = rig.up(&[]);
    let _said = rig.muster(&["jobs", "run", "tick"]).with(0);
    until("firing", || rig.muster(&["status"]).out.contains("/nowhere/at/all").then_some(()));
    let by_muster = || {
        let listed = rig.muster(&["jobs", "list"]).out;
        listed.lines().any(|row| row.starts_with("tick ") && row.ends_with(" muster"))
    };
    assert!(by_muster(), "the list says who starts it");
    assert_eq!(agent.stop().0, 0);
    assert!(by_muster(), "and so it does while no agent runs");
}

#[test]
fn however_the_agent_is_killed_no_run_is_lost_or_doubled() {
    let rig = Rig::new();
    rota(
        &rig,
        "every = \"1s\"\nby = \"muster\"\ncatch_up = \"all\"\noverlap = \"allow\"\nnotify = []",
        // The name of the run is in its wrapper's arguments.
        "echo $(tr '\\0' ' ' < /proc/$PPID/cmdline | sed 's/.*--turn \\([^ ]*\\).*/\\1/') >> \"$1\"; sleep 0.3",
    );
    for life in 0..12 {
        let agent = rig.up(&[]);
        let before = lines(&rig).len();
        if life % 3 > 0 {
            until("another run", || (lines(&rig).len() > before).then_some(()));
        }
        drop(agent);
    }
    let agent = rig.up(&[]);
    let seen = lines(&rig).len();
    until("caught up", || (lines(&rig).len() >= seen + 4).then_some(()));
    let begun = lines(&rig);
    let mut single = begun.clone();
    single.sort();
    single.dedup();
    assert_eq!(single.len(), begun.len(), "a run began twice: {begun:?}");
    // One second after the other, without a hole: the names begin with the slot.
    let slots: Vec<i64> = single.iter().map(|run| second(run)).collect();
    for pair in slots.windows(2) {
        assert_eq!((pair[1] - pair[0]).rem_euclid(60), 1, "a slot is missing: {single:?}");
    }
    until("all have ended", || {
        let known = history(&rig);
        begun.iter().all(|run| known.get(run).is_some_and(|run| run["state"] != "running")).then_some(())
    });
    let known = history(&rig);
    assert!(begun.iter().all(|run| known[run]["state"]["ok"]["ending"]["exit"]["code"] == 0), "{known:#?}");
    assert_eq!(agent.stop().0, 0);
}

/// The second of the minute in the name of a run.
fn second(run: &str) -> i64 {
    run.get(13..15).and_then(|text| text.parse().ok()).expect("a name such as 20261121T020000.000Z-9f3c2a71")
}
