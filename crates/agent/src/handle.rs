//! What others may ask of a running agent.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use muster_core::board::Snapshot;
use muster_core::ids::{ChannelName, ExpectationId, RunId};
use muster_core::look::Last;
use muster_core::notice::{Amendment, NoticeId};
use muster_core::outbox::Delivery;
use muster_core::signal::Signal;
use muster_doctor::facts::outside::Dialled;
use muster_store::contract::Store;
use tokio::sync::{mpsc, oneshot, watch};

use crate::looks::{Order, Sights};
use crate::parts::AgentPlan;
use crate::peers::{Circle, NotDialled, Reply};
use crate::resident::Settings;
use crate::resident::message::{Message, Source};
use crate::roster::{Roster, Standing};
use crate::subscribe::desk::Desk;

/// How long a caller waits for room in the queue, and for the answer.
const ANSWER: Duration = Duration::from_secs(15);

/// How long a test page may take: a channel's own deadline and some more.
const TEST: Duration = Duration::from_secs(45);

/// How long somebody who asked for a look waits for it.
const LOOK: Duration = Duration::from_secs(120);

/// A running agent, as the web and the command line see it. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    pub(crate) inbox: mpsc::Sender<Message>,
    pub(crate) board: watch::Receiver<Arc<Snapshot>>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) roster: Arc<Roster>,
    pub(crate) sights: Arc<Sights>,
    pub(crate) orders: mpsc::Sender<Order>,
    pub(crate) circle: Arc<Circle>,
    pub(crate) settings: watch::Receiver<Settings>,
    pub(crate) desk: Arc<Desk>,
}

/// What became of signals.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Heard {
    /// How many changed the state of an expectation.
    pub heard: usize,
    /// How many had been heard before.
    pub repeated: usize,
    /// Whom nobody expects, and who were not taken in.
    pub unknown: Vec<ExpectationId>,
    /// They are on disk. False while the store is gone: then they are in memory only.
    pub durable: bool,
}

/// A run that a person asked for, and that will be started in a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// The run.
    pub run: RunId,
    /// That it was asked for is on disk: it is started even if the agent dies now.
    pub durable: bool,
}

/// Why a job cannot be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotStartable {
    /// Nobody expects it.
    #[error("no job of that name is on the roll")]
    Unknown,
    /// Its command is not in the configuration.
    #[error("its command is not written down")]
    NoCommand,
    /// This agent starts nothing.
    #[error("this agent starts no jobs")]
    NoStarter,
}

/// Why the agent did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandleError {
    /// It has stopped, or is about to.
    #[error("the agent has stopped")]
    Stopped,
    /// It did not answer in time.
    #[error("the agent did not answer within {0:?}")]
    Busy(Duration),
}

impl Handle {
    /// The state of everything; a new one after each change.
    pub fn board(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.board.clone()
    }

    /// The store, for reading and for credentials. It stays valid when the engine behind it is replaced.
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    /// How everything that is looked at looked last.
    pub fn sights(&self) -> Arc<Sights> {
        Arc::clone(&self.sights)
    }

    /// Takes a message of another agent in, and answers it.
    pub fn hear_peer(&self, from: IpAddr, message: &[u8]) -> Reply {
        self.circle.hear(from, message)
    }

    /// Looks for another agent, and answers what was seen.
    pub async fn look_for_peer(&self, from: IpAddr, message: &[u8]) -> Reply {
        self.circle.look_for(from, message).await
    }

    /// Connects to the ports of another agent's host, and answers what became of it: at most ten seconds later.
    pub async fn dial_for_peer(&self, from: IpAddr, message: &[u8]) -> Reply {
        self.circle.dial_for(from, message).await
    }

    /// Has a peer connect to these TCP ports of this host; at most 64.
    ///
    /// # Errors
    /// [`NotDialled`].
    pub async fn have_dialled(&self, peer: &str, ports: &[u16]) -> Result<Dialled, NotDialled> {
        self.circle.have_dialled(peer, ports).await
    }

