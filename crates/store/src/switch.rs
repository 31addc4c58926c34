//! The engine in use, exchangeable while others hold on to it: when a damaged file was replaced, the web reads the new
//! one without being told.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use muster_core::effect::{SlotClosed, Transition};
use muster_core::ids::{ExpectationId, RunId, SignalId};
use muster_core::look::{Look, Tally, Trace};
use muster_core::notice::{Notice, NoticeId};
use muster_core::outbox::Entry;
use muster_core::signal::Signal;
use muster_core::time::Timestamp;

use crate::brief::Brief;
use crate::contract::{Commit, DayTally, Done, Health, Loaded, Store, StoreError};
use crate::credential::Credential;
use crate::history::{Cursor, Listed, Run};
use crate::keep::{Keep, Pruned};
use crate::mailing::{Fate, Mail, MailCounts, Mailing, Subscribed, Subscriber};

/// Passes everything on to the engine of the moment.
pub struct Switch(RwLock<Arc<dyn Store>>);

impl Switch {
    /// Begins with this engine.
    pub fn new(engine: Arc<dyn Store>) -> Self {
        Self(RwLock::new(engine))
    }

    /// From now on this engine is used. Calls that are under way end on the old one.
    pub fn put(&self, engine: Arc<dyn Store>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = engine;
    }

    /// The engine of the moment.
    pub fn engine(&self) -> Arc<dyn Store> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Mailing for Switch {
    fn subscribe(&self, address: &str, now: Timestamp) -> Result<Subscribed, StoreError> {
        self.engine().subscribe(address, now)
    }
    fn unsubscribe(&self, address: &str) -> Result<bool, StoreError> {
        self.engine().unsubscribe(address)
    }
    fn subscribers(&self) -> Result<Vec<Subscriber>, StoreError> {
        self.engine().subscribers()
    }
    fn spread(&self, now: Timestamp) -> Result<bool, StoreError> {
        self.engine().spread(now)
    }
    fn next_mail(&self, now: Timestamp) -> Result<Option<Mail>, StoreError> {
        self.engine().next_mail(now)
    }
    fn settle_mail(&self, number: i64, fate: Fate) -> Result<bool, StoreError> {
        self.engine().settle_mail(number, fate)
    }
    fn mail_counts(&self) -> Result<MailCounts, StoreError> {
        self.engine().mail_counts()
    }
}

impl Store for Switch {
    fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        self.engine().commit(commit)
    }
    fn submit(&self, commit: Commit, done: Done) {
        self.engine().submit(commit, done);
    }
    fn load(&self) -> Result<Loaded, StoreError> {
        self.engine().load()
    }
    fn known(&self, ids: &[SignalId]) -> Result<HashSet<SignalId>, StoreError> {
        self.engine().known(ids)
    }
    fn transitions(
        &self,
        about: Option<&ExpectationId>,
        before: Option<Cursor>,
        limit: usize,
    ) -> Result<Listed<Transition>, StoreError> {
        self.engine().transitions(about, before, limit)
    }
    fn runs(
        &self,
        about: Option<&ExpectationId>,
        before: Option<Cursor>,
        limit: usize,
    ) -> Result<Listed<Run>, StoreError> {
        self.engine().runs(about, before, limit)
    }
    fn run(&self, about: &ExpectationId, id: &RunId) -> Result<Option<Run>, StoreError> {
        self.engine().run(about, id)
    }
    fn open_runs(&self) -> Result<Vec<Run>, StoreError> {
        self.engine().open_runs()
    }
    fn slots(&self, about: &ExpectationId, since: Timestamp) -> Result<Vec<SlotClosed>, StoreError> {
        self.engine().slots(about, since)
    }
    fn slot_days(
        &self,
        about: &ExpectationId,
        since: Timestamp,
    ) -> Result<Vec<(Timestamp, Tally)>, StoreError> {
        self.engine().slot_days(about, since)
    }
    fn notices(&self, since: Timestamp) -> Result<Vec<Notice>, StoreError> {
        self.engine().notices(since)
    }
    fn notice(&self, id: &NoticeId) -> Result<Option<Notice>, StoreError> {
        self.engine().notice(id)
    }
    fn briefs(
        &self,
        about: Option<&ExpectationId>,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<Brief>, StoreError> {
        self.engine().briefs(about, since, limit)
    }
    fn gaps(&self, since: Timestamp) -> Result<Vec<SlotClosed>, StoreError> {
        self.engine().gaps(since)
    }
    fn signals(
        &self,
        about: Option<&ExpectationId>,
        before: Option<Cursor>,
        limit: usize,
    ) -> Result<Listed<Signal>, StoreError> {
        self.engine().signals(about, before, limit)
    }
    fn deliveries(&self, before: Option<Cursor>, limit: usize) -> Result<Listed<Entry>, StoreError> {
        self.engine().deliveries(before, limit)
    }
    fn looks(&self, about: &ExpectationId, since: Timestamp, limit: usize) -> Result<Vec<Look>, StoreError> {
        self.engine().looks(about, since, limit)
    }
    fn tallies(&self, about: Option<&ExpectationId>, since: Timestamp) -> Result<Vec<DayTally>, StoreError> {
        self.engine().tallies(about, since)
    }
    fn last_slots(&self) -> Result<BTreeMap<ExpectationId, Timestamp>, StoreError> {
        self.engine().last_slots()
    }
    fn traces(&self, about: &ExpectationId, limit: usize) -> Result<Vec<Trace>, StoreError> {
        self.engine().traces(about, limit)
    }
    fn put_credential(&self, credential: &Credential) -> Result<(), StoreError> {
        self.engine().put_credential(credential)
    }
    fn credential(&self, digest: &str) -> Result<Option<Credential>, StoreError> {
        self.engine().credential(digest)
    }
    fn credentials(&self) -> Result<Vec<Credential>, StoreError> {
        self.engine().credentials()
    }
    fn spend_credential(&self, digest: &str, now: Timestamp) -> Result<Option<Credential>, StoreError> {
        self.engine().spend_credential(digest, now)
    }
    fn drop_credential(&self, digest: &str) -> Result<bool, StoreError> {
        self.engine().drop_credential(digest)
    }
    fn prune(&self, keep: &Keep, now: Timestamp) -> Result<Pruned, StoreError> {
        self.engine().prune(keep, now)
    }
    fn size(&self) -> Result<u64, StoreError> {
        self.engine().size()
    }
    fn health(&self) -> Health {
        self.engine().health()
    }
}
