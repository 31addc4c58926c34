//! What a good run leaves behind, with real files and real output.

use std::fs;
use std::fs::FileTimes;
use std::time::{Duration, SystemTime};

use muster_core::signal::{Artefact, Ending, Outcome, Report};

use crate::world::{Ran, World, eventually};

/// Runs a script that is expected to do as `expect` says.
fn expecting(world: &World, expect: &str, script: &str) -> (Ran, Report) {
    fs::write(world.path("muster.toml"), format!("[job.a]\nexpect = {expect}\n")).expect("written");
    let ran = world.sh(&[], script);
    (ran, world.ends().pop().expect("a report"))
}

fn failure(report: Report) -> Outcome {
    match report {
        Report::Failure(outcome) => outcome,
        other => panic!("no failure: {other:?}"),
    }
}

fn good(report: &Report) -> bool {
    matches!(report, Report::Success(outcome) if outcome.unmet.is_empty())
}

fn age(world: &World, name: &str, by: Duration) {
    let file = fs::OpenOptions::new().append(true).open(world.path(name)).expect("there");
    let set = SystemTime::now();
    file.set_times(FileTimes::new().set_modified(set - by)).expect("set");
    // Setting it is a change, too; a run that begins in the same tick could not be told from it.
    eventually("another tick", || {
        set.elapsed().is_ok_and(|time| time > Duration::from_millis(30)).then_some(())
    });
}

pub(crate) fn expected_exit_codes_decide_and_pass_through() {
    let world = World::new();
    let (ran, report) = expecting(&world, "{ exit = [0, 3] }", "exit 3");
    assert!(ran.code == Some(3) && good(&report), "{report:?}");
    let (ran, report) = expecting(&world, "{ exit = [3] }", "exit 0");
    let outcome = failure(report);
    assert_eq!((ran.code, outcome.ending), (Some(0), Ending::Exit { code: 0 }));
    assert_eq!(outcome.unmet, ["only 3 counts as success, and the exit code was 0"]);
    let (ran, report) = expecting(&world, "{ exit = [0, 3] }", "kill -KILL $$");
    assert_eq!((ran.code, failure(report).unmet), (Some(137), Vec::new()));
}

pub(crate) fn output_must_match_and_must_not() {
    let world = World::new();
    let expect = r#"{ output = ["exported \\d+ rows", "^done$"], forbid = "ERROR" }"#;
    let (ran, report) =
        expecting(&world, expect, "printf expor; sleep 0.05; echo ted 12 rows; printf 'done' >&2");
    assert!(ran.code == Some(0) && good(&report), "{report:?}");
    let Report::Success(outcome) = report else { panic!("judged above") };
    assert_eq!(outcome.output, Some("exported 12 rows\ndone".len() as u64));
    let (ran, report) = expecting(&world, expect, "echo exported 0 rows; echo 'ERROR: no rows' >&2");
    assert_eq!(ran.code, Some(0));
    assert!(ran.err.contains("no line of the output matches"), "{}", ran.err);
    assert_eq!(
        failure(report).unmet,
        [
            "no line of the output matches \"^done$\" (2 lines were written)",
            "the output matches \"ERROR\", which is forbidden: ERROR: no rows",
        ]
    );
}

pub(crate) fn a_job_that_exits_0_without_its_file_has_failed() {
    let world = World::new();
    let here = world.folder.path().display().to_string();
    let expect = format!("{{ file = {{ glob = \"{here}/out/*.gz\", min_size = \"1KiB\", min_count = 2 }} }}");
    let (ran, report) = expecting(&world, &expect, "true");
    assert_eq!(ran.code, Some(0), "the exit code passes through");
    assert_eq!(failure(report).unmet, [format!("no file matches {here}/out/*.gz; {here}/out is not there")]);
    fs::create_dir(world.path("out")).expect("made");
    fs::write(world.path("out/old.gz"), "old").expect("written");
    age(&world, "out/old.gz", Duration::from_secs(26 * 3600));
    let outcome = failure(expecting(&world, &expect, "true").1);
    assert_eq!(
        outcome.unmet,
        [format!("no file matches {here}/out/*.gz newer than the start; old.gz is 1d 2h old")]
    );
    assert_eq!(outcome.artefact, Some(Artefact { files: 0, bytes: 0 }));
    let (_, report) = expecting(&world, &expect, "head -c 2000 /dev/zero > out/a.gz; : > out/b.gz");
    let outcome = failure(report);
    assert_eq!(outcome.unmet, [format!("{here}/out/b.gz has 0 B, and should have at least 1 KiB")]);
    assert_eq!(outcome.artefact, Some(Artefact { files: 2, bytes: 2000 }));
    let (_, report) =
        expecting(&world, &expect, "for n in a b c; do head -c 2000 /dev/zero > out/$n.gz; done");
    assert!(good(&report), "{report:?}");
    let (_, report) =
        expecting(&world, &expect, "head -c 2000 /dev/zero > out/x.gz; touch -d yesterday out/[abc].gz");
    assert_eq!(
        failure(report).unmet,
        [format!("1 file matches {here}/out/*.gz newer than the start, and at least 2 should")]
    );
}

