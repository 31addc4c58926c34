//! Clients that never rest: some of each kind ask for the next thing as soon as they have the last one, and every request
//! gets one label. Measures what a deploy costs its users.
//!
//! A client does not look whether its connection is still open before it sends: over a real network the news of that would
//! still be under way. [`Settings::look`] makes it look, as clients with a connection pool do on a quick network.
//!
//! | module | holds |
//! |---|---|
//! | [`exchange`] | one connection, and what went wrong on it |
//! | [`label`] | the kinds of clients, and what became of a request |
//! | [`report`] | what was counted |
//! | [`streams`] | clients that keep one answer open |

pub mod exchange;
pub mod label;
pub mod report;
mod streams;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use exchange::{Answer, Connection, Failure};
use label::{Kind, Label};
use report::Report;

/// How long an answer of the slow kinds takes at least, in milliseconds.
pub const SLOW: u64 = 400;

/// What is asked of whom, and how hard.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the connections go.
    pub address: SocketAddr,
    /// The name in the `Host` field.
    pub name: String,
    /// What the clients do.
    pub kinds: Vec<Kind>,
    /// Clients of each kind, each with one connection.
    pub connections: usize,
    /// Between an answer and the next request.
    pub think: Duration,
    /// The longest that one request may take.
    pub timeout: Duration,
    /// Ends by itself after so long; none goes on until it is stopped.
    pub duration: Option<Duration>,
    /// Whether a client looks if its connection was closed before it sends.
    pub look: bool,
    /// For how long a client has a stream open before it opens another one.
    pub held: Duration,
}

impl Settings {
    /// Eight clients of each kind with 2 ms between requests, until they are stopped.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            name: "localhost".to_owned(),
            kinds: Kind::ALL.to_vec(),
            connections: 8,
            think: Duration::from_millis(2),
            timeout: Duration::from_secs(15),
            duration: None,
            look: false,
            held: Duration::from_secs(24 * 3600),
        }
    }
}

/// Lets the clients loose for [`Settings::duration`]; without one, for a second.
pub fn run(mut settings: Settings) -> Report {
    settings.duration.get_or_insert(Duration::from_secs(1));
    Load::start(settings).wait()
}

/// What all clients share.
#[derive(Debug)]
struct Shared {
    settings: Settings,
    start: Instant,
    stop: AtomicBool,
    report: Mutex<Report>,
    changed: Condvar,
}

/// Clients at work. They are stopped when the value is dropped.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    /// Lets the clients loose.
    pub fn start(settings: Settings) -> Self {
        let report = Mutex::new(Report::new(&settings.kinds));
        let stop = AtomicBool::new(false);
        let start = Instant::now();
        let shared = Arc::new(Shared { settings, start, stop, report, changed: Condvar::new() });
        let clients = |kind: &Kind| {
            let (kind, shared) = (*kind, Arc::clone(&shared));
            (0..shared.settings.connections).map(move |number| {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || Client { shared, kind, number, sent: 0 }.work())
            })
        };
        let clients = shared.settings.kinds.iter().flat_map(clients).collect();
        Self { shared, clients }
    }

    /// How long they have been at work: the clock of the report.
    pub fn elapsed(&self) -> Duration {
        self.shared.start.elapsed()
    }

    /// What was counted so far.
    pub fn so_far(&self) -> Report {
        let mut report = self.shared.lock().clone();
        report.end(self.elapsed());
        report
    }

    /// Waits until the report says so; false if it does not by then. Looked at after each answer.
    pub fn until(&self, limit: Duration, holds: impl Fn(&Report) -> bool) -> bool {
        let end = Instant::now() + limit;
        let mut report = self.shared.lock();
        loop {
            if holds(&report) {
                return true;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            report = self
                .shared
                .changed
                .wait_timeout(report, left)
                .map_or_else(|error| error.into_inner().0, |(report, _)| report);
        }
    }

    /// Ends it in order: what is in flight is waited for.
    pub fn stop(mut self) -> Report {
        self.end()
    }

    fn wait(self) -> Report {
        if let Some(duration) = self.shared.settings.duration {
            self.shared.rest(duration);
        }
        self.stop()
    }

    fn end(&mut self) -> Report {
        let at = self.elapsed();
        self.shared.stop();
        for client in self.clients.drain(..) {
            let _joined = client.join();
        }
        let mut report = self.shared.lock().clone();
        report.end(at);
        report
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        if !self.clients.is_empty() {
            self.end();
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self) {
        let report = self.lock();
        self.stop.store(true, Ordering::SeqCst);
        drop(report);
        self.changed.notify_all();
    }

    fn is_over(&self) -> bool {
        let over = self.settings.duration.is_some_and(|duration| self.start.elapsed() >= duration);
        over || self.stop.load(Ordering::SeqCst)
    }

    /// Sleeps, but not past the end.
    fn rest(&self, time: Duration) {
        if time < Duration::from_millis(20) {
            return std::thread::sleep(time);
        }
        let end = Instant::now() + time;
        let mut report = self.lock();
        while !self.is_over() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            report = self
                .changed
                .wait_timeout(report, left)
                .map_or_else(|error| error.into_inner().0, |(report, _)| report);
        }
    }
}

