//! A temporary host for an agent, and waiting with a deadline.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use muster_agent::agent::{Agent, StartError};
use muster_agent::clock::Clock;
use muster_agent::handle::Handle;
use muster_agent::parts::{AgentPlan, Beat, Channel, ConfigSource, Parts, StoreOpener, Telling};
use muster_core::board::{Line as BoardLine, Snapshot};
use muster_core::expectation::{Expectation, Rhythm};
use muster_core::host_roll::HostRoll;
use muster_core::ids::{ChannelName, ExpectationId, RunId};
use muster_core::signal::{Ending, Outcome, Report, Signal};
use muster_core::time::{Now, Span};
use muster_host::atomic::Durability;
use muster_host::spool::Spool;
use muster_host::spool::users::Users;
use muster_host::state::Layout;
use muster_store::contract::Store;
use muster_store::keep::Keep;
use muster_store::sqlite::Sqlite;

use crate::receiver::{Line, Receiver};

/// The clock of this machine, moved.
#[derive(Default)]
pub(crate) struct Moved(AtomicU64);

impl Moved {
    pub(crate) fn forward(&self, span: Span) {
        self.0.fetch_add(span.as_millis(), Ordering::SeqCst);
    }
}

impl Clock for Moved {
    fn now(&self) -> Now {
        let now = muster_host::clock::now();
        let ahead = Span::millis(self.0.load(Ordering::SeqCst));
        Now { wall: now.wall + ahead, uptime: now.uptime + ahead }
    }
}

/// A host with one receiver, on which agents live one after the other.
pub(crate) struct House {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) layout: Layout,
    pub(crate) receiver: Receiver,
    pub(crate) clock: Arc<Moved>,
    pub(crate) host: Arc<Mutex<HostRoll>>,
    pub(crate) config: Option<ConfigSource>,
    pub(crate) users: Option<Users>,
    pub(crate) plan: AgentPlan,
    pub(crate) starter: Option<muster_agent::parts::Starter>,
    pub(crate) examiner: Option<muster_agent::parts::Examiner>,
}

pub(crate) fn id(text: &str) -> ExpectationId {
    ExpectationId::new(text).unwrap()
}

pub(crate) fn channel(name: &str) -> ChannelName {
    ChannelName::new(name).unwrap()
}

pub(crate) fn telling(name: &str, channel_part: Arc<dyn Channel>) -> Telling {
    Telling { name: channel(name), fallback: None, quota: None, channel: channel_part }
}

pub(crate) fn expects(name: &str, rhythm: Rhythm) -> Expectation {
    let mut expectation = Expectation::new(id(name), rhythm, Span::minutes(5));
    expectation.notify = vec![channel("ops")];
    expectation
}

pub(crate) fn plan_to(receiver: &Receiver, expectations: Vec<Expectation>) -> AgentPlan {
    plan_to_address(receiver.address, expectations)
}

pub(crate) fn plan_to_address(address: std::net::SocketAddr, expectations: Vec<Expectation>) -> AgentPlan {
    AgentPlan {
        name: "house".into(),
        peers: std::sync::Arc::new([]),
        expectations,
        timers: BTreeMap::new(),
        notify: vec![channel("ops")],
        steps: Vec::new(),
        channels: vec![telling("ops", Arc::new(Line(address)))],
        zone: "UTC".into(),
        keep: Keep::default(),
        logs: muster_run::log::bounds::Bounds::default(),
        beat: None,
        starts: muster_agent::parts::Starts::default(),
        checks: std::sync::Arc::new([]),
        canaries: std::sync::Arc::new([]),
        status: None,
        mail: None,
        drift: None,
    }
}

pub(crate) fn opener(path: PathBuf) -> StoreOpener {
    Arc::new(move || {
        let (engine, opened) = Sqlite::open(&path, &Keep::default(), muster_host::clock::now().wall)?;
        Ok((Arc::new(engine) as Arc<dyn Store>, opened))
    })
}

impl House {
    pub(crate) fn new(expectations: Vec<Expectation>) -> Self {
        Self::with_receiver(expectations, Receiver::start())
    }

    pub(crate) fn with_receiver(expectations: Vec<Expectation>, receiver: Receiver) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path().join("state"));
        let plan = plan_to(&receiver, expectations);
        let (clock, host) = (Arc::default(), Arc::default());
        Self {
            folder,
            layout,
            receiver,
            clock,
            host,
            config: None,
            users: None,
            plan,
            starter: None,
            examiner: None,
        }
    }

    pub(crate) async fn start(&self) -> Agent {
        self.try_start().await.unwrap()
    }

    pub(crate) async fn try_start(&self) -> Result<Agent, StartError> {
        let host = Arc::clone(&self.host);
        let parts = Parts {
            layout: self.layout.clone(),
            users: self.users.clone(),
            plan: self.plan.clone(),
            open: opener(self.layout.db()),
            boot: muster_host::clock::boot_id().unwrap(),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            survey: Arc::new(move || host.lock().unwrap().clone()),
            config: self.config.clone(),
            starter: self.starter.clone(),
            examiner: self.examiner.clone(),
        };
        Agent::start(parts).await
    }

    pub(crate) fn beat(&mut self, call: muster_agent::parts::Beacon) {
        self.plan.beat = Some(Beat { every: Span::seconds(1), call });
    }

    /// Leaves a record as the wrapper does.
    pub(crate) fn spool(&self, signal: &Signal) {
        self.layout.create().unwrap();
        Spool::new(&self.layout).write(signal, Durability::Kernel).unwrap();
        muster_host::spool::wake(&self.layout.datagram());
    }

    pub(crate) fn records(&self) -> usize {
        records(&self.layout.spool())
    }
}

pub(crate) fn records(spool: &Path) -> usize {
    let entries = std::fs::read_dir(spool).unwrap().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(".json")).count()
}

pub(crate) fn signal(about: &str, run: Option<&str>, report: Report) -> Signal {
    let at = muster_host::clock::now().wall;
    Signal {
        id: muster_host::ids::signal_id(at),
        about: id(about),
        at,
        run: run.map(|run| RunId::new(run).unwrap()),
        report,
    }
}

pub(crate) fn failure() -> Report {
    Report::Failure(Outcome::bare(Ending::Exit { code: 3 }))
}

pub(crate) fn success() -> Report {
    Report::Success(Outcome::bare(Ending::Exit { code: 0 }))
}

/// Runs one test on a runtime as the product has it.
pub(crate) fn on_one_thread(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until the board says something.
pub(crate) async fn until_board(handle: &Handle, what: &str, mut holds: impl FnMut(&Snapshot) -> bool) {
    let mut board = handle.board();
    let shown = board.wait_for(|snapshot| holds(snapshot));
    let waited = tokio::time::timeout(Duration::from_secs(30), shown).await;
    assert!(waited.is_ok(), "never on the board: {what}: {:#?}", handle.board().borrow());
}

pub(crate) fn line(snapshot: &Snapshot, about: &str) -> Option<BoardLine> {
    snapshot.board.lines.iter().find(|line| line.id.as_str() == about).cloned()
}

pub(crate) fn word(snapshot: &Snapshot, about: &str) -> &'static str {
    line(snapshot, about).map_or("absent", |line| line.condition.word())
}
