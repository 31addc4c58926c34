use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::*;
use crate::probe::Class;
use crate::trial::{faults, look, miss, part};

const LONG: Duration = Duration::from_secs(20);

fn write(path: &Path, text: impl AsRef<[u8]>, age: Duration) {
    fs::write(path, text).expect("written");
    let file = fs::File::options().write(true).open(path).expect("open");
    file.set_modified(SystemTime::now() - age).expect("set");
}

async fn seen(keys: &str) -> Result<Vec<String>, Miss> {
    look(&part(&ROW, keys), LONG).await.0
}

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn the_words_and_the_example_hold() {
    muster_config::assertion::examples_compile(TERMS).unwrap_or_else(|wrong| panic!("{wrong}"));
}

#[tokio::test]
async fn the_newest_of_several_is_judged() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path().display();
    write(&folder.path().join("a.gz"), "x".repeat(2000), 30 * HOUR);
    write(&folder.path().join("b.gz"), "x".repeat(100), 2 * HOUR);
    let good =
        seen(&format!("glob = \"{at}/*.gz\"\nmax_age = \"26h\"\nmin_size = \"100B\"\nmin_count = 2")).await;
    assert_eq!(good, Ok(vec![]));
    let (class, why) =
        miss(seen(&format!("glob = \"{at}/*.gz\"\nmax_age = \"1h\"\nmin_size = \"1KiB\"")).await);
    assert_eq!(class, Some(Class::Unmet));
    assert_eq!(
        why,
        format!(
            "{at}/b.gz, the newest of 2, is 2h old, and should be 1h at most; \
             {at}/b.gz, the newest of 2, has 100 B, and should have at least 1 KiB"
        )
    );
    let (_, why) = miss(seen(&format!("glob = \"{at}/*.gz\"\nmax_age = \"10m\"\nwhich = \"oldest\"")).await);
    assert_eq!(why, format!("{at}/a.gz, the oldest of 2, is 1d 6h old, and should be 10m at most"));
    let (_, why) = miss(seen(&format!("glob = \"{at}/*.gz\"\nmin_count = 3")).await);
    assert_eq!(why, format!("2 files match {at}/*.gz, and at least 3 should"));
    let (_, why) = miss(seen(&format!("glob = \"{at}/*.gz\"\nmax_count = 1")).await);
    assert_eq!(why, format!("2 files match {at}/*.gz, and at most 1 should"));
    assert_eq!(seen(&format!("glob = \"{at}/*.core\"\nmax_count = 0")).await, Ok(vec![]));
    let words = "expect = [\"files == 2 and total > 2000B\", \"age < 3h\", \"path matches 'a.gz$'\", \"growth < 1B\"]";
    let (class, why) = miss(seen(&format!("glob = \"{at}/*.gz\"\n{words}")).await);
    assert_eq!((class, why.as_str()), (None, "how fast it grows is known from the next look on"));
}

#[tokio::test]
async fn what_is_not_there_is_told_with_the_first_thing_that_is_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path().display();
    let (class, why) = miss(seen(&format!("path = \"{at}/a/b/c\"")).await);
    assert_eq!((class, why), (Some(Class::Absent), format!("{at}/a/b/c is not there; {at}/a is not there")));
    let (class, why) = miss(seen(&format!("glob = \"{at}/a/*.gz\"\nmax_age = \"1h\"")).await);
    assert_eq!(
        (class, why),
        (Some(Class::Absent), format!("no file matches {at}/a/*.gz; {at}/a is not there"))
    );
    symlink("/gone/for/good", folder.path().join("link")).expect("a link");
    let (_, why) = miss(seen(&format!("path = \"{at}/link\"")).await);
    assert_eq!(why, format!("{at}/link is not there; it is a link to /gone/for/good, which is not there"));
    fs::create_dir(folder.path().join("a")).expect("made");
    let (_, why) = miss(seen(&format!("path = \"{at}/a\"")).await);
    assert!(why.starts_with(&format!("{at}/a is a folder;")), "{why}");
    // Nothing to compare: an assertion about a file that may be missing is not met.
    let keys = format!("path = \"{at}/c\"\nmin_count = 0\nexpect = [\"age < 1h\"]");
    assert_eq!(seen(&keys).await.expect("looked").len(), 1);
}

