//! A new service from nothing: what people see, what is written, and what the doctor says about it.

use std::collections::BTreeSet;
use std::fs;

use crate::rig::Rig;

const ORDER: [&str; 8] =
    ["new", "service", "shop-api", "--lang", "python", "--domain", "api.example.com", "--user=daemon"];
const IMAGE: &str = "--image=ghcr.io/acme/shop-api";

const WATCHED: &str = "[muster]\nbeat = { url = { env = \"BEAT\" } }\n\n[check.report]\nkind = \"file\"\n\
                       path = \"/srv/report.csv\"\nmax_age = \"26h\"\nnotify = []\n";

/// A host that has nothing yet but its users.
fn host(rig: &Rig) -> String {
    let root = rig.path("host");
    fs::create_dir_all(root.join("etc")).expect("made");
    for (name, text) in [
        ("hostname", "web7\n"),
        ("debian_version", "12\n"),
        ("passwd", "root:x:0:0::/root:/bin/sh\ndaemon:x:1:1::/usr/sbin:/usr/sbin/nologin\n"),
        ("group", "root:x:0:\ndaemon:x:1:\n"),
        ("logrotate.conf", "weekly\nrotate 4\ninclude /etc/logrotate.d\n"),
    ] {
        fs::write(root.join("etc").join(name), text).expect("written");
    }
    root.display().to_string()
}

fn new<'a>(root: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&ORDER[..], &["--root", root], more].concat()
}

#[test]
fn the_plan_comes_first_and_a_second_run_changes_nothing() {
    let rig = Rig::new();
    let root = host(&rig);
    let shown = rig.muster(&new(&root, &[IMAGE, "--dry-run"])).with(0);
    for part in
        ["ThreadingHTTPServer", "[service.shop-api]", "ssl_protocols TLSv1.2 TLSv1.3;", "su daemon daemon"]
    {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    assert!(!rig.path("host/opt").exists(), "only shown");
    let ended = rig.muster(&new(&root, &[IMAGE]));
    assert_eq!(ended.code, 5, "nobody is here to be asked: {}", ended.err);
    assert!(ended.out.contains("+ 0600") && ended.out.contains("opt/shop-api/.env"), "{}", ended.out);
    assert!(!rig.path("host/opt").exists());

    let done = rig.muster(&new(&root, &[IMAGE, "--yes"])).with(0);
    assert!(done.contains("muster deploy shop-api 1"), "{done}");
    let config = rig.path("host/etc/muster/muster.toml");
    let text = fs::read_to_string(&config).expect("written");
    assert!(
        text.contains("image = \"ghcr.io/acme/shop-api\"") && text.contains("# [backup.shop-api]"),
        "{text}"
    );
    rig.muster(&["config", "check", &config.display().to_string()]).with(0);

    let again = rig.muster(&new(&root, &[IMAGE])).with(0);
    assert!(again.contains("nothing to do") && !again.contains("  + "), "{again}");
    assert_eq!(fs::read_to_string(&config).expect("there"), text);
}

#[test]
fn what_differs_is_named_and_nothing_is_written() {
    let rig = Rig::new();
    let root = host(&rig);
    let site = rig.path("host/etc/nginx/sites-available/shop-api.conf");
    fs::create_dir_all(site.parent().expect("a folder")).expect("made");
    fs::write(&site, "server { }\n").expect("written");
    let ended = rig.muster(&new(&root, &[IMAGE, "--yes"]));
    assert_eq!(ended.code, 5, "{}", ended.err);
    assert!(ended.err.contains("sites-available/shop-api.conf: it has another text"), "{}", ended.err);
    assert!(ended.err.contains("--dry-run"), "{}", ended.err);
    assert!(!rig.path("host/opt").exists() && !rig.path("host/etc/muster").exists());
    assert_eq!(fs::read_to_string(&site).expect("there"), "server { }\n");
}

#[test]
fn what_cannot_be_said_in_muster_toml_is_refused_before_anything_is_written() {
    let rig = Rig::new();
    let root = host(&rig);
    for (more, part) in [
        (vec!["--image=ghcr.io/Acme/API", "--yes"], "no name of an image"),
        (vec![IMAGE, "--host=ams1", "--yes"], "no [host.ams1]"),
        (vec!["--git=https://token@example.com/x", "--yes"], "login"),
    ] {
        let error = rig.muster(&new(&root, &more)).refused(2);
        assert!(error.contains(part), "{error}");
    }
    let error =
        rig.muster(&["new", "service", "Shop", "--lang", "go", "--domain", "a.example", IMAGE]).refused(2);
    assert!(error.contains("cannot be the name of a service"), "{error}");
    let error =
        rig.muster(&["new", "service", "shop", "--lang", "cobol", "--domain", "a.example", IMAGE]).refused(2);
    assert!(error.contains("python"), "the languages are named: {error}");
    assert!(!rig.path("host/opt").exists());
}

#[test]
fn the_doctor_finds_nothing_new() {
    for (lang, way) in [
        ("python", IMAGE),
        ("node", "--git=git@github.com:acme/shop-api.git"),
        ("rust", IMAGE),
        ("go", "--git=git@github.com:acme/shop-api.git"),
    ] {
        let rig = Rig::new();
        let root = host(&rig);
        // A host that is watched already: what muster.toml lacks as a whole is no fault of a new service.
        fs::create_dir_all(rig.path("host/etc/muster")).expect("made");
        fs::write(rig.path("host/etc/muster/muster.toml"), WATCHED).expect("written");
        let findings = || -> BTreeSet<String> {
            let ended = rig.muster(&["doctor", "--root", &root, "--json"]);
            let report: serde_json::Value = serde_json::from_str(&ended.out).expect("json");
            let rules = report["findings"].as_array().expect("a list of findings");
            rules.iter().map(|one| format!("{} {}", one["id"], one["subject"])).collect()
        };
        let before = findings();
        let mut words = new(&root, &[way, "--yes"]);
        words[4] = lang;
        rig.muster(&words).with(0);
        let after = findings();
        let fresh: Vec<&String> = after.difference(&before).collect();
        assert!(fresh.is_empty(), "{lang}: {fresh:?}");
    }
}
