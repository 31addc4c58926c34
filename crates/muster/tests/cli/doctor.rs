//! The doctor on trees of files: what is found is told, mended, undone to the byte, allowed, and compared.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::rig::{Rig, files};

const SHOP: &str = "# shop\n0 2 * * * root muster run n -- sh -c 'echo $(date +%F)'";

/// Puts a file into the host.
fn put(rig: &Rig, path: &str, text: &str) {
    let place = rig.path(&format!("host/{path}"));
    fs::create_dir_all(place.parent().expect("a folder")).expect("the folder");
    fs::write(place, text).expect("the file");
}

fn host(rig: &Rig, files: &[(&str, &str)]) -> String {
    let base = [
        ("etc/hostname", "web7\n"),
        ("etc/debian_version", "12\n"),
        ("etc/passwd", "root:x:0:0::/root:/bin/sh\n"),
    ];
    for (path, text) in base.iter().chain(files) {
        put(rig, path, text);
    }
    rig.path("host").display().to_string()
}

/// Every file with its bytes and mode.
fn all(root: &Path) -> Vec<(String, Vec<u8>, u32)> {
    let one = |path: std::path::PathBuf| {
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        (path.display().to_string(), fs::read(&path).expect("its bytes"), mode)
    };
    let mut all: Vec<_> = files(root).into_iter().filter(|path| path.is_file()).map(one).collect();
    all.sort();
    all
}

#[test]
fn what_is_mended_is_gone_and_undone_to_the_byte() {
    let rig = Rig::new();
    let root = host(&rig, &[("etc/cron.d/shop.cron", SHOP)]);
    let before = all(Path::new(&root));
    let out = rig.muster(&["doctor", "--root", &root, "--only", "CRON"]).with(1);
    assert!(
        out.starts_with("web7\n") && out.contains("CRON004") && out.contains("/etc/cron.d/shop.cron:2"),
        "{out}"
    );
    let shown = rig.muster(&["doctor", "--root", &root, "--fix", "--dry-run"]).with(0);
    assert!(shown.contains(r"+0 2 * * * root muster run n -- sh -c 'echo $(date +\%F)'"), "{shown}");
    assert_eq!(all(Path::new(&root)), before, "only shown");
    rig.muster(&["doctor", "--root", &root, "--fix"]).with(3);
    assert_eq!(all(Path::new(&root)), before, "nobody agreed");
    let done = rig.muster(&["doctor", "--root", &root, "--fix", "--yes"]).with(0);
    assert!(done.contains("muster doctor undo"), "{done}");
    let now = fs::read_to_string(Path::new(&root).join("etc/cron.d/shop-cron")).expect("the file, renamed");
    assert_eq!(now, "# shop\n0 2 * * * root muster run n -- sh -c 'echo $(date +\\%F)'\n");
    let clean = rig.muster(&["doctor", "--root", &root, "--only", "CRON"]).with(0);
    assert!(clean.contains("Nothing was found"), "{clean}");
    rig.muster(&["doctor", "undo"]).with(0);
    assert_eq!(all(Path::new(&root)), before, "as it was");
    rig.muster(&["doctor", "undo"]).refused(3);
}

#[test]
fn a_drop_in_goes_with_the_folder_that_was_made_for_it() {
    let rig = Rig::new();
    let root = host(&rig, &[("etc/systemd/system/api.service", "[Service]\nExecStart=/opt/api/run\n")]);
    put(&rig, "opt/api/run", "#!/bin/sh\n");
    let folder = Path::new(&root).join("etc/systemd/system/api.service.d");
    rig.muster(&["doctor", "--root", &root, "--only", "SVC001", "--fix", "--yes"]).with(0);
    let made = fs::read_to_string(folder.join("50-muster-restart.conf")).expect("a drop-in");
    assert!(made.contains("Restart=on-failure"), "{made}");
    rig.muster(&["doctor", "undo"]).with(0);
    assert!(!folder.exists(), "the folder is gone as well");
}

#[test]
fn what_somebody_changed_meanwhile_is_not_undone() {
    let rig = Rig::new();
    let root = host(&rig, &[("etc/cron.d/shop", SHOP)]);
    rig.muster(&["doctor", "--root", &root, "--fix", "--yes"]).with(0);
    put(&rig, "etc/cron.d/shop", "# mine now\n");
    let out = rig.muster(&["doctor", "undo"]).with(1);
    assert!(out.contains("somebody changed it since then"), "{out}");
    assert_eq!(fs::read_to_string(rig.path("host/etc/cron.d/shop")).expect("the file"), "# mine now\n");
}

