//! What was accepted, what differs from it, and how the one becomes the other.

use std::fs;
use std::path::PathBuf;

use crate::rig::{Rig, until};

/// A site with a configuration that watches it.
fn site(rig: &Rig, more: &str) -> PathBuf {
    let site = rig.path("site");
    fs::create_dir_all(site.join("conf.d")).expect("made");
    fs::write(site.join("nginx.conf"), "worker_processes 4;\nlisten 80;\n").expect("written");
    fs::write(site.join("conf.d/a.conf"), "proxy_set_header Authorization \"Basic hunter2\";\n")
        .expect("written");
    fs::write(site.join(".env"), "TOKEN=hunter2\n").expect("written");
    rig.write(
        "muster.toml",
        &format!(
            "{more}\n[drift]\nwatch = [\"{0}/nginx.conf\", \"{0}/conf.d\", \"env-keys:{0}/.e*\"]\nevery = \"10s\"\n",
            site.display()
        ),
    );
    site
}

#[test]
fn what_differs_is_shown_as_a_patch_without_secrets_until_it_is_accepted() {
    let rig = Rig::new();
    let site = site(&rig, "");
    let new = rig.muster(&["drift"]).with(3);
    assert!(new.contains("not accepted yet"), "{new}");
    let out = rig.muster(&["drift", "accept", "--why", "a fresh host"]).with(0);
    assert!(out.contains("accepted, 2 things"), "{out}");
    let same = rig.muster(&["drift"]).with(0);
    assert!(same.contains("as it was accepted") && same.contains("a fresh host"), "{same}");

    fs::write(site.join("nginx.conf"), "worker_processes 4;\nlisten 8080;\n").expect("written");
    fs::write(site.join("conf.d/a.conf"), "proxy_set_header Authorization \"Basic hunter3\";\n")
        .expect("written");
    fs::write(site.join(".env"), "TOKEN=hunter3\nDEBUG=hunter2\n").expect("written");
    let shown = rig.muster(&["drift"]).with(1);
    for part in
        ["\n-listen 80;\n+listen 8080;\n", "# a secret in it changed; it is not shown", "\n+DEBUG\n TOKEN\n"]
    {
        assert!(shown.contains(part), "{part:?} in {shown}");
    }
    assert!(!shown.contains("hunter"), "{shown}");
    let json = rig.muster(&["drift", "--json"]).json(1);
    assert_eq!(json["items"][0]["state"], "differs");
    assert_eq!(json["items"][0]["differences"][0]["what"], "changed");

    let path = site.join("nginx.conf").display().to_string();
    let out = rig.muster(&["drift", "accept", &path, "--why", "the new port"]).with(0);
    assert!(out.contains("+listen 8080;") && !out.contains("DEBUG"), "{out}");
    let left = rig.muster(&["drift"]).with(1);
    assert!(!left.contains("listen") && left.contains("DEBUG") && left.contains("the new port"), "{left}");
    rig.muster(&["drift", "accept", "--why", "all of it"]).with(0);
    rig.muster(&["drift"]).with(0);
    let nothing = rig.muster(&["drift", "accept", "--why", "again"]).with(0);
    assert!(nothing.starts_with("Nothing to accept"), "{nothing}");

    let kept = fs::read_to_string(rig.state().join("drift.json")).expect("the record");
    assert!(kept.contains("the new port") && !kept.contains("hunter"), "{kept}");
    for entry in fs::read_dir(rig.state().join("drift")).expect("a folder").flatten() {
        let text = fs::read_to_string(entry.path()).expect("a text");
        assert!(!text.contains("hunter"), "{text}");
    }
}

#[test]
fn what_cannot_be_seen_is_unknown_and_what_is_wrong_is_refused() {
    let rig = Rig::new();
    let none = rig.muster(&["drift"]).refused(2);
    assert!(none.contains("no [drift]"), "{none}");
    rig.write("muster.toml", "[drift]\nwatch = [\"crontap\"]\n");
    rig.muster(&["drift"]).refused(2);
    let check = rig.muster(&["config", "check"]);
    let check = format!("{}{}", check.out, check.err);
    assert!(check.contains("muster.toml:2:") && check.contains("did you mean \"crontabs\"?"), "{check}");
    rig.write("muster.toml", "[drift]\nwatch = [\"/no/such/folder\"]\n");
    let out = rig.muster(&["drift"]).with(3);
    assert!(out.contains("unknown: there is nothing at /no/such/folder"), "{out}");
    site(&rig, "");
    rig.muster(&["drift", "accept"]).refused(2);
    rig.muster(&["drift", "accept", "--why", " "]).refused(2);
    rig.muster(&["drift", "accept", "/etc/other", "--why", "x"]).refused(4);
    rig.muster(&["drift", "accept", "--why", "x"]).with(0);
    fs::write(rig.state().join("drift.json"), "{").expect("written");
    let garbled = rig.muster(&["drift"]).refused(6);
    assert!(garbled.contains("drift.json"), "{garbled}");
}

#[test]
fn the_agent_pages_what_differs_with_the_patch_and_tells_the_end_when_it_is_accepted() {
    let rig = Rig::new();
    let told = rig.path("told");
    let site = site(
        &rig,
        &format!(
            "[muster]\nlisten = \"127.0.0.1:0\"\n[defaults]\nnotify = [\"ops\"]\n[notify.ops]\nkind = \"command\"\ncommand = \
             [\"/bin/sh\", \"-c\", \"cat >> {}\"]\n",
            told.display()
        ),
    );
    let agent = rig.up(&[]);
    until("the first look", || rig.state().join("drift.json").exists().then_some(()));
    until("all is accepted", || (rig.muster(&["drift"]).code == 0).then_some(()));
    fs::write(site.join("nginx.conf"), "worker_processes 4;\nlisten 8080;\n").expect("written");
    let heard = || fs::read_to_string(&told).unwrap_or_default();
    until("a page", || heard().contains("nginx.conf changed").then_some(()));
    assert!(heard().contains("+listen 8080;"), "{}", heard());
    rig.muster(&["drift", "accept", "--why", "meant so"]).with(0);
    until("its end", || heard().contains("RESOLVED").then_some(()));
    assert_eq!(agent.stop().0, 0);
}

#[test]
fn what_muster_itself_changed_at_somebodys_word_is_no_drift() {
    let rig = Rig::new();
    let host = rig.path("host");
    let put = |path: &str, text: &str| {
        let path = host.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    };
    put("etc/passwd", "root:x:0:0::/root:/bin/sh\n");
    put("etc/debian_version", "12\n");
    put("etc/cron.d/shop", "0 2 * * * root /opt/shop.sh\n");
    put("etc/cron.d/other", "# nothing\n");
    put("opt/shop.sh", "#!/bin/sh\n");
    rig.write("muster.toml", "[drift]\nwatch = [\"crontabs\"]\n");
    let root = host.display().to_string();
    rig.muster(&["drift", "accept", "--root", &root, "--why", "fresh"]).with(0);
    put("etc/cron.d/other", "0 3 * * * root /opt/other.sh\n");
    rig.muster(&["jobs", "adopt", "shop", "--root", &root, "--yes"]).with(0);
    assert!(
        fs::read_to_string(host.join("etc/cron.d/shop")).expect("the file").contains(" shop -- /opt/shop.sh")
    );
    let left = rig.muster(&["drift", "--root", &root]).with(1);
    assert!(left.contains("/etc/cron.d/other") && !left.contains("/etc/cron.d/shop\n"), "{left}");
    assert!(left.contains("muster jobs adopt"), "{left}");
}
