use std::path::Path;
use std::time::Instant as Moment;

use muster_core::effect::Verdict;
use muster_core::expectation::Level;

use super::*;
use crate::notebook::Seen;
use crate::trial::{faults, look, miss, part};

const LONG: Duration = Duration::from_secs(20);

async fn shell(script: &str, more: &str, limit: Duration) -> (Result<Vec<String>, Miss>, Seen) {
    look(&part(&ROW, &format!("command = ['sh', '-c', '''{script}''']\n{more}")), limit).await
}

#[test]
fn the_words_hold() {
    muster_config::assertion::examples_compile(TERMS).unwrap_or_else(|wrong| panic!("{wrong}"));
}

#[tokio::test]
async fn exit_code_and_output_are_judged() {
    let words = "expect = [\"exit == 0\", \"output contains 'ready'\", \"json('$.waiting') < 100\", \"time.total < 15s\"]";
    let (ended, _) = shell("echo '{\"waiting\": 7, \"state\": \"ready\"}'", words, LONG).await;
    assert_eq!(ended, Ok(vec![]));
    let (ended, _) = shell("echo '{\"waiting\": 700}'", words, LONG).await;
    assert_eq!(ended.expect("looked").len(), 2);
    let (ended, seen) = shell("echo so far; echo no such queue >&2; exit 7", "", LONG).await;
    assert_eq!(miss(ended), (Some(Class::Refused), "sh: exit 7: no such queue".into()));
    assert_eq!(seen.trace, ["output: so far", "complaint: no such queue"]);
    let (ended, _) = shell("exit 7", "exit = [0, 7]", LONG).await;
    assert_eq!(ended, Ok(vec![]));
    let (ended, _) = shell("kill -SEGV $$", "", LONG).await;
    assert_eq!(miss(ended), (Some(Class::Refused), "sh was killed by SIGSEGV".into()));
    let (ended, _) = shell("test \"$MUSTER_ABOUT\" = check.x && ! read line", "", LONG).await;
    assert_eq!(ended, Ok(vec![]));
}

#[tokio::test]
async fn a_monitoring_plugin_is_understood() {
    let said = "echo 'LOAD - 9.1 | load1=9.1;4;8'; echo more; exit";
    for (code, more, expected) in [
        (0, "", None),
        (1, "warning = \"bad\"", Some((Some(Class::Refused), "sh: warning: LOAD - 9.1"))),
        (1, "", None),
        (1, "warning = \"good\"", None),
        (2, "", Some((Some(Class::Refused), "sh: critical: LOAD - 9.1"))),
        (3, "", Some((None, "sh: unknown: LOAD - 9.1"))),
        (127, "", Some((None, "sh: exit 127 has no meaning for a monitoring plugin: LOAD - 9.1"))),
    ] {
        let (ended, _) = shell(&format!("{said} {code}"), &format!("style = \"nagios\"\n{more}"), LONG).await;
        match expected {
            None => assert_eq!(ended, Ok(vec![])),
            Some((class, why)) => assert_eq!(miss(ended), (class, why.to_owned())),
        }
    }
}

#[tokio::test]
async fn a_warning_of_a_plugin_is_shown_and_told_to_nobody() {
    let looked = async |more: &str| {
        let keys = format!("command = ['sh', '-c', 'echo LOAD WARNING; exit 1']\nstyle = 'nagios'\n{more}");
        crate::look::look(&*part(&ROW, &keys), &Scene::here(Instant::now() + LONG)).await
    };
    let warned = looked("").await;
    assert_eq!((warned.verdict, warned.level), (Verdict::Ok, Some(Level::Warn)));
    assert_eq!(warned.sight.words, "sh: warning: LOAD WARNING");
    let worse = looked("expect = [\"output contains 'OK'\"]").await;
    assert_eq!((worse.verdict, worse.level), (Verdict::Failed, None), "a warning hides nothing worse");
    assert_eq!(worse.sight.unmet.len(), 2);
    let lesser = looked("expect = [{ that = \"output contains 'OK'\", severity = \"warn\" }]").await;
    assert_eq!(lesser.level, Some(Level::Warn));
    let good = looked("warning = 'good'").await;
    assert_eq!((good.verdict, good.level), (Verdict::Ok, None));
}

