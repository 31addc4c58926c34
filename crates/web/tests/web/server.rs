//! A server with made-up contents, and a client that says exactly what it sends.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use muster_config::plan::StatusPage;
use muster_core::board::{Board, Incident, Line, Snapshot};
use muster_core::effect::{Condition, Reason};
use muster_core::expectation::Level;
use muster_core::ids::{ChannelName, ExpectationId, IncidentId, RunId};
use muster_core::look::Last;
use muster_core::notice::{Amendment, NoticeId};
use muster_core::signal::{Report, Signal};
use muster_core::time::{Span, Timestamp};
use muster_doctor::facts::outside::{Dialled, Live, Tried};
use muster_host::state::Layout;
use muster_store::contract::{Commit, Store};
use muster_store::credential::CredentialKind;
use muster_store::memory::Memory;
use muster_web::guard::session::issue;
use muster_web::parts::{
    Answer, Deaf, DialFault, Ear, Envoy, Eye, Heard, Link, NotDialled, NotStarted, Parts, Password, Registry,
    Settings, Started,
};
use muster_web::{Web, serve_tcp, serve_unix};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;

/// The ping key of all servers here.
pub(crate) const KEY: &str = "k3y";
/// The password of all servers here.
pub(crate) const PASSWORD: &str = "correct horse";

/// How the ear answers.
pub(crate) const HEARS: u8 = 0;
pub(crate) const HEARS_IN_MEMORY: u8 = 1;
pub(crate) const IS_DEAF: u8 = 2;

pub(crate) struct Recorder {
    pub(crate) heard: Mutex<Vec<Signal>>,
    pub(crate) mood: AtomicU8,
    pub(crate) wishes: Mutex<Vec<(ExpectationId, String)>>,
    /// What is looked at.
    pub(crate) lasts: Mutex<Vec<Arc<Last>>>,
    /// What somebody wanted to be looked at.
    pub(crate) looks: Mutex<Vec<ExpectationId>>,
    /// The page that people subscribe to.
    pub(crate) page: Mutex<Option<StatusPage>>,
    /// What came in by the public door.
    pub(crate) asked: Mutex<Vec<String>>,
    board: watch::Sender<Arc<Snapshot>>,
    store: Arc<dyn Store>,
}

impl Ear for Recorder {
    fn hear(&self, signals: Vec<Signal>) -> Answer<'_, Result<Heard, Deaf>> {
        let durable = match self.mood.load(Ordering::SeqCst) {
            IS_DEAF => return Box::pin(async { Err(Deaf::Stopped) }),
            mood => mood == HEARS,
        };
        self.board.send_modify(|shared| {
            let mut snapshot = Snapshot::clone(shared);
            for signal in &signals {
                let line = snapshot.board.lines.iter_mut().find(|line| line.id == signal.about);
                let Some(incident) = line.and_then(|line| line.incident.as_mut()) else { continue };
                if let Report::Acknowledge { by, until } = &signal.report {
                    incident.acknowledged = Some((by.clone(), *until));
                }
            }
            *shared = Arc::new(snapshot);
        });
        self.heard.lock().unwrap().extend(signals);
        Box::pin(async move { Ok(Heard { durable }) })
    }

    fn run_now<'a>(
        &'a self,
        about: &'a ExpectationId,
        by: &'a str,
    ) -> Answer<'a, Result<Started, NotStarted>> {
        Box::pin(async move {
            if about.table() != "job" {
                let what = format!("{about} is no job");
                return Err(NotStarted::Refused { what, help: "only jobs can be started".into() });
            }
            self.wishes.lock().unwrap().push((about.clone(), by.to_owned()));
            Ok(Started { run: RunId::new("r-now").unwrap(), durable: true })
        })
    }

    fn test_channel<'a>(&'a self, name: &'a ChannelName, _by: &'a str) -> Answer<'a, Result<String, String>> {
        Box::pin(async move {
            if name.as_str() == "ops" { Ok("250 ok".into()) } else { Err("no such channel".into()) }
        })
    }

    fn components(&self) -> Option<Vec<String>> {
        Some(vec!["API".into(), "Website".into()])
    }

    fn amend(&self, amendments: Vec<(NoticeId, Amendment)>) -> Answer<'_, Result<Heard, Deaf>> {
        let commit = Commit { amendments, ..Commit::default() };
        Box::pin(async move {
            self.store.commit(commit).map_err(|error| Deaf::Unstored(error.to_string()))?;
            Ok(Heard { durable: true })
        })
    }
}

impl Eye for Recorder {
    fn all(&self) -> Vec<Arc<Last>> {
        self.lasts.lock().unwrap().clone()
    }

    fn of(&self, about: &ExpectationId) -> Option<Arc<Last>> {
        self.all().into_iter().find(|last| last.about == *about)
    }