#[test]
fn facts_that_were_kept_give_the_same_report_byte_for_byte() {
    let rig = Rig::new();
    let root = host(&rig, &[("etc/cron.d/shop", SHOP)]);
    let kept = rig.path("facts.json").display().to_string();
    let first = rig.muster(&["doctor", "--root", &root, "--save-facts", &kept, "--json"]).with(1);
    fs::remove_dir_all(&root).expect("the host is gone");
    for _ in 0..2 {
        assert_eq!(rig.muster(&["doctor", "--facts", &kept, "--json"]).with(1), first);
    }
    let mode = fs::metadata(&kept).expect("the facts").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for format in ["sarif", "junit", "markdown"] {
        let out = rig.muster(&["doctor", "--facts", &kept, "--format", format]).with(1);
        assert!(out.contains("CRON004") && out.ends_with('\n'), "{out}");
    }
}

#[test]
fn only_what_is_new_since_the_baseline_counts() {
    let rig = Rig::new();
    let root = host(&rig, &[("etc/cron.d/shop", SHOP)]);
    let report = rig.muster(&["doctor", "--root", &root, "--json"]).with(1);
    let known = rig.write("known.json", &report).display().to_string();
    let same = rig.muster(&["doctor", "--root", &root, "--baseline", &known]).with(0);
    assert!(same.contains("nothing new"), "{same}");
    put(&rig, "etc/cron.d/other", "0 3 * * * root /opt/gone.sh\n");
    let more = rig.muster(&["doctor", "--root", &root, "--baseline", &known]).with(1);
    assert!(more.contains("new: CRON011") && !more.contains("CRON004"), "{more}");
    put(&rig, "etc/cron.d/other", "\n");
    put(&rig, "etc/cron.d/shop", &format!("{SHOP}\n"));
    let less = rig.muster(&["doctor", "--root", &root, "--baseline", &known]).with(0);
    assert!(less.contains("gone: CRON004"), "{less}");
}

#[test]
fn what_is_allowed_is_told_and_does_not_count() {
    let rig = Rig::new();
    let line =
        "# muster: allow CRON001 until=2199-01-01 reason=\"a toy\"\n0 2 * * * root /bin/sh /etc/hostname\n";
    let root = host(&rig, &[("etc/cron.d/shop", line)]);
    let out = rig.muster(&["doctor", "--root", &root, "--only", "CRON,ALLOW"]).with(1);
    assert!(
        out.contains("ALLOW001") || out.contains("a note for the doctor cannot be read"),
        "more than a year: {out}"
    );
    let soon = jiff::Zoned::now().checked_add(jiff::Span::new().days(30)).expect("a date").date();
    put(&rig, "etc/cron.d/shop", &line.replace("2199-01-01", &soon.to_string()));
    let out = rig.muster(&["doctor", "--root", &root, "--only", "CRON,ALLOW"]).with(0);
    assert!(out.contains("Allowed") && out.contains("a toy"), "{out}");
}

#[test]
fn a_doctor_that_cannot_work_ends_with_three() {
    let rig = Rig::new();
    for words in [
        &["doctor", "--only", "NOTHING"][..],
        &["doctor", "--root", "/nowhere/at/all"],
        &["doctor", "--facts", "absent.json"],
        &["doctor", "--no-such-flag"],
        &["doctor", "explain", "NOTHING"],
    ] {
        rig.muster(words).refused(3);
    }
    let out = rig.muster(&["doctor", "explain", "cron009"]).with(0);
    assert!(out.contains("a bare % cuts a command short") && out.contains("And not here"), "{out}");
}

#[test]
fn a_link_out_of_the_tree_is_neither_read_nor_mended() {
    let rig = Rig::new();
    let outside = rig.write("outside", SHOP);
    let root = host(&rig, &[("etc/cron.d/x", "\n")]);
    std::os::unix::fs::symlink(&outside, rig.path("host/etc/cron.d/shop")).expect("a link");
    let out = rig.muster(&["doctor", "--root", &root, "--only", "CRON"]).with(0);
    assert!(!out.contains("shop"), "{out}");
    assert_eq!(fs::read_to_string(&outside).expect("the file"), SHOP);
}

#[test]
fn muster_toml_allows_for_the_whole_host_and_a_wrong_one_stops_nobody() {
    let rig = Rig::new();
    rig.write("muster.toml", "[[doctor.allow]]\nid = \"NOPE001\"\nreason = \"r\"\nuntil = \"2027-01-31\"\n");
    // This host itself: only what the file says is looked at.
    let out = rig.muster(&["doctor", "--only", "ALLOW", "--config", "muster.toml"]);
    assert!(
        out.out.contains("there is no rule \"NOPE001\"") && out.out.contains("muster.toml:2"),
        "{}",
        out.out
    );
    rig.write("muster.toml", "[doctor\n");
    let out = rig.muster(&["doctor", "--only", "ALLOW", "--config", "muster.toml"]);
    assert!(
        out.err.contains("muster config check") && out.out.contains("Nothing was found"),
        "{}{}",
        out.err,
        out.out
    );
}
