//! Programs that take a message, refuse it, fail, hang, flood and leave others behind.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use muster_notify::kinds::command::Command;

use crate::letters::{carry, later, letter, receipt, refusal, timed};

const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_secs(2);
/// Far below [`LONG`], far above what a busy machine needs for a shell.
const QUICK: Duration = Duration::from_secs(10);

fn script(text: &str, deadline: Duration) -> Command {
    Command { words: ["sh", "-c", text].map(str::to_owned).to_vec(), deadline }
}

/// True once no process of that number runs any more.
fn is_gone(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The state stands behind the name in brackets; one that is dead waits for its parent.
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('Z'))
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + QUICK;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

fn pid_in(file: &Path) -> String {
    let mut pid = String::new();
    wait_until("the program says its number", || {
        pid = fs::read_to_string(file).unwrap_or_default().trim().to_owned();
        !pid.is_empty()
    });
    pid
}

pub(crate) const TESTS: &[(&str, fn())] = &[
    ("command::the_letter_is_on_its_input_and_the_facts_are_in_its_environment", || {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("got");
        let text = format!(
            "{{ echo \"$MUSTER_KEY|$MUSTER_EVENT|$MUSTER_ABOUT|$MUSTER_INCIDENT|$MUSTER_TITLE\"; cat; }} > {}",
            file.display()
        );
        let letter = letter();
        assert_eq!(receipt(carry(&script(&text, LONG), &letter)), "exit 0");
        let got = fs::read_to_string(&file).expect("what it got");
        let first = format!("{}|opened|job.nightly|job.nightly:1795226400:0|{}\n", letter.key, letter.title);
        assert_eq!(got, format!("{first}{}\n\n{}", letter.title, letter.body));
    }),
    ("command::sixty_five_is_a_refusal_and_every_other_failure_is_not_now", || {
        let why = refusal(carry(&script("echo nobody of that name >&2; exit 65", LONG), &letter()));
        assert_eq!(why, "sh: exit 65: nobody of that name");
        let why = later(carry(&script("echo no network >&2; exit 1", LONG), &letter()));
        assert_eq!(why, "sh: exit 1: no network");
        assert_eq!(later(carry(&script("exit 75", LONG), &letter())), "sh: exit 75");
        let why = later(carry(&script("kill -9 $$", LONG), &letter()));
        assert_eq!(why, "sh was killed by a signal");
        let missing = Command { words: vec!["/nonexistent/pager".to_owned()], deadline: LONG };
        assert!(later(carry(&missing, &letter())).starts_with("/nonexistent/pager could not be started"));
    }),
    ("command::last_words_are_heard_even_after_its_own_end", || {
        let why = later(carry(&script("{ sleep 0.05; echo why >&2; } & exit 3", LONG), &letter()));
        assert_eq!(why, "sh: exit 3: why");
    }),
    ("command::one_that_hangs_is_killed_with_its_group_at_the_deadline", || {
        let folder = tempfile::tempdir().expect("a folder");
        let (own, child) = (folder.path().join("own"), folder.path().join("child"));
        let text = format!(
            "trap '' TERM; echo $$ > {}; sleep 300 & echo $! > {}; wait; sleep 300",
            own.display(),
            child.display()
        );
        let (delivery, took) = timed(&script(&text, SHORT), &letter());
        let why = later(delivery);
        assert!(why.contains("did not end within 2s and was killed"), "{why}");
        assert!(took >= SHORT && took < SHORT + Duration::from_secs(3), "{took:?}");
        for file in [own, child] {
            let pid = pid_in(&file);
            wait_until("it is gone", || is_gone(&pid));
        }
    }),
    ("command::a_delivery_that_is_given_up_takes_the_group_with_it", || {
        use muster_net::dial::Dialer;
        use muster_notify::medium::Medium as _;
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("child");
        let medium = script(&format!("sleep 300 & echo $! > {}; wait", file.display()), LONG);
        let letter = letter();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let dialer = Dialer::new();
            let given_up = tokio::time::timeout(SHORT, medium.carry(&letter, &dialer)).await;
            assert!(given_up.is_err());
        });
        let pid = pid_in(&file);
        wait_until("it is gone", || is_gone(&pid));
    }),
    ("command::one_that_does_not_read_its_input_still_delivers", || {
        let mut letter = letter();
        letter.body = "x".repeat(1_000_000);
        let (delivery, took) = timed(&script("exit 0", LONG), &letter);
        receipt(delivery);
        assert!(took < QUICK, "{took:?}");
        receipt(carry(&script("exec <&-; exec sleep 0.1", LONG), &letter));
    }),
    ("command::a_flood_of_complaints_neither_stops_it_nor_fills_memory", || {
        let text = "head -c 20000000 /dev/zero | tr '\\0' x >&2; echo done >&2; exit 1";
        let why = later(carry(&script(text, LONG), &letter()));
        assert!(why.starts_with("sh: exit 1: xxx") && why.len() < 400, "{why}");
    }),
    ("command::complaints_are_one_harmless_line", || {
        let why = later(carry(&script("printf 'a\\r\\n\\033[2Jb\\377' >&2; exit 1", LONG), &letter()));
        assert!(!why.contains(char::is_control), "{why:?}");
    }),
    ("command::a_grandchild_that_holds_the_pipes_is_not_waited_for_and_carries_on", || {
        for ending in ["", "echo sorry >&2; exit 1"] {
            let folder = tempfile::tempdir().expect("a folder");
            let (go, done) = (folder.path().join("go"), folder.path().join("done"));
            let text = format!(
                "{{ while ! [ -e {} ]; do sleep 0.02; done; echo > {}; }} & {ending}",
                go.display(),
                done.display()
            );
            let (delivery, took) = timed(&script(&text, LONG), &letter());
            match ending {
                "" => assert_eq!(receipt(delivery), "exit 0"),
                _ => assert_eq!(later(delivery), "sh: exit 1: sorry"),
            }
            assert!(took < QUICK, "{took:?}");
            // What it left behind may be what carries the message.
            fs::write(&go, "").expect("written");
            wait_until("the grandchild carries on", || done.exists());
        }
    }),
];