pub(crate) fn a_file_with_an_older_time_is_told_from_one_that_was_not_written() {
    let world = World::new();
    let here = world.folder.path().display().to_string();
    let expect = format!("{{ file = {{ glob = \"{here}/**/*.gz\" }} }}");
    fs::create_dir_all(world.path("x/y")).expect("made");
    let (_, report) = expecting(&world, &expect, "echo > x/y/a.gz; touch -d '3 days ago' x/y/a.gz");
    assert_eq!(
        failure(report).unmet,
        [format!(
            "no file matches {here}/**/*.gz newer than the start; a.gz was written and carries the time of an older file"
        )]
    );
    let expect = expect.replace("\" }", "\", newer_than = \"26h\" }");
    assert_eq!(failure(expecting(&world, &expect, "true").1).unmet.len(), 1);
    age(&world, "x/y/a.gz", Duration::from_secs(25 * 3600));
    assert!(good(&expecting(&world, &expect, "true").1));
}

pub(crate) fn what_cannot_be_looked_at_is_never_well() {
    let world = World::new();
    let here = world.folder.path().display().to_string();
    let expect = format!("{{ file = {{ glob = \"{here}/loop/*.gz\" }} }}");
    let (_, report) = expecting(&world, &expect, "ln -s loop loop");
    let unmet = failure(report).unmet;
    assert!(unmet[0].contains("could not be looked at") && unmet[0].contains("/loop: "), "{unmet:?}");
}

pub(crate) fn a_folder_of_others_is_unseen_and_not_empty() {
    let world = World::new();
    let here = world.folder.path();
    let closed = here.join("closed");
    fs::create_dir(&closed).expect("made");
    let config = format!("[job.a]\nexpect = {{ file = {{ glob = \"{}/*.gz\" }} }}\n", closed.display());
    fs::write(here.join("muster.toml"), config).expect("written");
    let open: fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(here, open).expect("set");
    fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("set");
    let mut command = std::process::Command::new("setpriv");
    let wrapped = world.command(&["a", "--", "true"]);
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    command.arg(wrapped.get_program()).args(wrapped.get_args()).current_dir(here);
    let told = command.env("MUSTER_STATE", "/dev/shm/muster-nobody-test").output().expect("ran");
    fs::remove_dir_all("/dev/shm/muster-nobody-test").ok();
    let err = String::from_utf8_lossy(&told.stderr);
    assert!(err.contains("could not be looked at as a whole") && err.contains("permission denied"), "{err}");
}

pub(crate) fn a_command_that_can_do_nothing_has_failed() {
    for (words, unmet) in [
        (
            &["a", "--", "sh", "-e"][..],
            "sh was started without a script: it read an empty standard input and exited 0",
        ),
        (
            &["a", "--", "env", "bash", "-c", "cd / && sh"],
            "sh was started without a script: it read an empty standard input and exited 0",
        ),
        (
            &["a", "--", "sh", "-c", "/nonexistent/x.sh 2>/dev/null; true"],
            "/nonexistent/x.sh, which should do the work, is not there",
        ),
    ] {
        let world = World::new();
        let ran = world.run(words);
        assert_eq!(ran.code, Some(0));
        assert_eq!(world.outcome().unmet, [unmet]);
        assert!(matches!(world.ends()[0], Report::Failure(_)) && ran.err.contains(unmet), "{}", ran.err);
    }
    let world = World::new();
    world.run(&["a", "--", "sh", "-c", "[ -x /nonexistent/x.sh ] && /nonexistent/x.sh; echo \"$0\"", ""]);
    let outcome = world.outcome();
    assert!(outcome.unmet.is_empty(), "{outcome:?}");
    assert!(outcome.notes.iter().any(|note| note.contains("/nonexistent/x.sh")), "{outcome:?}");
}

pub(crate) fn an_interpreter_that_is_fed_or_speaks_is_well() {
    let world = World::new();
    let mut command = world.command(&["--stdin", "a", "--", "sh"]);
    let mut child = command.stdin(std::process::Stdio::piped()).spawn().expect("started");
    std::io::Write::write_all(&mut child.stdin.take().expect("piped"), b"exit 0").expect("written");
    assert_eq!(crate::world::finish(child).code, Some(0));
    assert!(matches!(world.ends()[0], Report::Success(_)), "{:?}", world.ends());
    let world = World::new();
    world.run(&["a", "--", "bash", "--version"]);
    assert!(matches!(world.ends()[0], Report::Success(_)), "{:?}", world.ends());
}

pub(crate) fn a_broken_expectation_is_told_and_the_others_hold() {
    let world = World::new();
    let (ran, report) = expecting(&world, "{ output = [\"(\", \"done\"], forbid = \"no\" }", "echo nothing");
    assert_eq!(ran.code, Some(0));
    assert!(ran.err.contains("muster.toml:2:23: this is no regular expression"), "{}", ran.err);
    assert_eq!(failure(report).unmet.len(), 2);
}
