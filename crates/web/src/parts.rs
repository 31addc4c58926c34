//! What the server is made of, and the four things it asks of the rest of the program: to be heard, to see, to speak with
//! other agents, and to keep the list of subscribers.

use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use muster_config::plan::StatusPage;
use muster_core::board::Snapshot;
use muster_core::ids::{ChannelName, ExpectationId, RunId};
use muster_core::look::Last;
use muster_core::notice::{Amendment, NoticeId};
use muster_core::signal::Signal;
use muster_doctor::facts::outside::Dialled;
use muster_host::state::Layout;
use muster_store::contract::Store;
use tokio::sync::watch;

/// A future of a trait that is used as an object.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Everything that floor 5 hands over.
#[derive(Clone)]
pub struct Parts {
    /// The roll as the agent last published it.
    pub board: watch::Receiver<Arc<Snapshot>>,
    /// History and credentials.
    pub store: Arc<dyn Store>,
    /// Whoever listens to what comes in here.
    pub ear: Arc<dyn Ear>,
    /// Whoever looks at what is to be checked.
    pub eye: Arc<dyn Eye>,
    /// Whoever speaks with other agents.
    pub envoy: Arc<dyn Envoy>,
    /// Whoever keeps the list of those who subscribed to the status page.
    pub registry: Arc<dyn Registry>,
    /// Where the logs of runs are.
    pub layout: Layout,
    /// What the configuration says.
    pub settings: Settings,
}

/// What the configuration says about this server.
#[derive(Clone)]
pub struct Settings {
    /// Name of the site, shown on every page.
    pub name: String,
    /// Version of the program.
    pub version: String,
    /// IANA time zone in which times are shown; UTC if it is not known.
    pub zone: String,
    /// The secret part of ping addresses; without it no pings are taken over TCP.
    pub ping_key: Option<String>,
    /// The password of the sign-in form; without it only one-time links sign in.
    pub password: Option<Password>,
    /// Others than this machine can reach the server (directly or through a proxy): reading needs a sign-in too.
    pub public: bool,
    /// Origins under which people reach the server besides loopback, such as `https://muster.example.com`.
    pub origins: Vec<String>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Secrets stay out of logs.
        f.debug_struct("Settings")
            .field("name", &self.name)
            .field("zone", &self.zone)
            .field("public", &self.public)
            .field("origins", &self.origins)
            .finish_non_exhaustive()
    }
}

/// The password of the sign-in form.
#[derive(Clone)]
pub enum Password {
    /// A hash in PHC form (`$argon2id$…`).
    Hash(String),
    /// The password itself, from a secret reference.
    Text(String),
}

/// Whoever listens to what comes in here: the agent.
pub trait Ear: Send + Sync {
    /// Takes signals in and answers once they are decided upon and stored.
    fn hear(&self, signals: Vec<Signal>) -> Answer<'_, Result<Heard, Deaf>>;

    /// Starts a job now. Answers once it is stored that it is to be started.
    fn run_now<'a>(
        &'a self,
        about: &'a ExpectationId,
        by: &'a str,
    ) -> Answer<'a, Result<Started, NotStarted>>;

    /// Sends a test page through one channel. The answer is the channel's receipt, or why it did not work.
    fn test_channel<'a>(&'a self, name: &'a ChannelName, by: &'a str) -> Answer<'a, Result<String, String>>;

    /// The public names of what the status page shows; none where there is no such page.
    fn components(&self) -> Option<Vec<String>>;

    /// Amends notices of the status page. Answers once that is stored; the page follows.
    fn amend(&self, amendments: Vec<(NoticeId, Amendment)>) -> Answer<'_, Result<Heard, Deaf>>;
}

/// Whoever looks at what is to be checked: the agent.
pub trait Eye: Send + Sync {
    /// How everything that is looked at looked last, by name.
    fn all(&self) -> Vec<Arc<Last>>;

    /// How one of them looked last; none if it is not looked at.
    fn of(&self, about: &ExpectationId) -> Option<Arc<Last>>;

    /// Looks at one of them now, or waits for a look that goes on; none if it is not looked at.
    fn look_now<'a>(&'a self, about: &'a ExpectationId) -> Answer<'a, Result<Option<Last>, Deaf>>;
}

/// Whoever speaks with other agents: the agent.
pub trait Envoy: Send + Sync {
    /// Takes in what another agent sends, and answers at once: a status, and JSON. It knows by itself who that is.
    fn hear(&self, from: IpAddr, message: &[u8]) -> (u16, Vec<u8>);

    /// Looks at what another agent asks for, and answers what was seen: at most a minute later.
    fn look<'a>(&'a self, from: IpAddr, message: &'a [u8]) -> Answer<'a, (u16, Vec<u8>)>;

    /// Connects to the ports of another agent's host, at `from` and nowhere else, and answers what became of it: at most
    /// ten seconds later.
    fn dial<'a>(&'a self, from: IpAddr, message: &'a [u8]) -> Answer<'a, (u16, Vec<u8>)>;

    /// Has another agent connect to these TCP ports of this host.
    fn have_dialled<'a>(&'a self, peer: &'a str, ports: &'a [u16])
    -> Answer<'a, Result<Dialled, NotDialled>>;
}

/// Why another agent did not connect to this host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct NotDialled {
    /// In which way it went wrong.
    pub fault: DialFault,
    /// Why not.
    pub what: String,
    /// What to try.
    pub help: String,
}

/// In which way another agent did not connect to this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialFault {
    /// There is no such agent here.
    Unknown,
    /// It cannot be asked that.
    Unaskable,
    /// It was asked.
    There,
}

/// Whoever keeps the list of those who subscribed to the status page: the agent.
pub trait Registry: Send + Sync {
    /// The page that people subscribe to; none where they cannot.
    fn page(&self) -> Option<StatusPage>;

    /// Takes in that somebody wants to subscribe with an address; false if the text is none. Nothing else can be told from
    /// the answer, nor from the time that it takes.
    fn ask(&self, from: IpAddr, address: &str) -> bool;

    /// What the query of a link to confirm says; the address is subscribed afterwards if `act` says so.
    fn confirm<'a>(&'a self, query: &'a str, act: bool) -> Answer<'a, Link>;

    /// What the query of a link to end it says; the address is off the list afterwards if `act` says so.
    fn leave<'a>(&'a self, query: &'a str, act: bool) -> Answer<'a, Link>;
}

/// What a link that was mailed comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// It is good for this address; what it says was done, if it was to be done.
    Good(String),
    /// It was good.
    TooOld,
    /// It is none of ours, or not whole.
    Nothing,
    /// There is no room on the list.
    Full,
    /// It cannot be stored at present.
    NotNow,
}

/// What became of signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// They survive the process and the power. False while the store cannot be written and memory stands in.
    pub durable: bool,
}

/// A run that was asked for and is about to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// The run.
    pub run: RunId,
    /// See [`Heard::durable`].
    pub durable: bool,
}

/// Why a run that was asked for will not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotStarted {
    /// Nobody took the wish in.
    #[error(transparent)]
    Deaf(#[from] Deaf),
    /// It is nothing that can be started here.
    #[error("{what}")]
    Refused {
        /// Why not.
        what: String,
        /// What to try.
        help: String,
    },
}

/// Why signals were not taken in. The sender should try again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Deaf {
    /// Too many signals are waiting.
    #[error("too many signals are waiting")]
    Busy,
    /// The agent is stopping, or has stopped.
    #[error("the agent is not listening")]
    Stopped,
    /// They could not be stored.
    #[error("the signal could not be stored: {0}")]
    Unstored(String),
}
