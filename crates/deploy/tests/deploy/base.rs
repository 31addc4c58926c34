//! What a host must have before anything is deployed to it, in a tree of files that stands for a host.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use muster_config::compile::compile;
use muster_config::kind::Catalogue;
use muster_config::plan::ServicePlan;
use muster_config::source::Source;
use muster_deploy::base::pieces::pieces;
use muster_deploy::base::{Base, Fate, PROGRAM, Piece, Standing, Wanted};
use muster_testkit::suite::Suite;

/// A site that nobody wrote, and where its certificate belongs.
const SITE: &str = "server {\n    listen 443 ssl;\n    server_name shop.test;\n    ssl_certificate /etc/ssl/shop.test/c.pem;\n    \
                    ssl_certificate_key /etc/ssl/shop.test/k.pem;\n    include muster/shop[.]conf;\n}\n";

pub(crate) fn tests(suite: Suite) -> Suite {
    suite
        .test("a_host_needs_what_its_services_say_and_each_piece_once", &[], each_piece_once)
        .test("what_is_made_is_there_afterwards_and_goes_when_it_is_taken_back", &[], made_and_taken_back)
        .test("what_somebody_wrote_since_then_stays", &[], what_was_changed_stays)
        .test("a_file_of_settings_is_closed_to_others_and_opened_again", &[], settings_are_closed)
        .test("another_muster_is_kept_and_given_back", &[], another_program)
        .test("a_site_is_enabled_when_its_certificate_is_there", &[], certificate)
        .test("a_site_of_somebody_else_is_left_alone", &[], sites_of_others)
}

/// A tree that stands for a host, and the folder of its record.
fn host() -> (tempfile::TempDir, tempfile::TempDir, Base) {
    let (root, records) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let base = Base::new(root.path(), records.path());
    (root, records, base)
}

fn standing(base: &Base, piece: &Piece) -> Standing {
    let wanted = Wanted { piece: piece.clone(), of: Vec::new() };
    base.look(&[wanted]).expect("seen").remove(0)
}

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, text).expect("written");
}

fn services(text: &str) -> Vec<ServicePlan> {
    let catalogue: Catalogue<(), ()> = Catalogue { checks: &[], channels: &[] };
    let source = Source { file: "muster.toml", text, zone: "UTC", host: "here" };
    let (plan, faults) = compile(&source, &catalogue);
    plan.unwrap_or_else(|| panic!("{faults}")).services
}

fn each_piece_once() {
    let services = services(
        "[service.web]\nimage = \"acme/web\"\ndomains = [\"web.test\"]\nport = 80\nenv_file = \"/opt/web/.env\"\n\
         required_env = [\"URL\", \"KEY\"]\nsecrets = { KEY = { env = \"KEY\" } }\n\
         [service.jobs]\ngit = { url = \"git@git.test:jobs.git\" }\nuser = \"jobs\"\n\
         build = [\"sh\", \"-c\", \"python3 -m venv .venv\"]\ncommand = [\"./run\"]\n\
         [service.api]\nartifact = \"/srv/api.tar\"\nuser = \"api\"\ncommand = [\"node\", \"api.js\"]\nport = 81\n\
         domains = [\"api.test\", \"www.api.test\"]\n",
    );
    let services: Vec<&ServicePlan> = services.iter().collect();
    let wanted =
        pieces(&services, (Path::new("/etc/systemd/system/muster.service"), "[Unit]\n")).expect("filled");
    let mut names: Vec<String> = wanted.iter().map(|one| one.piece.name()).collect();
    let all = names.len();
    for name in [
        "package docker.io",
        "package git",
        "package openssh-client",
        "package python3-venv",
        "package nodejs",
        "package nginx",
        "user jobs",
        "user api",
        "folder /opt/web",
        "folder /opt/jobs",
        "file /opt/web/.env",
        "unit docker.service",
        "unit nginx.service",
        "site web.test",
        "site api.test www.api.test",
        "program /usr/local/bin/muster",
        "unit muster.service",
    ] {
        assert!(names.iter().any(|there| there == name), "{name} is not among {names:?}");
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all, "something stands there twice");
    let nginx = wanted.iter().find(|one| one.piece.name() == "package nginx").expect("there");
    assert_eq!(nginx.of, ["web", "api"]);
    // What the deployer gives needs no value on the host.
    let is_told =
        |one: &Wanted| matches!(&one.piece, Piece::Settings { required, .. } if *required == ["URL"]);
    assert!(wanted.iter().any(is_told));

    let nothing = pieces(&[], (Path::new("/u"), "")).expect("filled");
    assert_eq!(nothing.len(), 3, "without services it is muster alone: {nothing:?}");
}

