//! Data folders as the servers themselves make them, in a tree that the doctor reads.

use std::fs;
use std::io::Write;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::{Command, Stdio};

use muster_core::time::Timestamp;
use muster_doctor::collect::{Wanted, collect};
use muster_doctor::report::{Scope, judge};

use crate::server::{Left, NOBODY, Server};

/// What the rules find in a tree, by the last part of its path.
fn found(root: &Path) -> Vec<String> {
    let wanted = Wanted { root: root.to_owned(), live: false, at: Timestamp::from_seconds(1_795_262_400) };
    let report = judge(&collect(&wanted).0, &Scope::read("BAK001").unwrap());
    assert!(report.unknown.is_empty(), "{:?}", report.unknown);
    report.findings.into_iter().map(|judged| judged.finding.subject).collect()
}

/// Hands words to a program that ends by itself.
fn told(mut command: Command, words: &str) {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(words.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn folder(root: &Path, path: &str) -> std::path::PathBuf {
    let folder = root.join(path);
    fs::create_dir_all(&folder).unwrap();
    chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
    folder
}

pub(crate) fn postgres() {
    let server = Server::start();
    let root = server.root();
    assert_eq!(found(root), ["/var/lib/postgresql/15/main"]);
    fs::create_dir_all(root.join("etc/cron.d")).unwrap();
    fs::write(root.join("etc/cron.d/dump"), "0 2 * * * postgres pg_dumpall -f /backup/all.sql\n").unwrap();
    assert_eq!(found(root), Vec::<String>::new());
    fs::remove_file(root.join("etc/cron.d/dump")).unwrap();
    server.say("postgres", "drop database shop");
    assert_eq!(found(root), Vec::<String>::new(), "what initdb makes is nobody's");
}

pub(crate) fn mariadb() {
    let root = tempfile::tempdir().unwrap();
    open(root.path());
    let data = folder(root.path(), "var/lib/mysql");
    let mut make = Command::new("mariadb-install-db");
    make.args(["--no-defaults", "--user=nobody", "--skip-test-db"])
        .arg(format!("--datadir={}", data.display()));
    told(make, "");
    assert_eq!(found(root.path()), Vec::<String>::new());
    let mut server = Command::new("/usr/sbin/mariadbd");
    server
        .args(["--no-defaults", "--user=nobody", "--bootstrap"])
        .arg(format!("--datadir={}", data.display()));
    told(server, "create database shop;\n");
    assert_eq!(found(root.path()), ["/var/lib/mysql"]);
}

pub(crate) fn redis() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("etc/redis");
    fs::create_dir_all(&folder).unwrap();
    let (file, socket) = (folder.join("redis.conf"), root.path().join("socket"));
    let lines = format!(
        "port 0\nunixsocket {}\ndir {}\n# appendonly yes\nsave \"\"\n",
        socket.display(),
        root.path().display()
    );
    fs::write(&file, lines).unwrap();
    let server = Command::new("redis-server").arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let _server = Left(server.unwrap());
    let say = |words: &[&str]| {
        Command::new("redis-cli").arg("-s").arg(&socket).args(words).output().unwrap().stdout
    };
    let begun = std::time::Instant::now();
    while say(&["ping"]) != b"PONG\n" {
        assert!(begun.elapsed() < std::time::Duration::from_secs(30), "it does not come up");
        std::thread::park_timeout(std::time::Duration::from_millis(20));
    }
    assert_eq!(found(root.path()), Vec::<String>::new());
    // As an operator would: the server writes the file anew.
    let folder = root.path().to_str().unwrap();
    say(&["config", "set", "appendonly", "yes"]);
    assert_eq!(say(&["config", "rewrite"]), b"OK\n");
    assert_eq!(found(root.path()), [folder]);
}

fn open(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
}
