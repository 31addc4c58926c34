//! The app and the load client on each other, on loopback: what goes wrong is labelled as what it is.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use muster_testbed::load::label::{Kind, Label};
use muster_testbed::load::report::Report;
use muster_testbed::load::{Load, Settings, run};

const LIMIT: Duration = Duration::from_secs(20);

/// The app on a port of its own choice. Killed when dropped.
struct App {
    child: Child,
    said: BufReader<std::process::ChildStdout>,
    address: SocketAddr,
}

impl App {
    fn start(environment: &[(&str, &str)]) -> Self {
        let mut child = Self::spawn("0", environment);
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let address = line.trim().rsplit(' ').next().unwrap().parse();
        Self { child, said, address: address.unwrap_or_else(|_| panic!("{line:?}")) }
    }

    fn spawn(port: &str, environment: &[(&str, &str)]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_app"))
            .env("PORT", port)
            .env("APP_HOST", "127.0.0.1")
            .env("APP_VERSION", "v1")
            .env("APP_BREAK_FILE", "/nonexistent")
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn signal(&self, signal: &str) {
        assert!(
            Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap().success()
        );
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream
    }

    fn get(&self, path: &str) -> String {
        let mut stream = self.connect();
        write!(stream, "GET {path} HTTP/1.1\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Under load until the condition holds.
    fn load(&self, kinds: &[Kind]) -> Load {
        Load::start(settings(self.address, kinds))
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn settings(address: SocketAddr, kinds: &[Kind]) -> Settings {
    Settings { kinds: kinds.to_vec(), connections: 4, ..Settings::new(address) }
}

fn wait(child: &mut Child) -> ExitStatus {
    let end = Instant::now() + LIMIT;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(Instant::now() < end, "the app did not end");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Labels of a kind other than good answers.
fn labels(report: &Report, kind: Kind) -> Vec<Label> {
    report.kinds[&kind].counts.keys().copied().filter(|label| *label != Label::Ok).collect()
}

const fn broken(reused: bool, begun: bool) -> Label {
    Label::Broken { reused, begun }
}

#[test]
fn a_quiet_app_fails_nobody() {
    let app = App::start(&[]);
    let load = app.load(&Kind::ALL);
    let all = |report: &Report| Kind::ALL.iter().all(|kind| report.good_ones(*kind) >= 8);
    assert!(load.until(LIMIT, all), "{:?}", load.so_far());
    let report = load.stop();
    assert_eq!(report.failed, 0, "{report:?}");
    assert_eq!(report.versions.keys().collect::<Vec<_>>(), ["v1"]);
    assert!(report.kinds[&Kind::Slow].worst >= 400.0);
    assert!(report.good_ones(Kind::Get) > report.good_ones(Kind::Slow));
}

#[test]
fn a_run_with_a_duration_ends_by_itself() {
    let app = App::start(&[]);
    let report = run(Settings {
        duration: Some(Duration::from_millis(300)),
        ..settings(app.address, &[Kind::Get, Kind::Events])
    });
    assert_eq!(report.failed, 0, "{report:?}");
    assert!((300.0..5000.0).contains(&report.elapsed), "{}", report.elapsed);
}

#[test]
fn an_app_that_is_killed_breaks_what_is_in_flight_and_then_refuses() {
    let app = App::start(&[]);
    let kinds = Kind::ALL;
    let load = app.load(&kinds);
    assert!(load.until(LIMIT, |report| kinds.iter().all(|kind| report.good_ones(*kind) >= 8)));
    app.signal("-KILL");
    assert!(load.until(LIMIT, |report| kinds.iter().all(|kind| report.count(*kind, Label::Connect) > 0)));
    let report = load.stop();
    for kind in [Kind::Get, Kind::Post, Kind::Slow] {
        let labels = labels(&report, kind);
        assert!(labels.contains(&broken(true, false)), "{kind:?}: {labels:?}");
        // The head and the body of these answers are one segment: no answer is cut in the middle.
        assert!(!labels.contains(&broken(true, true)), "{kind:?}: {labels:?}");
    }
    assert_eq!(labels(&report, Kind::SlowClose), [Label::Connect, broken(false, false)]);
    for kind in [Kind::WebSocket, Kind::Events] {
        assert_eq!(report.count(kind, Label::StreamEnded), 4, "{report:?}");
    }
    let first = report.failures.first().unwrap();
    assert!(first.at > 0.0 && !first.words.is_empty(), "{first}");
}

#[test]
fn an_app_that_is_asked_to_end_finishes_what_is_in_flight_and_closes_the_rest() {
    let mut app = App::start(&[]);
    let mut slow = app.connect();
    write!(slow, "GET /slow?ms=700 HTTP/1.1\r\n\r\n").unwrap();
    let mut idle = app.connect();
    write!(idle, "GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut first = [0; 1024];
    assert!(idle.read(&mut first).unwrap() > 0);
    let load = app.load(&[Kind::WebSocket, Kind::Events]);
    assert!(
        load.until(LIMIT, |report| report.good_ones(Kind::Events).min(report.good_ones(Kind::WebSocket)) > 4)
    );
    app.signal("-TERM");
    assert!(load.until(LIMIT, |report| report.failed > 0));
    assert_eq!(idle.read(&mut first).unwrap(), 0, "an idle connection is closed in order");
    assert!(TcpStream::connect(app.address).is_err(), "nobody new is let in");
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("Connection: close"), "{answer}");
    assert_eq!(wait(&mut app.child).code(), Some(0));
    let report = load.stop();
    let words: Vec<&str> = report.failures.iter().map(|line| line.words.as_str()).collect();
    assert!(words.contains(&"closed with 1001") && words.contains(&"ended in order"), "{words:?}");
    let mut said = String::new();
    app.said.read_to_string(&mut said).unwrap();
    assert!(said.contains("0 cut off"), "{said}");
}

/// Serves each connection with a function, on a thread of its own, until the listener is dropped with the process.
fn server(serve: fn(&mut BufReader<TcpStream>)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(&mut BufReader::new(stream)));
        }
    });
    address
}

fn say(reader: &mut BufReader<TcpStream>, words: &str) -> bool {
    let asked = muster_testbed::http::read_head(reader).is_ok_and(|head| head.is_some());
    asked && reader.get_mut().write_all(words.as_bytes()).is_ok()
}

fn reset(reader: &BufReader<TcpStream>) {
    // To close a socket with unread bytes in it is a reset.
    let _peeked = reader.get_ref().peek(&mut [0]);
}

const GOOD: &str = "HTTP/1.1 200 OK\r\nX-Version: v1\r\nContent-Length: 3\r\n\r\nv1\n";

fn seen(serve: fn(&mut BufReader<TcpStream>)) -> Vec<Label> {
    let load = Load::start(Settings {
        connections: 2,
        timeout: Duration::from_millis(500),
        ..settings(server(serve), &[Kind::Get])
    });
    assert!(load.until(LIMIT, |report| report.failed >= 4));
    labels(&load.stop(), Kind::Get)
}

#[test]
fn what_a_broken_server_does_is_labelled_as_what_it_is() {
    let bad_gateway = |reader: &mut BufReader<TcpStream>| {
        while say(reader, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\nno") {}
    };
    assert_eq!(seen(bad_gateway), [Label::Status(502)]);
    assert_eq!(seen(|reader| reset(reader)), [broken(false, false)]);
    assert_eq!(
        seen(|reader| {
            say(reader, "");
        }),
        [broken(false, false)]
    );
    assert_eq!(
        seen(|reader| {
            say(reader, GOOD);
            reset(reader);
        }),
        [broken(true, false)]
    );
    assert_eq!(
        seen(|reader| {
            say(reader, GOOD);
            let _shut = reader.get_ref().shutdown(Shutdown::Both);
        }),
        [broken(true, false)]
    );
    assert_eq!(
        seen(|reader| {
            say(reader, &GOOD[..GOOD.len() - 1]);
        }),
        [broken(false, true)]
    );
    assert_eq!(
        seen(|reader| {
            say(reader, GOOD);
            say(reader, "HTTP/1.1 2");
        }),
        [broken(true, true)]
    );
    let other = |reader: &mut BufReader<TcpStream>| while say(reader, &GOOD.replace("v1\n", "hi\n")) {};
    assert_eq!(seen(other), [Label::WrongBody]);
    let nameless =
        |reader: &mut BufReader<TcpStream>| while say(reader, &GOOD.replace("X-Version", "Server")) {};
    assert_eq!(seen(nameless), [Label::WrongBody]);
    let silent = |reader: &mut BufReader<TcpStream>| while say(reader, "") {};
    assert_eq!(seen(silent), [Label::Timeout]);
}

#[test]
fn a_client_that_looks_before_it_sends_is_not_hit_by_a_connection_closed_long_ago() {
    let once = |reader: &mut BufReader<TcpStream>| {
        say(reader, GOOD);
    };
    let load = Load::start(Settings {
        look: true,
        think: Duration::from_millis(30),
        ..settings(server(once), &[Kind::Get])
    });
    assert!(load.until(LIMIT, |report| report.kinds[&Kind::Get].closed_idle >= 8));
    assert_eq!(load.stop().failed, 0);
}

#[test]
fn an_app_that_hangs_times_out_and_one_that_is_ill_says_so() {
    let hung = App::start(&[("APP_BREAK", "hang")]);
    let patience = Duration::from_millis(300);
    let load = Load::start(Settings { timeout: patience, ..settings(hung.address, &Kind::ALL) });
    assert!(load.until(LIMIT, |report| Kind::ALL.iter().all(|kind| report.count(*kind, Label::Timeout) > 0)));
    let report = load.stop();
    assert!(Kind::ALL.iter().all(|kind| labels(&report, *kind) == [Label::Timeout]), "{report:?}");

    let ill = App::start(&[("APP_BREAK", "health500")]);
    assert!(ill.get("/health").starts_with("HTTP/1.1 500"));
    assert!(ill.get("/").starts_with("HTTP/1.1 200"));
    let failing = App::start(&[("APP_BREAK", "errors")]);
    assert!(failing.get("/health").starts_with("HTTP/1.1 200"));
    let load = failing.load(&Kind::ALL);
    assert!(load.until(LIMIT, |report| Kind::ALL.iter().all(|kind| report.failed(*kind) > 0)));
    let report = load.stop();
    assert!(Kind::ALL.iter().all(|kind| labels(&report, *kind) == [Label::Status(500)]), "{report:?}");
}

#[test]
fn a_file_breaks_an_app_that_runs_and_mends_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("break");
    let app = App::start(&[("APP_BREAK_FILE", file.to_str().unwrap()), ("MUSTER_RELEASE", "7")]);
    let health = app.get("/health");
    assert!(health.contains("\"version\":\"v1\"") && health.contains("\"release\":\"7\""), "{health}");
    std::fs::write(&file, "health500\n").unwrap();
    assert!(app.get("/health").starts_with("HTTP/1.1 500"));
    std::fs::remove_file(&file).unwrap();
    assert!(app.get("/health").starts_with("HTTP/1.1 200"));
}

#[test]
fn an_app_breaks_at_its_start_as_it_is_told() {
    let mut crash = App::start(&[("APP_BREAK", "crash:0.2")]);
    assert!(crash.get("/").contains("X-Version: v1"));
    assert_eq!(wait(&mut crash.child).code(), Some(1));

    assert_eq!(wait(&mut App::spawn("0", &[("APP_BREAK", "crashloop")])).code(), Some(1));

    let begun = Instant::now();
    let slow = App::start(&[("APP_BREAK", "slowstart:0.5")]);
    assert!(begun.elapsed() >= Duration::from_millis(500));
    assert!(slow.get("/").contains("X-Version: v1"));
    // One that is told to go while it starts goes.
    let mut early = App::spawn("0", &[("APP_BREAK", "slowstart:600")]);
    let listed = format!("/proc/{}/status", early.id());
    // Bit 15 of the signals that are caught is SIGTERM; before that the kernel would end it.
    let ready = || {
        let status = std::fs::read_to_string(&listed).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim().to_owned();
        u64::from_str_radix(&caught, 16).unwrap() & (1 << 14) != 0
    };
    while !ready() {
        assert!(begun.elapsed() < LIMIT);
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(Command::new("kill").arg(early.id().to_string()).status().unwrap().success());
    assert_eq!(wait(&mut early).code(), Some(0));

    let wrong = App::start(&[("PORT", "17311"), ("APP_BREAK", "wrongport")]);
    assert_eq!(wrong.address.port(), 17312);

    let deaf = App::start(&[("APP_BREAK", "deaf")]);
    deaf.signal("-TERM");
    assert!(deaf.get("/slow?ms=300").contains("X-Version: v1"), "it answers on");

    let mut abrupt = App::start(&[("APP_BREAK", "abrupt")]);
    let load = abrupt.load(&[Kind::Slow]);
    assert!(load.until(LIMIT, |report| report.good_ones(Kind::Slow) >= 4));
    abrupt.signal("-TERM");
    assert_eq!(wait(&mut abrupt.child).code(), Some(0));
    assert!(load.until(LIMIT, |report| report.count(Kind::Slow, broken(true, false)) > 0), "it breaks off");
    drop(load);

    let leaky = App::start(&[("APP_BREAK", "leak:32")]);
    let resident = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", leaky.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap().to_owned();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let begun = Instant::now();
    while resident() < 32 << 10 {
        assert!(begun.elapsed() < LIMIT, "{} KiB", resident());
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn the_command_before_a_deploy_says_its_version_and_ends_as_told() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_app")).args(["migrate", "3"]).env("APP_VERSION", "v9").output();
    let output = output.unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(3), b"migrated by v9\n".as_slice()));
}
