//! A whole host, as files in a temporary folder; and this machine itself.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use muster_core::host_roll::{HostRoll, Scheduled, Starter};

use super::{Reach, discover};

struct Tree(tempfile::TempDir);

impl Tree {
    /// A Debian host with the files that every one of them has.
    fn debian() -> Self {
        let tree = Self(tempfile::tempdir().expect("a temporary folder"));
        tree.file("/etc/debian_version", 0o644, "12.11\n");
        tree.file("/etc/hostname", 0o644, "ams1\n");
        tree.file(
            "/etc/passwd",
            0o644,
            "root:x:0:0::/root:/bin/sh\nbackup:x:34:34::/:/bin/sh\napp:x:1000:1000::/:/bin/sh\n",
        );
        tree.file("/etc/crontab", 0o644, concat!(
            "SHELL=/bin/sh\n# comment\n",
            "17 *\t* * *\troot\tcd / && run-parts --report /etc/cron.hourly\n",
            "25 6\t* * *\troot\ttest -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }\n",
            "47 6\t* * 7\troot\ttest -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.weekly; }\n",
        ));
        tree
    }

    fn file(&self, path: &str, mode: u32, text: &str) {
        let path = self.0.path().join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("mode");
    }

    fn roll(&self) -> HostRoll {
        discover(self.0.path(), Reach::Files)
    }
}

fn by_source<'r>(roll: &'r HostRoll, source: &str) -> &'r Scheduled {
    roll.scheduled.iter().find(|s| s.source == source).unwrap_or_else(|| panic!("{source} in {roll:#?}"))
}

fn odd(scheduled: &Scheduled, words: &str) -> bool {
    scheduled.odd.iter().any(|sentence| sentence.contains(words))
}

#[test]
fn wrapped_and_unwrapped_lines_are_told_apart() {
    let tree = Tree::debian();
    tree.file("/opt/shop/run.sh", 0o755, "#!/bin/sh\n");
    tree.file(
        "/etc/cron.d/shop",
        0o644,
        concat!(
            "MAILTO=ops@example.com\n",
            "*/5 * * * * app cd /opt/shop && ./run.sh --token=abc123secret\n",
            "@daily backup /usr/local/bin/muster run nightly -- /opt/x.sh\n",
            "0 2 * * * app /opt/shop/run.sh\n",
        ),
    );
    let roll = tree.roll();
    assert_eq!(roll.name, "ams1");
    assert!(roll.unseen.is_empty(), "{:?}", roll.unseen);
    let shop = by_source(&roll, "/etc/cron.d/shop:2");
    assert_eq!((shop.name.as_str(), shop.user.as_str(), shop.by), ("shop-run", "app", Starter::Cron));
    assert_eq!((shop.schedule.as_str(), shop.cron.as_deref()), ("*/5 * * * *", Some("*/5 * * * *")));
    assert_eq!(shop.command, "cd /opt/shop && ./run.sh --token=***");
    assert!(shop.covered.is_none() && shop.odd.is_empty(), "{shop:?}");
    let nightly = by_source(&roll, "/etc/cron.d/shop:3");
    assert_eq!(nightly.covered.as_ref().map(|id| id.as_str()), Some("job.nightly"));
    assert_eq!((nightly.schedule.as_str(), nightly.cron.as_deref()), ("@daily", Some("0 0 * * *")));
    assert!(odd(nightly, "/opt/x.sh does not exist"), "known before the night: {:?}", nightly.odd);
    assert_eq!(by_source(&roll, "/etc/cron.d/shop:4").name, "shop-run-2");
}

#[test]
fn what_cron_will_not_run_is_listed_with_the_reason() {
    let tree = Tree::debian();
    let good = "0 2 * * * root /bin/true\n";
    tree.file("/bin/true", 0o755, "");
    tree.file("/etc/cron.d/backup.sh", 0o644, good);
    tree.file("/etc/cron.d/old.dpkg-old", 0o644, good);
    tree.file("/etc/cron.d/edited~", 0o644, good);
    tree.file("/etc/cron.d/.placeholder", 0o644, "junk\n");
    tree.file("/etc/cron.d/cut", 0o644, "0 1 * * * root /bin/true\n0 2 * * * root /bin/true");
    tree.file("/etc/cron.d/open", 0o666, good);
    tree.file("/etc/cron.d/broken", 0o644, "0 2 * * * root /bin/true\n0 3 * * root\n");
    for (source, words) in [
        ("/etc/cron.d/backup.sh:1", "its name may have"),
        ("/etc/cron.d/old.dpkg-old:1", "left over"),
        ("/etc/cron.d/edited~:1", "left over"),
        ("/etc/cron.d/cut:1", "no newline"),
        ("/etc/cron.d/cut:2", "no newline"),
        ("/etc/cron.d/open:1", "refuses the file"),
        ("/etc/cron.d/broken:1", "line 2"),
    ] {
        let roll = tree.roll();
        let found = by_source(&roll, source);
        assert!(odd(found, words), "{source}: {:?}", found.odd);
        assert_eq!(found.cron, None, "{source}");
    }
    let roll = tree.roll();
    assert_eq!(roll.scheduled.len(), 7, "{roll:#?}");
    assert_eq!(roll.unseen.len(), 1);
    assert_eq!(roll.unseen[0].what, "/etc/cron.d/broken:2");
}