/// One client, which has at most one connection.
struct Client {
    shared: Arc<Shared>,
    kind: Kind,
    number: usize,
    sent: u64,
}

impl Client {
    fn work(mut self) {
        let mut connection = None;
        while !self.shared.is_over() {
            match self.kind {
                Kind::WebSocket => streams::websocket(&mut self),
                Kind::Events => streams::events(&mut self),
                Kind::Get | Kind::Post | Kind::Slow | Kind::SlowClose | Kind::Close => {
                    connection = self.ask(connection);
                }
            }
            self.shared.rest(self.shared.settings.think);
        }
    }

    /// One request; gives back the connection if it can be used again.
    fn ask(&mut self, connection: Option<Connection>) -> Option<Connection> {
        let begun = Instant::now();
        let until = begun + self.shared.settings.timeout;
        let answered = self.exchange(connection, until);
        let taken = begun.elapsed();
        match answered {
            Ok((answer, connection)) => {
                self.count(&answer.version, self.judge(&answer), taken);
                (!answer.last).then_some(connection)
            }
            Err(failure) => {
                self.count("", Err(failure), taken);
                None
            }
        }
    }

    fn exchange(
        &mut self,
        connection: Option<Connection>,
        until: Instant,
    ) -> Result<(Answer, Connection), Failure> {
        let mut connection = match connection {
            Some(connection) if self.shared.settings.look && connection.was_closed() => {
                self.shared.lock().saw_closed(self.kind);
                self.open(until)?
            }
            Some(connection) => connection,
            None => self.open(until)?,
        };
        let answer = connection.ask(&self.request(), until)?;
        Ok((answer, connection))
    }

    fn open(&self, until: Instant) -> Result<Connection, Failure> {
        Connection::open(self.shared.settings.address, until)
    }

    fn request(&mut self) -> Vec<u8> {
        self.sent += 1;
        let name = &self.shared.settings.name;
        let get = |path: &str, connection: &str| {
            format!("GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: {connection}\r\n\r\n").into_bytes()
        };
        match self.kind {
            Kind::Get => get("/", "keep-alive"),
            Kind::Close => get("/", "close"),
            Kind::Slow => get(&format!("/slow?ms={SLOW}"), "keep-alive"),
            Kind::SlowClose => get(&format!("/slow?ms={SLOW}"), "close"),
            Kind::Post => {
                let body = self.body();
                let length = body.len();
                format!("POST /echo HTTP/1.1\r\nHost: {name}\r\nConnection: keep-alive\r\nContent-Length: {length}\r\n\r\n{body}")
                    .into_bytes()
            }
            Kind::WebSocket => format!(
                "GET /ws HTTP/1.1\r\nHost: {name}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n\r\n",
                streams::KEY
            )
            .into_bytes(),
            Kind::Events => get("/events", "close"),
        }
    }

    /// No two are alike, so that an answer to another request is a wrong one.
    fn body(&self) -> String {
        format!("client {} request {} {}", self.number, self.sent, "x".repeat(200))
    }

    fn judge(&self, answer: &Answer) -> Result<(), Failure> {
        if answer.status != 200 {
            return Err(Failure::new(Label::Status(answer.status), format!("status {}", answer.status)));
        }
        let expected = match self.kind {
            Kind::Post => self.body(),
            _ => format!("{}\n", answer.version),
        };
        if answer.version.is_empty() || answer.body != expected.as_bytes() {
            let words = String::from_utf8_lossy(&answer.body).chars().take(80).collect::<String>();
            return Err(Failure::new(
                Label::WrongBody,
                format!("version {:?}, body {words:?}", answer.version),
            ));
        }
        Ok(())
    }

    fn count(&self, version: &str, outcome: Result<(), Failure>, taken: Duration) {
        let mut report = self.shared.lock();
        let at = self.shared.start.elapsed();
        match outcome {
            Ok(()) => report.good(self.kind, version, at, taken),
            Err(failure) => report.bad(self.kind, failure, at, taken),
        }
        drop(report);
        self.shared.changed.notify_all();
    }
}