#[tokio::test]
async fn pipes_devices_and_circles_hold_nobody_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path().display();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    let pipe = folder.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).expect("a pipe");
    let (_, why) = miss(seen(&format!("path = \"{at}/pipe\"\ncontains = [\"x\"]")).await);
    assert_eq!(why, format!("{at}/pipe is a pipe and no file"));
    let (_, why) = miss(seen("path = \"/dev/zero\"\ncontains = [\"x\"]").await);
    assert_eq!(why, "/dev/zero is a device and no file");
    // As what it is compared with, or in the place of the file after it was found.
    write(&folder.path().join("a"), "x", HOUR);
    let (class, why) = miss(seen(&format!("path = \"{at}/a\"\nnot_same_as = \"{at}/pipe\"")).await);
    assert!(class.is_none() && why.contains("it is a pipe and no file"), "{why}");
    symlink(folder.path().join("loop"), folder.path().join("loop")).expect("a link");
    for keys in [format!("path = \"{at}/loop\""), format!("glob = \"{at}/lo*\"")] {
        let (class, why) = miss(seen(&keys).await);
        assert_eq!(class, Some(Class::Absent));
        assert!(why.starts_with(&format!("{at}/loop is a link that leads in a circle")), "{why}");
    }
}

#[tokio::test]
async fn content_says_what_it_must_and_was_not_reset() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path().display();
    let path = folder.path().join("CLAUDE.md");
    write(&path, "# Notes\n## Current state  \n{\"a\": 1}\n\n", HOUR);
    write(&folder.path().join("template"), "# Notes   \r\n## Current state\n{\"a\": 1}", HOUR);
    let keys = |more: &str| format!("path = \"{at}/CLAUDE.md\"\n{more}");
    assert_eq!(seen(&keys("contains = [\"## Current state\"]\nlacks = [\"TODO\"]")).await, Ok(vec![]));
    let (_, why) = miss(seen(&keys("contains = [\"## Open questions\"]\nlacks = [\"# Notes\"]")).await);
    assert_eq!(
        why,
        format!("{at}/CLAUDE.md does not contain \"## Open questions\"; {at}/CLAUDE.md contains \"# Notes\"")
    );
    let same = keys(&format!("not_same_as = \"{at}/template\""));
    let (_, why) = miss(seen(&same).await);
    assert_eq!(why, format!("{at}/CLAUDE.md is the same as {at}/template: it was reset"));
    write(&path, "# Notes\n  ## Current state\n{\"a\": 1}", HOUR);
    assert_eq!(seen(&same).await, Ok(vec![]));
    let (class, why) = miss(seen(&keys(&format!("not_same_as = \"{at}/gone\""))).await);
    assert!(class.is_none() && why.contains("correct `not_same_as`"), "{why}");
    write(&path, "{\"version\": 3, \"state\": \"ok\"}", HOUR);
    let words =
        "expect = [\"json('$.version') >= 3\", \"body contains 'state'\", \"json('$.state') == 'bad'\"]";
    assert_eq!(seen(&keys(words)).await.expect("looked").len(), 1);
}

#[tokio::test]
async fn beyond_the_bound_nothing_is_claimed() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path().display();
    let mut text = vec![b'x'; (1 << 20) + 10];
    text[..5].copy_from_slice(b"begin");
    text.extend_from_slice(b"end");
    write(&folder.path().join("a"), &text, HOUR);
    assert_eq!(seen(&format!("path = \"{at}/a\"\ncontains = [\"begin\"]")).await, Ok(vec![]));
    for keys in ["contains = [\"end\"]", "lacks = [\"nowhere\"]"] {
        let (class, why) = miss(seen(&format!("path = \"{at}/a\"\n{keys}")).await);
        assert!(class.is_none() && why.ends_with("is not known: only its first 1 MiB are read"), "{why}");
    }
    let unmet =
        seen(&format!("path = \"{at}/a\"\nexpect = [\"body contains 'end'\"]")).await.expect("looked");
    assert!(unmet[0].contains("cut off"), "{unmet:?}");
}

#[tokio::test]
async fn a_file_from_the_future_is_never_fresh() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path().display();
    let path = folder.path().join("a");
    fs::write(&path, "x").expect("written");
    let file = fs::File::options().write(true).open(&path).expect("open");
    file.set_modified(SystemTime::now() + 3 * HOUR).expect("set");
    let (class, why) = miss(seen(&format!("path = \"{at}/a\"\nmax_age = \"26h\"")).await);
    assert_eq!(class, Some(Class::Unmet));
    assert!(why.contains("a clock is wrong"), "{why}");
    let unmet = seen(&format!("path = \"{at}/a\"\nexpect = [\"age < 26h\"]")).await.expect("looked");
    assert!(unmet[0].contains("a clock is wrong"), "{unmet:?}");
    file.set_modified(SystemTime::now() + Duration::from_secs(20)).expect("set");
    assert_eq!(seen(&format!("path = \"{at}/a\"\nmax_age = \"26h\"")).await, Ok(vec![]));
}