    fn look_now<'a>(&'a self, about: &'a ExpectationId) -> Answer<'a, Result<Option<Last>, Deaf>> {
        self.looks.lock().unwrap().push(about.clone());
        let last = self.of(about).map(|last| Last::clone(&last));
        Box::pin(async move { Ok(last) })
    }
}

/// What the links of these tests say; who really reads them is the agent.
pub(crate) fn linked(query: &str) -> Link {
    match query {
        "good" => Link::Good("ann@example.com".into()),
        "old" => Link::TooOld,
        "full" => Link::Full,
        "later" => Link::NotNow,
        _ => Link::Nothing,
    }
}

impl Registry for Recorder {
    fn page(&self) -> Option<StatusPage> {
        self.page.lock().unwrap().clone()
    }

    fn ask(&self, from: IpAddr, address: &str) -> bool {
        self.asked.lock().unwrap().push(format!("ask {from} {address}"));
        address.contains('@') && !address.contains(char::is_control)
    }

    fn confirm<'a>(&'a self, query: &'a str, act: bool) -> Answer<'a, Link> {
        if act {
            self.asked.lock().unwrap().push(format!("confirm {query}"));
        }
        Box::pin(async move { linked(query) })
    }

    fn leave<'a>(&'a self, query: &'a str, act: bool) -> Answer<'a, Link> {
        if act {
            self.asked.lock().unwrap().push(format!("leave {query}"));
        }
        Box::pin(async move { linked(query) })
    }
}

impl Envoy for Recorder {
    /// Says what came, and how long it was.
    fn hear(&self, from: IpAddr, message: &[u8]) -> (u16, Vec<u8>) {
        if message == b"who?" {
            return (401, b"{\"what\":\"no key\"}".to_vec());
        }
        (200, format!("{{\"from\":\"{from}\",\"bytes\":{}}}", message.len()).into_bytes())
    }

    fn look<'a>(&'a self, from: IpAddr, message: &'a [u8]) -> Answer<'a, (u16, Vec<u8>)> {
        Box::pin(async move { Envoy::hear(self, from, message) })
    }

    fn dial<'a>(&'a self, from: IpAddr, message: &'a [u8]) -> Answer<'a, (u16, Vec<u8>)> {
        Box::pin(async move { Envoy::hear(self, from, message) })
    }

    /// All are open to `fra1`; `old1` says no, and there is nobody else.
    fn have_dialled<'a>(
        &'a self,
        peer: &'a str,
        ports: &'a [u16],
    ) -> Answer<'a, Result<Dialled, NotDialled>> {
        let fault = match peer {
            "fra1" => None,
            "old1" => Some(DialFault::There),
            _ => Some(DialFault::Unknown),
        };
        let not = |fault| NotDialled { fault, what: format!("not by {peer}"), help: "try".into() };
        let ports = ports.iter().map(|port| Tried { port: *port, live: Live::Open }).collect();
        let dialled = Dialled { target: IpAddr::from([192, 0, 2, 1]), source: None, ports };
        let answer = fault.map_or(Ok(dialled), |fault| Err(not(fault)));
        Box::pin(async move { answer })
    }
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) web: Web,
    pub(crate) ear: Arc<Recorder>,
    pub(crate) board: watch::Sender<Arc<Snapshot>>,
    pub(crate) folder: tempfile::TempDir,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

pub(crate) fn line(id: &str, condition: Condition) -> Line {
    let now = muster_host::clock::now().wall;
    let incident = match &condition {
        Condition::Firing { incident, .. } => Some(Incident {
            id: incident.clone(),
            since: now,
            told: true,
            refused: None,
            acknowledged: None,
            flapping: false,
            next_step: None,
        }),
        _ => None,
    };
    Line {
        id: ExpectationId::new(id).unwrap(),
        condition,
        since: now - Span::hours(1),
        rhythm: "<i>every</i> 1h".into(),
        last_heard: Some(now - Span::minutes(3)),
        last_success: Some(now - Span::minutes(3)),
        due: Some(now + Span::minutes(57)),
        deadline: Some(now + Span::minutes(62)),
        running: Vec::new(),
        incident,
        pause: None,
        maintenance: None,
        usage: None,
        notify: Vec::new(),
        suppressed_by: None,
        usual: None,
        retried: None,
        own: false,
    }
}

pub(crate) fn firing(id: &str) -> Line {
    let incident = IncidentId::new(format!("{id}-1")).unwrap();
    let reason = Reason::Skipped { times: 3, why: "<script>alert(1)</script>".into() };
    line(id, Condition::Firing { incident, reason, level: Level::Page })
}

pub(crate) fn snapshot() -> Snapshot {
    let lines = vec![line("check.nas", Condition::Ok), firing("job.bad"), line("job.good", Condition::Ok)];
    Snapshot { board: Board { at: muster_host::clock::now().wall, lines }, ..Snapshot::default() }
}