fn made_and_taken_back() {
    let (root, _records, base) = host();
    let settings = Piece::Settings {
        path: "/opt/a/b/.env".into(),
        text: "# nothing yet\n".to_owned(),
        owner: None,
        required: vec!["URL".to_owned()],
    };
    let all = [
        Piece::Folder { path: "/opt/a/b".into(), mode: 0o755 },
        Piece::File { path: "/etc/x.service".into(), text: "[Unit]\n".to_owned(), mode: 0o644 },
        settings.clone(),
        Piece::Program,
    ];
    for piece in &all {
        assert!(matches!(standing(&base, piece), Standing::Missing(_)), "{piece:?}");
    }
    base.make(&all).expect("made");
    for piece in &all {
        let is_settings = matches!(piece, Piece::Settings { .. });
        let there = standing(&base, piece);
        // It is there, and somebody has to write what only people know.
        assert!(matches!(there, Standing::Waits(_)) == is_settings && !matches!(there, Standing::Missing(_)));
    }
    let mode = |path: &str| fs::metadata(root.path().join(path)).expect("there").mode() & 0o7777;
    assert_eq!((mode("opt/a/b/.env"), mode("opt/a/b"), mode("usr/local/bin/muster")), (0o600, 0o755, 0o755));

    let fates = base.fates().expect("seen");
    assert!(root.path().join("opt/a/b/.env").exists(), "a plan changes nothing");
    assert_eq!(base.undo().expect("undone"), fates);
    assert!(fates.iter().all(|fate| matches!(fate, Fate::Back(_))), "{fates:?}");
    for path in ["opt", "etc/x.service", "usr/local/bin/muster"] {
        assert!(!root.path().join(path).exists(), "{path}");
    }
    assert_eq!(base.fates().expect("seen"), [], "nothing is on record any more");
}

fn what_was_changed_stays() {
    let (root, _records, base) = host();
    base.make(&[
        Piece::Folder { path: "/opt/a".into(), mode: 0o755 },
        Piece::File { path: "/opt/a/x".into(), text: "ours\n".to_owned(), mode: 0o644 },
    ])
    .expect("made");
    put(root.path(), "opt/a/x", "theirs\n");
    for _ in 0..2 {
        let fates = base.undo().expect("undone");
        assert!(fates.iter().all(|fate| matches!(fate, Fate::Stays(..))) && fates.len() == 3, "{fates:?}");
        assert_eq!(fs::read_to_string(root.path().join("opt/a/x")).expect("there"), "theirs\n");
    }
}

fn settings_are_closed() {
    let (root, _records, base) = host();
    put(root.path(), "srv/env", "A=1\n");
    let path = root.path().join("srv/env");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("set");
    let piece = Piece::Settings {
        path: "/srv/env".into(),
        text: "# other\n".to_owned(),
        owner: None,
        required: vec!["A".to_owned()],
    };
    assert_eq!(standing(&base, &piece), Standing::Missing("mode 0644 becomes 0600".to_owned()));
    base.make(std::slice::from_ref(&piece)).expect("made");
    assert_eq!(standing(&base, &piece), Standing::There);
    assert_eq!(fs::read_to_string(&path).expect("there"), "A=1\n", "its text is somebody's");
    base.undo().expect("undone");
    assert_eq!(fs::metadata(&path).expect("there").mode() & 0o7777, 0o644);
}

fn another_program() {
    let (root, _records, base) = host();
    let path = PROGRAM.trim_start_matches('/');
    put(root.path(), path, "#!/bin/sh\necho muster 0.0.9\n");
    let path = root.path().join(path);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("set");
    assert!(
        matches!(standing(&base, &Piece::Program), Standing::Missing(what) if what.contains("muster 0.0.9, which is kept"))
    );
    base.make(&[Piece::Program]).expect("made");
    assert_eq!(standing(&base, &Piece::Program), Standing::There);
    base.undo().expect("undone");
    assert_eq!(fs::read_to_string(&path).expect("there"), "#!/bin/sh\necho muster 0.0.9\n");
}

fn site() -> Piece {
    Piece::Site { service: "shop".to_owned(), domains: vec!["shop.test".to_owned()], text: SITE.to_owned() }
}

fn certificate() {
    let (root, _records, base) = host();
    put(root.path(), "etc/nginx/nginx.conf", "http { include sites-enabled/*; }\n");
    fs::create_dir_all(root.path().join("etc/nginx/sites-enabled")).expect("made");
    let link = root.path().join("etc/nginx/sites-enabled/shop.conf");
    assert!(matches!(standing(&base, &site()), Standing::Missing(_)));
    base.make(&[site()]).expect("made");
    assert!(matches!(standing(&base, &site()), Standing::Waits(_)));
    assert!(!link.exists(), "nginx would not start with it");
    for file in ["etc/ssl/shop.test/c.pem", "etc/ssl/shop.test/k.pem"] {
        assert!(!link.exists());
        put(root.path(), file, "");
    }
    assert_eq!(standing(&base, &site()), Standing::Missing("enabled".to_owned()));
    base.make(&[site()]).expect("made");
    assert_eq!(standing(&base, &site()), Standing::There);
    assert_eq!(fs::read_to_string(&link).expect("it leads to the site"), SITE);
    base.undo().expect("undone");
    assert!(!link.exists() && !root.path().join("etc/nginx/sites-available/shop.conf").exists());
}

fn sites_of_others() {
    let (root, _records, base) = host();
    let with = |line: &str| {
        let block = format!("http {{ server {{ listen 80; server_name shop.test; {line} }} }}\n");
        put(root.path(), "etc/nginx/nginx.conf", &block);
        standing(&base, &site())
    };
    let waits = with("root /srv;");
    assert!(
        matches!(&waits, Standing::Waits(why) if why.help.as_ref().is_some_and(|help| help.contains("include muster/shop.con[f];"))),
        "{waits:?}"
    );
    assert_eq!(with("include muster/shop.con[f];"), Standing::There);
    assert!(!root.path().join("etc/nginx/sites-available").exists());
}
