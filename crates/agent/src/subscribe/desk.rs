//! Takes wishes in, and does what links say.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use muster_config::plan::StatusPage;
use muster_config::secret::Secret;
use muster_core::time::Timestamp;
use muster_host::state::Layout;
use muster_store::contract::{Store, StoreError};
use muster_store::mailing::Subscribed;
use tokio::sync::{Notify, watch};

use super::address;
use super::limits::Limits;
use super::token::{self, Deed, Said};
use super::wishes::Wishes;
use crate::clock::Clock;
use crate::ledger::blocking;
use crate::resident::Settings;

/// How long somebody waits for the store.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a link comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// It is ours and about this address; what it says was done, if it was to be done.
    Good(String),
    /// It was ours.
    TooOld,
    /// It is not ours, or not whole.
    Nothing,
    /// There is no room on the list.
    Full,
    /// It cannot be stored at present.
    NotNow,
}

/// Whoever people subscribe with.
pub struct Desk {
    clock: Arc<dyn Clock>,
    settings: watch::Receiver<Settings>,
    store: Arc<dyn Store>,
    layout: Layout,
    key: OnceLock<Secret>,
    limits: Mutex<Limits>,
    pub(super) wishes: Wishes,
    wake: Arc<Notify>,
}

impl Desk {
    /// `wake` is told of each wish.
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        settings: watch::Receiver<Settings>,
        store: Arc<dyn Store>,
        layout: Layout,
        wake: Arc<Notify>,
    ) -> Self {
        let (key, limits, wishes) = (OnceLock::new(), Mutex::default(), Wishes::default());
        Self { clock, settings, store, layout, key, limits, wishes, wake }
    }

    /// The page that people subscribe to; none where they cannot.
    pub fn page(&self) -> Option<StatusPage> {
        let settings = self.settings.borrow();
        let sheet = settings.status.as_ref().filter(|_| settings.mail.is_some())?;
        Some(sheet.page.clone()).filter(|page| page.subscribe.is_some())
    }

    /// Takes a wish in; false if the text is no address. Whether a mail is sent for it cannot be told from the answer, nor
    /// from the time that it takes.
    pub fn ask(&self, from: IpAddr, text: &str) -> bool {
        let Some(address) = address::read(text) else { return false };
        let now = self.now();
        if self.limits.lock().unwrap_or_else(PoisonError::into_inner).allow(&address, from, now) {
            self.wishes.put(address, now);
            self.wake.notify_one();
        }
        true
    }

    /// What the query of a link to confirm says; the address is on the list afterwards if `act` says so.
    pub async fn confirm(&self, query: &str, act: bool) -> Link {
        let now = self.now();
        match self.said(Deed::Confirm, query, now).await {
            Some(Said::Good(address)) if act => {
                let wanted = address.clone();
                match self.stored(move |store| store.subscribe(&wanted, now)).await {
                    Some(Subscribed::New) => {
                        tracing::info!(address = address::masked(&address), "somebody subscribed");
                        Link::Good(address)
                    }
                    Some(Subscribed::Already) => Link::Good(address),
                    Some(Subscribed::Full) => Link::Full,
                    None => Link::NotNow,
                }
            }
            said => link(said),
        }
    }

    /// What the query of a link to end it says; the address is off the list afterwards if `act` says so.
    pub async fn leave(&self, query: &str, act: bool) -> Link {
        match self.said(Deed::Leave, query, self.now()).await {
            Some(Said::Good(address)) if act => {
                let wanted = address.clone();
                match self.stored(move |store| store.unsubscribe(&wanted)).await {
                    Some(gone) => {
                        if gone {
                            tracing::info!(address = address::masked(&address), "somebody unsubscribed");
                        }
                        Link::Good(address)
                    }
                    None => Link::NotNow,
                }
            }
            said => link(said),
        }
    }

    /// The link that asks an address whether it is somebody's own.
    pub(super) fn question(&self, key: &Secret, url: &str, address: &str) -> Option<String> {
        let query = token::seal(key, Deed::Confirm, address, self.now())?;
        Some(format!("{url}/status/confirm?{query}"))
    }

    /// The link that ends a subscription.
    pub(super) fn way_out(&self, key: &Secret, url: &str, address: &str) -> Option<String> {
        let query = token::seal(key, Deed::Leave, address, self.now())?;
        Some(format!("{url}/status/unsubscribe?{query}"))
    }

    pub(super) fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now().wall
    }

    /// The key of all links.
    pub(super) async fn key(&self) -> Result<Secret, String> {
        if let Some(key) = self.key.get() {
            return Ok(key.clone());
        }
        let layout = self.layout.clone();
        let made = blocking(PATIENCE, move || token::key(&layout).map_err(StoreError::Unavailable)).await;
        made.map(|key| self.key.get_or_init(|| key).clone()).map_err(|error| error.to_string())
    }

    async fn said(&self, deed: Deed, query: &str, now: Timestamp) -> Option<Said> {
        match self.key().await {
            Ok(key) => Some(token::read(&key, deed, query, now)),
            Err(error) => {
                tracing::warn!(error, "a link cannot be read");
                None
            }
        }
    }

    async fn stored<T: Send + 'static>(
        &self,
        act: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Option<T> {
        let store = self.store();
        match blocking(PATIENCE, move || act(store.as_ref())).await {
            Ok(done) => Some(done),
            Err(error) => {
                tracing::warn!(%error, "the list of subscribers cannot be changed");
                None
            }
        }
    }
}

/// What is shown of a link that nothing was done with.
fn link(said: Option<Said>) -> Link {
    match said {
        Some(Said::Good(address)) => Link::Good(address),
        Some(Said::TooOld) => Link::TooOld,
        Some(Said::Nothing) => Link::Nothing,
        None => Link::NotNow,
    }
}
