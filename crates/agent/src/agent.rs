//! Starting and stopping.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use muster_core::board::Snapshot;
use muster_host::lock::{Attempt, Lock, wait};
use muster_host::state::Layout;
use muster_store::contract::Store;
use sd_notify::NotifyState;
use tokio::net::UnixDatagram;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;

use crate::driver;
use crate::duties::{Context, Duties, tell_systemd};
use crate::handle::Handle;
use crate::ledger::Ledger;
use crate::looks::{Lookout, Sights};
use crate::parts::Parts;
use crate::peers::Circle;
use crate::proof::Findings;
use crate::resident::message::Message;
use crate::resident::{Origin, Resident, Settings, Vitals};
use crate::roster::Roster;
use crate::subscribe::desk::Desk;

/// Messages that may wait for the resident; whoever sends more waits.
const INBOX: usize = 2048;

/// Looks that may be asked for at the same time.
const ORDERS: usize = 16;

/// A program that an agent was starting when it was killed holds its lock for as long as it takes to become itself.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);

/// How long duties have to come to their end.
const LAST_DUTIES: Duration = Duration::from_secs(1);

/// How long the resident has to write everything down.
const LAST_WORDS: Duration = Duration::from_secs(4);

/// Why an agent did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The state directory cannot be made.
    #[error("the state directory {path} cannot be made: {source}")]
    State {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another agent works on the same state directory. Two would page everything twice.
    #[error("another muster is running on {0}")]
    Running(PathBuf),
}

/// Why an agent ended by itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the agent broke down: {0}")]
pub struct Broken(String);

/// A running agent. Dropping it ends it without last words; [`Agent::stop`] ends it well.
pub struct Agent {
    handle: Handle,
    stop: watch::Sender<bool>,
    duties: JoinSet<()>,
    resident: JoinSet<()>,
    /// Freed when everything is written down.
    _lock: Option<Lock>,
}

impl Agent {
    /// Starts everything. A store that cannot be opened is no reason not to start: the agent then works in memory,
    /// says so, and comes back to the disk when it can.
    ///
    /// # Errors
    /// [`StartError`] when there is no place for its files at all.
    pub async fn start(parts: Parts) -> Result<Self, StartError> {
        let Parts { layout, users, plan, open, boot, clock, survey, config, starter, examiner } = parts;
        if let Err(source) = layout.create()
            // A full or read-only disk with the folders in place will do.
            && !layout.root().is_dir()
        {
            return Err(StartError::State { path: layout.root().to_owned(), source });
        }
        let lock = lock(&layout)?;
        let (ledger, loaded, opened) = Ledger::open(open, clock.now().uptime).await;
        let store: Arc<dyn Store> = ledger.reader();
        let (inbox, messages) = mpsc::channel(INBOX);
        let (board, snapshots) = watch::channel(Arc::new(Snapshot::default()));
        let (settings, settings_seen) = watch::channel(Settings::of(&plan));
        let (stop, stopped) = watch::channel(false);
        let roster = Arc::new(Roster::default());
        let vitals = Arc::new(Vitals::new());
        let [wake_spool, wake_store, wake_config, wake_start, wake_discover, wake_status, wake_mail] =
            std::array::from_fn(|_| Arc::new(Notify::new()));
        let findings = Arc::new(Findings::new(Arc::clone(&vitals)));
        let circle = Arc::new(Circle::new(Arc::clone(&clock), Arc::clone(&findings), settings_seen.clone()));
        let (orders, ordered) = mpsc::channel(ORDERS);
        let sights = Arc::new(Sights::default());
        let desk = Arc::new(Desk::new(
            Arc::clone(&clock),
            settings_seen.clone(),
            Arc::clone(&store),
            layout.clone(),
            Arc::clone(&wake_mail),
        ));
        let handle = Handle {
            inbox,
            board: snapshots,
            store,
            roster: Arc::clone(&roster),
            sights: Arc::clone(&sights),
            orders,
            circle: Arc::clone(&circle),
            settings: settings_seen.clone(),
            desk: Arc::clone(&desk),
        };
        let resident = Resident::new(Origin {
            clock: Arc::clone(&clock),
            boot,
            plan,
            duties: Duties::expectations(),
            ledger,
            loaded,
            opened,
            board,
            settings,
            vitals: Arc::clone(&vitals),
            roster: Arc::clone(&roster),
            circle: Arc::clone(&circle),
            wake_store: Arc::clone(&wake_store),
            wake_spool: Arc::clone(&wake_spool),
            wake_start: Arc::clone(&wake_start),
            wake_discover: Arc::clone(&wake_discover),
            wake_status: Arc::clone(&wake_status),
            starts_jobs: starter.is_some(),
        });
        let mut residents = JoinSet::new();
        residents.spawn(resident.live(messages, stopped.clone()));
        let mut tasks = JoinSet::new();
        listen(&mut tasks, layout.datagram(), Arc::clone(&wake_spool), stopped.clone());
        hang_up(&mut tasks, Arc::clone(&wake_config), stopped.clone());
        let lookout = Lookout::new(&handle, Arc::clone(&clock), settings_seen.clone(), ordered);
        let pulse = lookout.pulse();
        tasks.spawn(lookout.keep(stopped.clone()));
        let context = Context {
            pulse,
            findings,
            circle,
            handle: handle.clone(),
            clock,
            layout,
            users,
            survey,
            config,
            settings: settings_seen,
            vitals,
            roster: Arc::clone(&roster),
            wake_spool,
            wake_store,
            wake_config,
            wake_start,
            wake_discover,
            wake_status,
            wake_mail,
            desk,
            starter,
            examiner,
        };
        for registration in Duties::new(&context).list() {
            roster.enrol(&registration);
            let inbox = handle.inbox.clone();
            // A queue that is full means that the resident stands still; the audit says so.
            let report = move |done| drop(inbox.try_send(Message::Performed(done)));
            driver::drive(&mut tasks, registration, report, stopped.clone());
        }
        Ok(Self { handle, stop, duties: tasks, resident: residents, _lock: lock })
    }

