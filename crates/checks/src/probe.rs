//! The seam: what a kind of check must do.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use muster_config::assertion::Assertion;
use muster_config::secret::{MaybeSecret, Secret, SecretRef};
use muster_net::endpoint::Endpoint;
use muster_net::reach::Resolver;
use tokio::time::Instant;

use crate::notebook::Notebook;

/// A future on the heap.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a kind's row reads from the configuration.
pub type Part = Arc<dyn Probe>;

/// Looks once. May be dropped at any await: whoever asked ends it at the deadline.
pub trait Probe: fmt::Debug + Send + Sync {
    /// Goes and looks. What it sees on the way goes into the scene's notebook; `Ok` means that it saw all that it came
    /// for, and the assertions decide.
    fn probe<'a>(&'a self, scene: &'a Scene) -> BoxFuture<'a, Result<(), Miss>>;

    /// What must be true of what it saw.
    fn assertions(&self) -> &[Assertion];

    /// What it looks at, for screens: an address without a secret.
    fn target(&self) -> String;

    /// The hosts and ports that it connects to, as far as the configuration alone tells: whoever judges the way out of this
    /// host asks for them.
    fn endpoints(&self) -> Vec<Endpoint> {
        Vec::new()
    }

    /// With which others it shares the room at the same time.
    fn lane(&self) -> Lane {
        Lane::Network
    }

    /// It needs this host's way out: its failure says something of that as well.
    fn is_outside(&self) -> bool {
        false
    }
}

/// A bounded number of looks of one sort go on at the same time, so that slow ones cannot starve the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// A socket or two.
    Network,
    /// Files of this host.
    Disk,
    /// Processes.
    Process,
    /// Connections to a database.
    Database,
    /// Many steps.
    Flow,
}

impl Lane {
    /// How many at the same time.
    pub fn room(self) -> usize {
        match self {
            Self::Network => 512,
            Self::Database => 8,
            Self::Disk | Self::Process | Self::Flow => 4,
        }
    }
}

/// Why a look did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Miss {
    /// What was looked at is bad.
    Down {
        /// In which way.
        class: Class,
        /// In one sentence that names what was observed; no secret in it.
        why: String,
    },
    /// Nobody could look: a secret is not there, a socket cannot be made, a container does not exist. Never counted as
    /// bad, never as good.
    Blind {
        /// In one sentence that says what to do.
        why: String,
    },
}

impl Miss {
    /// Bad in that way.
    pub fn down(class: Class, why: impl Into<String>) -> Self {
        Self::Down { class, why: why.into() }
    }

    /// Nobody could look.
    pub fn blind(why: impl Into<String>) -> Self {
        Self::Blind { why: why.into() }
    }
}

/// In which way something is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// The name has no address.
    Name,
    /// Nobody takes the connection, or nothing comes back at all.
    Connect,
    /// No trust, or no common protocol.
    Tls,
    /// It took too long.
    Timeout,
    /// It stopped in the middle, or does not speak the protocol.
    Protocol,
    /// It answered, and says no: a login, a query, an exit code.
    Refused,
    /// It is not there: a file, a mail, a row.
    Absent,
    /// An assertion is not met.
    Unmet,
    /// A fault of muster's own.
    Internal,
}

impl Class {
    /// One word for screens and records.
    pub fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Protocol => "protocol",
            Self::Refused => "refused",
            Self::Absent => "absent",
            Self::Unmet => "unmet",
            Self::Internal => "internal",
        }
    }
}

/// What a probe has at hand for one look.
#[derive(Debug)]
pub struct Scene {
    /// When it is cut off. A probe may end earlier to say something better than "timeout".
    pub deadline: Instant,
    /// How names become addresses here.
    pub resolver: Resolver,
    /// What was seen so far.
    pub notebook: Notebook,
}

impl Scene {
    /// A scene on this host, with nothing seen yet.
    pub fn here(deadline: Instant) -> Self {
        Self { deadline, resolver: Resolver::Host, notebook: Notebook::default() }
    }

    /// Fetches a secret and keeps it out of everything that is noted.
    ///
    /// # Errors
    /// [`Miss::Blind`] when it cannot be had; the words name its place and not its value.
    pub async fn secret(&self, reference: &SecretRef) -> Result<Secret, Miss> {
        let wanted = reference.clone();
        let fetched = tokio::task::spawn_blocking(move || muster_host::secret::resolve(&wanted)).await;
        let secret = match fetched {
            Ok(Ok(secret)) => secret,
            Ok(Err(error)) => return Err(Miss::blind(error.to_string())),
            Err(error) => return Err(Miss::blind(format!("the secret could not be fetched: {error}"))),
        };
        self.notebook.hide(secret.expose());
        Ok(secret)
    }

    /// As [`Scene::secret`], for a value that may be written plainly.
    ///
    /// # Errors
    /// As [`Scene::secret`].
    pub async fn value(&self, value: &MaybeSecret) -> Result<String, Miss> {
        match value {
            MaybeSecret::Plain(plain) => Ok(plain.clone()),
            MaybeSecret::Secret(reference) => Ok(self.secret(reference).await?.expose().to_owned()),
        }
    }
}
