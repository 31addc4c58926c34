//! The apps, run: they listen where they are told, are well, and end in order.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use muster_deploy::scaffold::languages::find;

use crate::scaffold::files::{docker, order, written};
use crate::wait::within;

/// Longest time that anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The first answer to a path, or none while nobody listens.
fn ask(port: u16, path: &str) -> Option<String> {
    let at: SocketAddr = ([127, 0, 0, 1], port).into();
    let mut stream = TcpStream::connect_timeout(&at, Duration::from_secs(5)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    (!text.is_empty()).then_some(text)
}

/// A program that is killed at the end of the test, whatever comes.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn lives(code: &Path, first: &dyn Fn(&Path)) {
    first(code);
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
    let child = Command::new("/bin/sh")
        .arg(code.join("run.sh"))
        .current_dir("/")
        .env("HOST", "127.0.0.1")
        .env("PORT", port.to_string())
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("started");
    let mut app = Running(child);
    let health = within(PATIENCE, "it to be well", || ask(port, "/health?deep=1"));
    assert!(
        health.starts_with("HTTP/1.") && health.lines().next().is_some_and(|line| line.contains(" 200 ")),
        "{health}"
    );
    let body = health.split("\r\n\r\n").nth(1).expect("a body");
    let body: serde_json::Value =
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {health}"));
    assert_eq!(body["status"], "ok");
    assert!(ask(port, "/").is_some_and(|text| text.contains("shop-api")));
    assert!(ask(port, "/nothing").is_some_and(|text| text.contains(" 404 ")));
    // `exec` in the script: the signal reaches the app itself.
    let told = Command::new("kill").args(["-s", "TERM", &app.0.id().to_string()]).status().expect("kill");
    assert!(told.success());
    let ended = within(PATIENCE, "its end", || app.0.try_wait().expect("asked"));
    assert_eq!(ended.code(), Some(0), "in order, not by the signal");
}

fn tried(language: &str, first: &dyn Fn(&Path)) {
    let (root, _) = written(&order(find(language).expect("a language"), docker()));
    lives(&root.path().join("opt/shop-api/code"), first);
}

fn run(folder: &Path, program: &str, words: &[&str]) {
    let ended =
        Command::new(program).args(words).current_dir(folder).stdin(Stdio::null()).output().expect("started");
    assert!(
        ended.status.success(),
        "{program} {words:?}\n{}{}",
        String::from_utf8_lossy(&ended.stdout),
        String::from_utf8_lossy(&ended.stderr)
    );
}

pub(crate) fn python() {
    tried("python", &|code| run(code, "python3", &["-B", "-m", "unittest"]));
}

pub(crate) fn node() {
    tried("node", &|code| run(code, "node", &["--test"]));
}

pub(crate) fn rust() {
    let build = |code: &Path| {
        let target = code.join("target").display().to_string();
        run(code, env!("CARGO"), &["test", "--quiet", "--offline", "--locked", "--target-dir", &target]);
        run(
            code,
            env!("CARGO"),
            &["build", "--quiet", "--release", "--offline", "--locked", "--target-dir", &target],
        );
    };
    tried("rust", &build);
}
