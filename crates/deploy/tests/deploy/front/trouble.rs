//! What a host is told before anything is changed.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use muster_deploy::front::Front as _;
use muster_deploy::front::nginx::Place;

use crate::front::bed::{Bed, free, soon};

pub(crate) fn a_good_host_has_none() {
    let bed = Bed::start();
    let front = bed.front().needs_free(vec![bed.ports.blue, bed.ports.green]);
    assert_eq!(front.objections(), []);
    assert_eq!(bed.texts(), [None, None], "nothing was changed");
    assert!(!bed.path("flags").exists());
    assert_eq!(front.install(soon()), Ok(true));
    assert_eq!(front.objections(), []);
}

/// What is told of a host whose site is this, where `IN` stands for the port.
fn told(site: &str) -> Vec<(String, String)> {
    let bed = Bed::with("include sites/*;");
    fs::create_dir(bed.path("sites")).expect("made");
    bed.write("sites/api", &site.replace("IN", &free().to_string()));
    let root = bed.path("");
    let told = bed.front().objections();
    told.into_iter()
        .map(|trouble| {
            let what = trouble.what.replace(&*root.to_string_lossy(), "");
            (what, trouble.help.unwrap_or_default())
        })
        .collect()
}

pub(crate) fn a_claimed_domain_is_told() {
    let site = "server {\n  listen 127.0.0.1:IN;\n  server_name x.test;\n}\nserver {\n  listen 127.0.0.1:IN;\n  \
                server_name api.test;\n  location / { return 204; }\n}\n";
    let what = "sites/api:5 answers for api.test and does not lead to the sides of api".to_owned();
    let help = "write `include muster/api.con[f];` there, in place of its `location /`".to_owned();
    assert_eq!(told(site), [(what, help)]);
}

pub(crate) fn what_stands_beside_our_line_is_told() {
    let site = "server {\n  listen 127.0.0.1:IN;\n  server_name api.test;\n  include muster/api.conf;\n  \
                open_file_cache max=10;\n  location / { return 204; }\n  return 404;\n}\n";
    let told: Vec<String> = told(site).into_iter().map(|(what, _)| what).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    for (line, word) in [(5, "open_file_cache"), (6, "location /"), (7, "return")] {
        let is_told = |what: &&String| what.starts_with(&format!("sites/api:{line} ")) && what.contains(word);
        assert!(told.iter().any(|what| is_told(&what)), "{word} in {told:?}");
    }
}

pub(crate) fn unread_files_are_told() {
    let bed = Bed::told("");
    let told = bed.front().objections();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].what.contains("nginx does not read") && told[0].what.contains("conf.d/muster-api.conf"));
    let trouble = bed.front().install(soon_enough()).expect_err("not read");
    assert!(trouble.what.contains("goes on with those of before"), "{trouble:?}");
    assert_eq!(bed.texts(), [None, None]);
}

/// For what will not come, and where nothing tells so before its time is over.
fn soon_enough() -> std::time::Instant {
    std::time::Instant::now() + std::time::Duration::from_secs(2)
}

pub(crate) fn broken_or_away_is_told() {
    let mut bed = Bed::start();
    bed.write("conf.d/theirs.conf", "\nserver { listen; }\n");
    let told = bed.front().objections();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].what.contains("conf.d/theirs.conf:2"), "{told:?}");
    fs::remove_file(bed.path("conf.d/theirs.conf")).expect("removed");
    bed.stop();
    let told = bed.front().objections();
    assert_eq!(told.iter().map(|told| told.what.as_str()).collect::<Vec<_>>(), ["nginx does not run"]);
    let none = bed.front_at(Place { program: bed.path("nginx"), ..bed.place() });
    let told = none.objections();
    assert!(told.len() == 1 && told[0].what.contains("is not installed"), "{told:?}");
}

pub(crate) fn a_taken_port_is_told() {
    let bed = Bed::start();
    let stranger = TcpListener::bind(("127.0.0.1", bed.ports.green)).expect("bound");
    let told = bed.front().needs_free(vec![bed.ports.blue, bed.ports.green]).objections();
    assert_eq!(told.len(), 1, "{told:?}");
    let pid = std::process::id();
    assert!(told[0].what.contains(&format!("port {}", bed.ports.green)), "{told:?}");
    assert!(told[0].what.contains(&format!("(pid {pid})")), "{told:?}");
    drop(stranger);
    // Where a server block of our own would have to listen.
    let _stranger = TcpListener::bind(bed.at).expect("bound");
    let told = bed.front().objections();
    assert!(told.len() == 1 && told[0].what.contains("on which nginx is to listen"), "{told:?}");
}

pub(crate) fn a_barred_folder_is_told() {
    let bed = Bed::start();
    fs::create_dir(bed.path("closed")).expect("made");
    fs::set_permissions(bed.path("closed"), Permissions::from_mode(0o700)).expect("set");
    let front = bed.front_at(Place { flags: bed.path("closed/api"), ..bed.place() });
    let told = front.objections();
    assert_eq!(told.len(), 1, "{told:?}");
    let help = told[0].help.clone().expect("help");
    assert_eq!(help, format!("chmod o+x {}", bed.path("closed").display()));
    fs::set_permissions(bed.path("closed"), Permissions::from_mode(0o711)).expect("set");
    assert_eq!(front.objections(), []);
}