    /// What others may ask of it.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Waits until it ends by itself, which it never should: the process must then end as well, so that whoever
    /// started it starts it again.
    pub async fn ended(&mut self) -> Broken {
        tokio::select! {
            one = self.resident.join_next() => broken(one),
            one = self.duties.join_next() => broken(one),
        }
    }

    /// Ends it: no more is heard, deliveries under way get two seconds, everything is written down. Five seconds at
    /// most.
    ///
    /// # Errors
    /// [`Broken`] when something was left undone. What was confirmed before is on disk in any case.
    pub async fn stop(mut self) -> Result<(), Broken> {
        // Without systemd, or with one that cannot be told, the end is the same.
        drop(tell_systemd(&[NotifyState::Stopping]));
        self.stop.send_replace(true);
        let duties = tokio::time::timeout(LAST_DUTIES, drain(&mut self.duties)).await;
        if duties.is_err() {
            // Stuck in the kernel, perhaps on a dead disk: nothing that waiting would help.
            self.duties.shutdown().await;
        }
        match tokio::time::timeout(LAST_WORDS, drain(&mut self.resident)).await {
            Ok(ended) => ended,
            Err(_) => Err(Broken(format!("its state was not written within {LAST_WORDS:?}"))),
        }
    }
}

/// Makes sure that there is one agent per state directory. A lock that cannot be taken at all, on a disk that is full or
/// read-only, must not stop the one agent that could tell of it.
fn lock(layout: &Layout) -> Result<Option<Lock>, StartError> {
    let sleep = |pause| {
        std::thread::sleep(pause);
        true
    };
    match wait(&layout.root().join("agent.lock"), LOCK_PATIENCE, sleep) {
        Ok(Attempt::Locked(lock)) => Ok(Some(lock)),
        Ok(Attempt::Held(_) | Attempt::Orphaned(_)) => Err(StartError::Running(layout.root().to_owned())),
        Err(error) => {
            tracing::warn!(%error, "the agent's lock cannot be taken");
            Ok(None)
        }
    }
}

async fn drain(tasks: &mut JoinSet<()>) -> Result<(), Broken> {
    let mut ended = Ok(());
    while let Some(one) = tasks.join_next().await {
        if one.is_err() {
            ended = Err(broken(Some(one)));
        }
    }
    ended
}

fn broken(one: Option<Result<(), tokio::task::JoinError>>) -> Broken {
    Broken(match one {
        Some(Err(error)) => error.to_string(),
        Some(Ok(())) => "a task ended that never ends".to_owned(),
        None => "there is no task".to_owned(),
    })
}

/// Wakes the spool's duty at each datagram. Without the socket the spool is read every few seconds all the same.
fn listen(tasks: &mut JoinSet<()>, path: PathBuf, wake: Arc<Notify>, mut stop: watch::Receiver<bool>) {
    tasks.spawn(async move {
        // Left behind by a life that ended without last words.
        drop(std::fs::remove_file(&path));
        let socket = match UnixDatagram::bind(&path) {
            Ok(socket) => Some(socket),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "nobody can wake the agent; the spool is polled");
                None
            }
        };
        let mut word = [0; 64];
        loop {
            let heard = async {
                match &socket {
                    Some(socket) => {
                        if socket.recv(&mut word).await.is_err() {
                            tokio::time::sleep(Duration::from_secs(1)).await;
                        }
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                () = heard => wake.notify_one(),
            }
        }
        drop(std::fs::remove_file(&path));
    });
}

/// Reads the configuration again at SIGHUP.
fn hang_up(tasks: &mut JoinSet<()>, wake: Arc<Notify>, mut stop: watch::Receiver<bool>) {
    tasks.spawn(async move {
        let mut hangups = match signal(SignalKind::hangup()) {
            Ok(hangups) => Some(hangups),
            Err(error) => {
                tracing::warn!(%error, "SIGHUP is not heard; the configuration is watched by its file");
                None
            }
        };
        loop {
            let heard = async {
                match &mut hangups {
                    Some(hangups) => hangups.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                _ = heard => wake.notify_one(),
            }
        }
    });
}