#[test]
fn odd_lines_are_named() {
    let tree = Tree::debian();
    tree.file("/opt/plain.sh", 0o644, "");
    tree.file(
        "/etc/cron.d/odd",
        0o644,
        concat!(
            "CRON_TZ=Europe/Berlin\n",
            "0 1 * * * root /opt/gone.sh\n",
            "0 2 * * * root /opt/plain.sh\n",
            "0 3 * * * nobodyhere /bin/sh -c true\n",
            "0 4 * * * root tar c /x > /b/$(date +%F).tar\n",
            "0 0 30 2 * root true\n",
            "@reboot root true\n",
            "0 5 * * * root [ -x /opt/gone.sh ] && /opt/gone.sh\n",
            "0 6 * * * root python3 -u\n",
            "0 7 * * * root /bin/cp \"\" /srv\n",
            "0 8 * * * root muster run a -- /bin/sh -c 'cd /opt && ./gone.sh --all'\n",
            "0 9 * * * root muster run b -- bash -e\n",
            "0 9 * * * root muster run c --stdin -- bash%echo one\n",
        ),
    );
    let roll = tree.roll();
    for (line, words) in [
        (2, "/opt/gone.sh does not exist"),
        (3, "not executable"),
        (4, "nobodyhere is not in"),
        (5, "bare %"),
        (6, "never comes"),
        (2, "CRON_TZ"),
        (9, "python3 has no script"),
        (10, "argument 1 of cp is empty"),
        (11, "/opt/gone.sh does not exist"),
        (12, "bash has no script"),
    ] {
        let found = by_source(&roll, &format!("/etc/cron.d/odd:{line}"));
        assert!(odd(found, words), "{line}: {:?}", found.odd);
    }
    assert_eq!(by_source(&roll, "/etc/cron.d/odd:6").cron, None);
    assert!(!odd(by_source(&roll, "/etc/cron.d/odd:7"), "schedule"));
    assert!(!odd(by_source(&roll, "/etc/cron.d/odd:8"), "exist"));
    assert!(!odd(by_source(&roll, "/etc/cron.d/odd:13"), "no script"), "cron gives it an input");
}

#[test]
fn users_crontabs_have_no_user_column() {
    let tree = Tree::debian();
    tree.file(
        "/var/spool/cron/crontabs/app",
        0o600,
        "*/10 * * * * curl -fsS https://example.com/hook\n0 1 * * * root /bin/x\n",
    );
    tree.file("/var/spool/cron/crontabs/ghost", 0o600, "0 1 * * * true\n");
    let roll = tree.roll();
    let curl = by_source(&roll, "/var/spool/cron/crontabs/app:1");
    assert_eq!((curl.user.as_str(), curl.name.as_str()), ("app", "curl"));
    assert!(odd(by_source(&roll, "/var/spool/cron/crontabs/app:2"), "no column for the user"));
    assert!(odd(by_source(&roll, "/var/spool/cron/crontabs/ghost:1"), "not in /etc/passwd"));
}