fn is_gone(file: &Path) -> bool {
    let pid = std::fs::read_to_string(file).expect("a number");
    let until = Moment::now() + Duration::from_secs(10);
    while Moment::now() < until {
        let status = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
        // Nobody may wait for an orphan here: a zombie is gone enough.
        if status.is_err() || status.is_ok_and(|text| text.contains(") Z ")) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

#[tokio::test]
async fn who_is_late_is_asked_to_end_and_then_killed_with_its_children() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path().display();
    let limit = Duration::from_millis(1500);
    let began = Moment::now();
    let (ended, _) = shell("trap 'echo cleaned; exit' TERM; sleep 100 & wait", "", limit).await;
    let (class, why) = miss(ended);
    assert_eq!(class, Some(Class::Timeout));
    assert_eq!(why, "sh did not come to its end and was ended: cleaned");
    let script = format!("trap '' TERM; (sleep 100; sleep 100) & echo $! >{at}/child; sleep 100; sleep 100");
    let (ended, _) = shell(&script, "", limit).await;
    let (class, why) = miss(ended);
    assert_eq!(class, Some(Class::Timeout));
    assert!(why.contains("was killed, for it did not end"), "{why}");
    assert!(began.elapsed() < Duration::from_secs(15));
    assert!(is_gone(&folder.path().join("child")));
}

#[tokio::test]
async fn a_look_that_is_given_up_leaves_nobody_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path().display();
    let check = part(&ROW, &format!("command = ['sh', '-c', 'sleep 100 & echo $! >{at}/child; wait']"));
    let scene = Scene::here(Instant::now() + LONG);
    let path = folder.path().join("child");
    tokio::select! {
        _ = check.probe(&scene) => panic!("it ended"),
        () = async {
            while !std::fs::read_to_string(&path).is_ok_and(|text| text.ends_with('\n')) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        } => {}
    }
    assert!(is_gone(&path));
}

#[tokio::test]
async fn what_is_left_behind_is_killed_and_does_not_hold_up_the_look() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path().display();
    let began = Moment::now();
    let (ended, seen) = shell(
        &format!("sleep 100 & echo $! >{at}/child; echo done"),
        "expect = [\"output contains 'done'\"]",
        LONG,
    )
    .await;
    assert_eq!(ended, Ok(vec![]));
    assert!(began.elapsed() < Duration::from_secs(10));
    assert!(seen.trace.iter().any(|line| line.contains("left processes behind")), "{:?}", seen.trace);
    assert!(is_gone(&folder.path().join("child")));
}

#[tokio::test]
async fn output_without_end_is_bounded() {
    let (ended, seen) = shell("yes | head -c 3000000", "expect = [\"output contains 'y'\"]", LONG).await;
    let unmet = ended.expect("looked");
    assert!(unmet[0].contains("cut off at 65536 of 3000000 bytes"), "{unmet:?}");
    assert!(seen.trace.iter().any(|line| line == "output was cut off at 65536 of 3000000 bytes"));
    let (ended, _) = shell("yes", "", Duration::from_millis(1000)).await;
    assert_eq!(miss(ended).0, Some(Class::Timeout));
}

#[tokio::test]
async fn what_cannot_be_started_is_seen_by_nobody() {
    let (ended, _) = look(&part(&ROW, "command = [\"/gone/for/good\"]"), LONG).await;
    let (class, why) = miss(ended);
    assert_eq!(class, None);
    assert!(why.starts_with("/gone/for/good could not be started: No such file"), "{why}");
}

#[test]
fn keys_that_cannot_hold_together_are_refused() {
    for (keys, what) in [
        ("", "lacks `command`"),
        ("command = []", "at least 1"),
        ("command = [\"x\"]\nstyle = \"nagios\"\nexit = [0]", "have their meaning"),
        ("command = [\"x\"]\nexpect = [\"status == 200\"]", "status"),
    ] {
        let found = faults(&ROW, keys);
        assert!(found.contains(what), "{keys}\n{found}");
    }
}
