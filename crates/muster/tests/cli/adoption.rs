//! A host under a folder is adopted, runs as before, and is released to the byte.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::rig::{Rig, files};

struct Host {
    rig: Rig,
}

const CRONTAB: &str = "\
# what this host does\nMAILTO=\"\"\nSHELL=/bin/sh\n\
0 2 * * *\t/opt/shop/run.sh --all\t# nightly\n\
*/5 * * * * cd /opt/shop && ./run.sh >> log 2>&1\n\
0 8 * * 1 cat > /tmp/in%one%two\n\
@reboot /opt/shop/boot.sh\n\
0 9 * * * runitor -slug x -- /opt/x\n";

impl Host {
    fn new() -> Self {
        let host = Self { rig: Rig::new() };
        host.file("etc/debian_version", 0o644, "12.11\n");
        host.file("etc/passwd", 0o644, "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/:/bin/sh\n");
        for script in ["run.sh", "boot.sh"] {
            host.file(&format!("opt/shop/{script}"), 0o755, "#!/bin/sh\n");
        }
        host.file("var/spool/cron/crontabs/root", 0o600, CRONTAB);
        host
    }

    fn root(&self) -> PathBuf {
        self.rig.path("host")
    }

    fn file(&self, path: &str, mode: u32, text: &str) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("mode");
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root().join(path)).expect("read")
    }

    fn crontab(&self) -> String {
        self.read("var/spool/cron/crontabs/root")
    }

    fn jobs(&self, words: &[&str]) -> crate::rig::Ended {
        let root = self.root();
        let config = self.rig.path("work").join("muster.toml");
        let mut all = vec!["jobs"];
        all.extend(words);
        all.extend(["--root", root.to_str().expect("text"), "--config", config.to_str().expect("text")]);
        self.rig.muster(&all)
    }

    fn config(&self) -> String {
        fs::read_to_string(self.rig.path("work").join("muster.toml")).expect("read")
    }
}

#[test]
fn one_command_adopts_a_host_and_another_releases_it_to_the_byte() {
    let host = Host::new();
    let shown = host.jobs(&["adopt", "--dry-run"]).with(0);
    assert!(shown.contains("\n-0 2 * * *\t/opt/shop/run.sh --all\t# nightly\n"), "{shown}");
    assert!(shown.contains(" -- /bin/sh -c '/opt/shop/run.sh --all\t# nightly'\n"), "{shown}");
    assert!(shown.contains("reports to another watchman already (runitor)"), "{shown}");
    assert_eq!(host.crontab(), CRONTAB, "a dry run changes nothing");
    assert!(!host.rig.path("work").join("muster.toml").exists());

    host.jobs(&["adopt", "--yes"]).with(0);
    let wrapped = host.crontab();
    assert_eq!(wrapped.matches("muster run ").count(), 4, "{wrapped}");
    assert!(wrapped.contains(" --stdin -- /bin/sh -c 'cat > /tmp/in'%one%two\n"), "{wrapped}");
    let about = fs::metadata(host.root().join("var/spool/cron/crontabs/root")).expect("there");
    assert_eq!(about.mode() & 0o777, 0o600);
    let config = host.config();
    for entry in [
        "[job.shop-run]\nschedule = \"0 2 * * *\"\n",
        "[job.shop-run-2]\nschedule = \"*/5 * * * *\"\n",
        "[job.boot]\n",
    ] {
        assert!(config.contains(entry), "{entry}: {config}");
    }
    assert!(host.jobs(&["adopt", "--yes"]).with(0).contains("Nothing to change"));
    assert_eq!((host.crontab(), host.config()), (wrapped, config.clone()), "twice is once");
    let copies = files(&host.rig.state().join("adopted"));
    assert!(
        copies.iter().any(|copy| fs::read_to_string(copy).is_ok_and(|text| text == CRONTAB)),
        "{copies:?}"
    );

    host.jobs(&["release", "--all", "--yes"]).with(0);
    assert_eq!(host.crontab(), CRONTAB);
    assert!(!host.config().contains("\n[job."), "{}", host.config());
}

#[test]
fn a_named_job_is_adopted_alone_and_the_users_file_keeps_its_bytes() {
    let host = Host::new();
    let mine = "# mine, with  odd   blanks\n[muster]\nname=\"x\"   # here\n\n[job.shop-run-2]\nschedule = \"*/5 * * * *\"\nmax_runtime = \"4m\"";
    host.rig.write("muster.toml", mine);
    host.jobs(&["adopt", "shop-run-2", "--yes"]).with(0);
    assert_eq!(host.config(), mine, "its table was there already");
    assert_eq!(host.crontab().matches("muster run ").count(), 1);
    host.jobs(&["adopt", "runitor", "--yes"]).with(0);
    assert!(host.config().starts_with(mine), "{}", host.config());
    assert!(host.crontab().contains(" runitor -- runitor -slug x -- /opt/x\n"), "{}", host.crontab());

    // Edited meanwhile: only the line that is released changes.
    let edited = host.crontab().replace("# what this host does", "# edited").replace("*/5", "*/10");
    host.file("var/spool/cron/crontabs/root", 0o600, &edited);
    host.jobs(&["release", "shop-run-2", "--yes"]).with(0);
    let back = host.crontab();
    assert!(
        back.starts_with("# edited\n")
            && back.contains("\n*/10 * * * * cd /opt/shop && ./run.sh >> log 2>&1\n"),
        "{back}"
    );
    assert!(back.contains(" run --config "), "the other one stays");
    let refused = host.jobs(&["release", "nobody", "--yes"]).refused(4);
    assert!(refused.contains("nobody") && refused.contains("help:"), "{refused}");
}