    /// Looks at one thing now, beside its rounds; what was seen. None if nobody of that name is looked at.
    ///
    /// # Errors
    /// [`HandleError`].
    pub async fn look_now(&self, about: ExpectationId) -> Result<Option<Last>, HandleError> {
        let (reply, answer) = oneshot::channel();
        let asked = async {
            self.orders.send(Order { about, reply }).await.map_err(|_| HandleError::Stopped)?;
            answer.await.map_err(|_| HandleError::Stopped)
        };
        tokio::time::timeout(LOOK, asked).await.unwrap_or(Err(HandleError::Busy(LOOK)))
    }

    /// Whoever people subscribe to the status page with.
    pub fn desk(&self) -> Arc<Desk> {
        Arc::clone(&self.desk)
    }

    /// How each duty stands.
    pub fn duties(&self) -> Vec<Standing> {
        self.roster.list()
    }

    /// Hears signals; returns once they are durable, or in memory if that is all there is. The ids must be fresh: a
    /// repeated one is ignored only while the roll call remembers it.
    ///
    /// # Errors
    /// [`HandleError`]; the signals may have been heard all the same after [`HandleError::Busy`].
    pub async fn hear(&self, signals: Vec<Signal>) -> Result<Heard, HandleError> {
        self.ask(ANSWER, |reply| Message::Hear { signals, source: Source::Fresh, reply }).await
    }

    /// Replaces the plan.
    ///
    /// # Errors
    /// [`HandleError`].
    pub async fn reload(&self, plan: AgentPlan) -> Result<(), HandleError> {
        self.ask(ANSWER, |reply| Message::Reload { outcome: Ok(Box::new(plan)), reply }).await
    }

    /// Sends a test page through one channel and returns what became of the first try; none if there is no such
    /// channel.
    ///
    /// # Errors
    /// [`HandleError`].
    pub async fn test_channel(
        &self,
        channel: ChannelName,
        by: String,
    ) -> Result<Option<Delivery>, HandleError> {
        self.ask(TEST, |reply| Message::Test { channel, by, reply }).await
    }

    /// Starts a job now, beside whatever is due. Returns once that is stored; the run's own reports tell the rest.
    ///
    /// # Errors
    /// [`HandleError`]; after [`HandleError::Busy`] it may be started all the same.
    pub async fn run_now(
        &self,
        about: ExpectationId,
        by: String,
    ) -> Result<Result<Started, NotStartable>, HandleError> {
        self.ask(ANSWER, |reply| Message::RunNow { about, by, reply }).await
    }

    /// The public names of what the status page shows; none where there is no such page.
    pub fn components(&self) -> Option<Vec<String>> {
        let settings = self.settings.borrow();
        let sheet = settings.status.as_ref()?;
        Some(sheet.page.components.iter().map(|component| component.name.clone()).collect())
    }

    /// Amends notices; the status page follows by itself. True if that is on disk, false while the store is gone.
    ///
    /// # Errors
    /// [`HandleError`]; after [`HandleError::Busy`] it may have been done all the same.
    pub async fn amend(&self, amendments: Vec<(NoticeId, Amendment)>) -> Result<bool, HandleError> {
        self.ask(ANSWER, |reply| Message::Amend { amendments, reply }).await
    }

    pub(crate) async fn ask<T>(
        &self,
        patience: Duration,
        message: impl FnOnce(oneshot::Sender<T>) -> Message,
    ) -> Result<T, HandleError> {
        let (reply, answer) = oneshot::channel();
        let asked = async {
            self.inbox.send(message(reply)).await.map_err(|_| HandleError::Stopped)?;
            answer.await.map_err(|_| HandleError::Stopped)
        };
        tokio::time::timeout(patience, asked).await.unwrap_or(Err(HandleError::Busy(patience)))
    }
}