#[tokio::test]
async fn growth_is_judged_from_the_second_look_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path().display();
    let path = folder.path().join("app.log");
    fs::write(&path, vec![b'x'; 1000]).expect("written");
    let check = part(
        &ROW,
        &format!(
            "path = \"{at}/app.log\"\nmax_growth = {{ size = \"1MiB\", per = \"1s\" }}\nexpect = [\"size > 1B\"]"
        ),
    );
    assert_eq!(look(&check, LONG).await.0, Ok(vec![]));
    fs::write(&path, vec![b'x'; 60 << 20]).expect("written");
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let (class, why) = miss(look(&check, LONG).await.0);
    assert_eq!(class, Some(Class::Unmet));
    assert!(why.contains("grows by") && why.ends_with("in 1s, and should by 1 MiB at most"), "{why}");
    // Rotated away: less than before is no growth.
    fs::write(&path, "x2").expect("written");
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(look(&check, LONG).await.0, Ok(vec![]));
}

#[test]
fn what_may_not_be_read_is_told_with_the_command_that_changes_it() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("mode");
    let at = folder.path().display().to_string();
    fs::create_dir(folder.path().join("closed")).expect("made");
    for name in ["secret", "closed/a"] {
        fs::write(folder.path().join(name), "x").expect("written");
        fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(0o000)).expect("mode");
    }
    fs::set_permissions(folder.path().join("closed"), fs::Permissions::from_mode(0o700)).expect("mode");
    let looked = std::thread::spawn(move || {
        let nobody = rustix::process::Uid::from_raw(65534);
        if rustix::process::geteuid().is_root() {
            // Of this thread only: the kernel keeps users by thread.
            rustix::thread::set_thread_res_uid(nobody, nobody, nobody).expect("another user");
        }
        let wanted = |name: &str, is_glob: bool| Wanted {
            place: if is_glob {
                Place::Glob(Glob::parse(&format!("{at}/{name}")).expect("a glob"))
            } else {
                Place::Path(format!("{at}/{name}").into())
            },
            which: Which::Newest,
            body: true,
            template: None,
        };
        [("secret", false), ("closed/a", false), ("closed/*", true)]
            .map(|(name, is_glob)| find::look(&wanted(name, is_glob), LONG).map(|_| ()))
    });
    let who =
        if rustix::process::geteuid().is_root() { "nobody".to_owned() } else { muster_host::user::own() };
    let at = folder.path().display();
    for (ended, end) in looked.join().expect("looked").into_iter().zip([
        format!("{who} may not read {at}/secret; try: setfacl -m u:{who}:r '{at}/secret'"),
        format!("{who} may not read {at}/closed/a; try: setfacl -m u:{who}:x '{at}/closed'"),
        format!("{who} may not read {at}/closed; try: setfacl -m u:{who}:rx '{at}/closed'"),
    ]) {
        // The owner of a closed folder may enter it: only another user is shut out.
        let is_own = !rustix::process::geteuid().is_root() && end.contains("closed");
        if !is_own {
            assert_eq!(ended, Err(Miss::blind(end)));
        }
    }
}

#[test]
fn keys_that_cannot_hold_together_are_refused() {
    for (keys, what) in [
        ("", "lacks `path` or `glob`"),
        ("path = \"/a\"\nglob = \"/b/*\"", "`path` names the file already"),
        ("glob = \"/b/*\"\nmin_size = \"2MiB\"\nmax_size = \"1MiB\"", "as large as `min_size`"),
        ("glob = \"/b/*\"\nmin_count = 3\nmax_count = 2", "at least 3 files"),
        ("path = \"/a\"\ncontains = [\"x\"]\nlacks = [\"x\"]", "contains \"x\" and lacks it"),
        ("path = \"/a\"\nnot_same_as = \"/a\"", "always the same as itself"),
        ("path = \"/a\"\nmax_growth = { size = \"1MiB\" }", "per"),
        ("path = \"a\"", "absolute"),
        ("path = \"/a\"\nexpect = [\"sise > 1B\"]", "sise"),
    ] {
        let found = faults(&ROW, keys);
        assert!(found.contains(what), "{keys}\n{found}");
    }
}