#[test]
fn nothing_is_changed_without_consent_or_behind_a_faulty_file() {
    let host = Host::new();
    let ended = host.jobs(&["adopt"]);
    assert_eq!(ended.code, 5);
    assert!(ended.err.contains("--yes"), "{}", ended.err);
    assert_eq!(host.crontab(), CRONTAB);
    host.rig.write("muster.toml", "[job.x]\nschedul = \"0 2 * * *\"\n");
    assert!(host.jobs(&["adopt", "--yes"]).refused(2).contains("faulty"));
    assert_eq!(host.crontab(), CRONTAB);
}

#[test]
fn an_adoption_that_was_cut_short_is_finished_by_the_same_command() {
    let host = Host::new();
    // As after a kill between muster.toml and the crontabs.
    host.jobs(&["import", "--yes"]).with(0);
    let config = host.config();
    assert_eq!(host.crontab(), CRONTAB, "import touches no crontab");
    host.jobs(&["adopt", "--yes"]).with(0);
    assert_eq!(host.config(), config);
    assert_eq!(host.crontab().matches("muster run ").count(), 4);
    let answer = host.jobs(&["release", "--all", "--yes", "--json"]).json(0);
    assert_eq!((answer["done"].as_bool(), answer["jobs"].as_array().map(Vec::len)), (Some(true), Some(4)));
    assert_eq!(host.crontab(), CRONTAB);
}

/// What cron does with a line: the command up to the first bare `%` to the shell, the rest as its input.
fn as_cron(command: &str, folder: &Path) -> (Option<i32>, String, String) {
    let (mut shell, mut input, mut escaped, mut cut) = (String::new(), String::new(), false, false);
    for letter in command.chars() {
        match letter {
            '%' if !cut && escaped => {
                shell.pop();
                shell.push('%');
            }
            '%' if cut => input.push('\n'),
            '%' => cut = true,
            other if cut => input.push(other),
            other => shell.push(other),
        }
        escaped = letter == '\\' && !escaped;
    }
    let mut child = Command::new("/bin/sh")
        .args(["-c", &shell])
        .current_dir(folder)
        .env("HOME", folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a shell");
    let mut stdin = child.stdin.take().expect("piped");
    // A command that does not read its input closes it first.
    drop(stdin.write_all(format!("{input}\n").as_bytes()));
    drop(stdin);
    let ended = child.wait_with_output().expect("waited");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (ended.status.code(), text(&ended.stdout), text(&ended.stderr))
}

#[test]
fn an_adopted_line_does_what_it_did_before() {
    let commands = [
        "/bin/echo plain   words",
        "echo 'single  quotes' \"double  $HOME\" $((1 + 2))",
        "exit 3",
        "false || exit 7",
        "sh -c 'kill -9 $$'; echo $?",
        "X=1 Y='a b' sh -c 'echo \"$X-$Y\"'",
        "cd / && pwd; echo to-stderr >&2",
        "echo a | tr a b > out; cat out",
        "cat%first%second",
        "cat; echo \\% \"\\%\" '\\%'%in\\%put",
        "echo it\\'s done \\\\",
        "printf '%s|' 'a\\%b'",
        "/no/such/program",
        "umask 077; touch mine; stat -c \\%a mine",
        "for f in 1 2 3; do echo $f; done # comment",
        "test -t 0 && echo tty; wc -c < /dev/null",
        "echo `echo \\`echo deep\\``",
    ];
    let host = Host::new();
    let lines: String = commands.iter().map(|command| format!("0 2 * * * {command}\n")).collect();
    host.file("var/spool/cron/crontabs/root", 0o600, &lines);
    host.jobs(&["adopt", "--yes"]).with(0);
    let folder = host.rig.path("work");
    for (before, line) in commands.iter().zip(host.crontab().lines()) {
        let after = line.strip_prefix("0 2 * * * ").expect("the schedule stays");
        assert!(after.contains(" -- "), "{after}");
        let (expected, found) = (as_cron(before, &folder), as_cron(after, &folder));
        assert_eq!((expected.0, &expected.1), (found.0, &found.1), "{before}\n{after}\n{}", found.2);
    }
}