#[test]
fn scripts_of_run_parts_have_the_schedule_of_their_line() {
    let tree = Tree::debian();
    tree.file("/etc/cron.daily/logrotate", 0o755, "#!/bin/sh\nexit 0\n");
    tree.file("/etc/cron.daily/wrapped", 0o755, "#!/bin/sh\ncd /\nexec muster run dump -- /opt/dump\n");
    tree.file("/etc/cron.daily/backup.sh", 0o755, "#!/bin/sh\n");
    tree.file("/etc/cron.daily/.placeholder", 0o644, "");
    tree.file("/etc/cron.hourly/asleep", 0o644, "#!/bin/sh\n");
    tree.file("/etc/cron.monthly/x", 0o755, "#!/bin/sh\n");
    let roll = tree.roll();
    assert_eq!(roll.scheduled.len(), 5, "the lines of run-parts themselves are not listed: {roll:#?}");
    let rotate = by_source(&roll, "/etc/cron.daily/logrotate");
    assert_eq!((rotate.by, rotate.cron.as_deref()), (Starter::RunParts, Some("25 6 * * *")));
    assert_eq!((rotate.name.as_str(), rotate.odd.len()), ("logrotate", 0));
    let wrapped = by_source(&roll, "/etc/cron.daily/wrapped");
    assert_eq!(wrapped.covered.as_ref().map(|id| id.as_str()), Some("job.dump"));
    assert!(odd(by_source(&roll, "/etc/cron.daily/backup.sh"), "run-parts skips it"));
    let asleep = by_source(&roll, "/etc/cron.hourly/asleep");
    assert!(odd(asleep, "not executable") && asleep.cron.is_none());
    assert!(odd(by_source(&roll, "/etc/cron.monthly/x"), "nothing found that runs"));
}

#[test]
fn what_gives_way_to_systemd_is_told() {
    let tree = Tree::debian();
    fs::create_dir_all(tree.0.path().join("run/systemd/system")).expect("made");
    tree.file("/etc/cron.d/scrub", 0o644, "10 3 * * * root test -e /run/systemd/system || /sbin/scrub -A\n");
    tree.file("/etc/cron.daily/apt", 0o755, "#!/bin/sh\nif [ -d /run/systemd/system ]; then exit 0; fi\n");
    let roll = tree.roll();
    for source in ["/etc/cron.d/scrub:1", "/etc/cron.daily/apt"] {
        let found = by_source(&roll, source);
        assert!(odd(found, "gives way") && found.cron.is_none(), "{found:?}");
    }
}

#[test]
fn anacron_takes_over_the_folders_that_it_runs() {
    let tree = Tree::debian();
    tree.file("/usr/sbin/anacron", 0o755, "");
    tree.file("/opt/x.sh", 0o755, "");
    tree.file(
        "/etc/anacrontab",
        0o644,
        "1\t5\tcron.daily\trun-parts --report /etc/cron.daily\n7 10 weekly-report /opt/x.sh\n",
    );
    tree.file("/etc/cron.daily/logrotate", 0o755, "#!/bin/sh\n");
    tree.file("/etc/cron.hourly/h", 0o755, "#!/bin/sh\n");
    let roll = tree.roll();
    let rotate = by_source(&roll, "/etc/cron.daily/logrotate");
    assert_eq!((rotate.by, rotate.schedule.as_str()), (Starter::Anacron, "every day, by anacron"));
    assert_eq!(by_source(&roll, "/etc/cron.hourly/h").cron.as_deref(), Some("17 * * * *"));
    assert_eq!(by_source(&roll, "/etc/anacrontab:2").name, "weekly-report");
}

#[test]
fn a_huge_or_strange_file_is_unseen_and_stops_nothing() {
    let tree = Tree::debian();
    tree.file("/etc/cron.d/huge", 0o644, &"# x\n".repeat(300_000));
    tree.file("/etc/cron.d/many", 0o644, &"* * * * * root true\n".repeat(6_000));
    rustix::fs::mknodat(
        rustix::fs::CWD,
        tree.0.path().join("etc/cron.d/pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .expect("a pipe");
    let began = Instant::now();
    let roll = tree.roll();
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(roll.scheduled.len(), 5_000);
    assert!(roll.unseen.iter().any(|unseen| unseen.why.contains("1 MiB")), "{:?}", roll.unseen);
    assert!(roll.unseen.iter().any(|unseen| unseen.why.contains("more than 5000")));
    fs::remove_file(tree.0.path().join("etc/cron.d/many")).expect("removed");
    assert!(tree.roll().unseen.iter().any(|unseen| unseen.why.contains("regular file")));
}

#[test]
fn this_machine_is_read_within_its_bounds() {
    let began = Instant::now();
    let roll = discover(Path::new("/"), Reach::Machine);
    println!("{} after {:?}", serde_json::to_string_pretty(&roll).expect("JSON"), began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(12));
    assert!(!roll.name.is_empty() && roll.memory.is_some());
    let mut names: Vec<&str> = roll.scheduled.iter().map(|scheduled| scheduled.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), roll.scheduled.len());
}