pub(crate) fn settings() -> Settings {
    Settings {
        name: "acme".into(),
        version: "0".into(),
        zone: "UTC".into(),
        ping_key: Some(KEY.into()),
        password: Some(Password::Text(PASSWORD.into())),
        public: false,
        origins: vec!["http://intern.example".into()],
    }
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with(settings(), snapshot())
    }

    pub(crate) fn with(settings: Settings, snapshot: Snapshot) -> Self {
        Self::over(settings, snapshot, Arc::new(Memory::new()))
    }

    /// A server over a store of the caller's choosing.
    pub(crate) fn over(settings: Settings, snapshot: Snapshot, store: Arc<dyn Store>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (board, seen) = watch::channel(Arc::new(snapshot));
        let ear = Arc::new(Recorder {
            heard: Mutex::default(),
            mood: AtomicU8::new(HEARS),
            wishes: Mutex::default(),
            lasts: Mutex::default(),
            looks: Mutex::default(),
            page: Mutex::default(),
            asked: Mutex::default(),
            board: board.clone(),
            store: Arc::clone(&store),
        });
        let parts = Parts {
            board: seen,
            store,
            ear: Arc::clone(&ear) as Arc<dyn Ear>,
            eye: Arc::clone(&ear) as Arc<dyn Eye>,
            envoy: Arc::clone(&ear) as Arc<dyn Envoy>,
            registry: Arc::clone(&ear) as Arc<dyn Registry>,
            layout: Layout::new(folder.path()),
            settings,
        };
        let web = Web::new(parts);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let control = std::os::unix::net::UnixListener::bind(folder.path().join("agent.sock")).unwrap();
        control.set_nonblocking(true).unwrap();
        let (stop, told) = watch::channel(false);
        let served = web.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let (tcp, unix) =
                    (TcpListener::from_std(listener).unwrap(), UnixListener::from_std(control).unwrap());
                let (tcp, unix) = tokio::join!(
                    serve_tcp(tcp, served.clone(), None, told.clone()),
                    serve_unix(unix, served, told)
                );
                tcp.unwrap();
                unix.unwrap();
            });
        });
        Self { address, web, ear, board, folder, stop, thread: Some(thread) }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    /// A request with these headers; `Host` is added unless it is among them.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        converse(TcpStream::connect(self.address).unwrap(), &self.host(), method, path, headers, body)
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, &[], "")
    }

    /// The same over the control socket.
    pub(crate) fn ask_control(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let stream = UnixStream::connect(self.folder.path().join("agent.sock")).unwrap();
        converse(stream, "muster", method, path, headers, body)
    }

    /// A credential, made as the server makes it.
    pub(crate) fn issue(&self, kind: CredentialKind, scope: &str, lasts: Option<Span>) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let now = muster_host::clock::now().wall;
        runtime.block_on(issue(&self.web.parts.store, kind, "anna", scope, now, lasts)).unwrap()
    }

    /// A signed-in browser: its cookie and its form token.
    pub(crate) fn sign_in(&self) -> (String, String) {
        let cookie = format!("muster={}", self.issue(CredentialKind::Session, "", Some(Span::hours(1))));
        let page = self.ask("GET", "/", &[("cookie", &cookie)], "").body;
        let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        (cookie, csrf)
    }

    pub(crate) fn heard(&self) -> Vec<Signal> {
        self.ear.heard.lock().unwrap().clone()
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Snapshot)) {
        self.board.send_modify(|shared| {
            let mut snapshot = Snapshot::clone(shared);
            change(&mut snapshot);
            snapshot.board.at = Timestamp::from_millis(snapshot.board.at.millis() + 1);
            *shared = Arc::new(snapshot);
        });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

pub(crate) fn converse(
    mut stream: impl Read + Write,
    host: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Reply {
    let mut head =
        format!("{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    if !headers.iter().any(|(name, _)| *name == "host") {
        head.push_str(&format!("host: {host}\r\n"));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    // A server that has seen enough may hang up on the rest.
    stream.write_all(body.as_bytes()).ok();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok();
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    let body = if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        unchunk(body)
    } else {
        body.to_owned()
    };
    Reply { status, head: head.to_owned(), body }
}

fn unchunk(text: &str) -> String {
    let (mut rest, mut whole) = (text, String::new());
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        let Some(chunk) = after.get(..size).filter(|chunk| !chunk.is_empty()) else { break };
        whole.push_str(chunk);
        rest = after.get(size + 2..).unwrap_or_default();
    }
    whole
}

/// Waits until `seen` gives something.
pub(crate) fn wait_for<T>(what: &str, mut seen: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = seen() {
            return found;
        }
        assert!(Instant::now() < end, "waited in vain for {what}");
        std::thread::yield_now();
    }
}
