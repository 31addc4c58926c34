//! The contract over one file.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use muster_core::effect::{SlotClosed, Transition};
use muster_core::ids::{ExpectationId, RunId, SignalId};
use muster_core::look::{Look, Tally, Trace};
use muster_core::notice::{Notice, NoticeId};
use muster_core::outbox::Entry;
use muster_core::signal::Signal;
use muster_core::time::Timestamp;
use rusqlite::Connection;

use super::looks::Unread;
use super::open::{self, Opened};
use super::readers::Readers;
use super::writer::Writer;
use super::{looks, mailing, notices, prune, read, write};
use crate::brief::Brief;
use crate::contract::{Commit, DayTally, Done, Health, Loaded, Store, StoreError};
use crate::credential::Credential;
use crate::history::{Cursor, Listed, Run};
use crate::keep::{Keep, Pruned};
use crate::mailing::{Fate, Mail, MailCounts, Mailing, Subscribed, Subscriber};

/// The embedded database.
pub struct Sqlite {
    writer: Writer,
    readers: Readers,
    keep: Keep,
    /// What was met and could not be read.
    unread: Mutex<BTreeSet<String>>,
}

/// Most sentences about what could not be read.
const SENTENCES: usize = 20;

impl Sqlite {
    /// Opens the file at `path`, makes it if there is none, and migrates an old one. A damaged file is moved aside and
    /// a new one made, which [`Opened`] tells.
    ///
    /// # Errors
    /// [`StoreError`] when the folder is missing, full or read-only, or somebody else holds the file.
    pub fn open(path: &Path, keep: &Keep, now: Timestamp) -> Result<(Self, Opened), StoreError> {
        let (connection, opened) = open::open(path, keep, now)?;
        let writer = Writer::start(connection, *keep)?;
        Ok((
            Self { writer, readers: Readers::new(path.to_owned()), keep: *keep, unread: Mutex::default() },
            opened,
        ))
    }

    /// Reads what is packed; of damage the rest is read, and the damage is heeded.
    fn heed<T>(
        &self,
        act: impl FnOnce(&Connection, &mut Unread) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut unread = Unread::new();
        let result = self.readers.read(|connection| act(connection, &mut unread));
        self.note(unread);
        result
    }

    fn note(&self, unread: Unread) {
        let mut all = self.unread.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(unread);
        while all.len() > SENTENCES {
            all.pop_first();
        }
    }
}

impl Mailing for Sqlite {
    fn subscribe(&self, address: &str, now: Timestamp) -> Result<Subscribed, StoreError> {
        let address = address.to_owned();
        self.writer.write(move |connection| mailing::subscribe(connection, &address, now))
    }

    fn unsubscribe(&self, address: &str) -> Result<bool, StoreError> {
        let address = address.to_owned();
        self.writer.write(move |connection| mailing::unsubscribe(connection, &address))
    }

    fn subscribers(&self) -> Result<Vec<Subscriber>, StoreError> {
        self.readers.read(mailing::subscribers)
    }

    fn spread(&self, now: Timestamp) -> Result<bool, StoreError> {
        self.writer.write(move |connection| mailing::spread(connection, now))
    }

    fn next_mail(&self, now: Timestamp) -> Result<Option<Mail>, StoreError> {
        self.readers.read(|connection| mailing::next_mail(connection, now))
    }

    fn settle_mail(&self, number: i64, fate: Fate) -> Result<bool, StoreError> {
        self.writer.write(move |connection| mailing::settle(connection, number, fate))
    }

    fn mail_counts(&self) -> Result<MailCounts, StoreError> {
        self.readers.read(mailing::counts)
    }
}

impl Store for Sqlite {
    fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        let keep = self.keep;
        self.writer.write(move |connection| write::commit(connection, &commit, &keep))
    }

    fn submit(&self, commit: Commit, done: Done) {
        let keep = self.keep;
        self.writer.submit(move |connection| write::commit(connection, &commit, &keep), done);
    }

    fn load(&self) -> Result<Loaded, StoreError> {
        self.readers.read(|connection| {
            let mut loaded = read::load(connection)?;
            loaded.unreadable.extend(looks::unread(connection)?);
            Ok(loaded)
        })
    }

    fn known(&self, ids: &[SignalId]) -> Result<HashSet<SignalId>, StoreError> {
        if ids.is_empty() {
            return Ok(HashSet::new());
        }
        self.readers.read(|connection| read::known(connection, ids))
    }

    fn transitions(
        &self,
        about: Option<&ExpectationId>,
        before: Option<Cursor>,
        limit: usize,
    ) -> Result<Listed<Transition>, StoreError> {
        self.readers.read(|connection| read::transitions(connection, about, before, limit))
    }

    fn runs(
        &self,
        about: Option<&ExpectationId>,
        before: Option<Cursor>,
        limit: usize,
    ) -> Result<Listed<Run>, StoreError> {
        self.readers.read(|connection| read::runs(connection, about, before, limit))
    }

    fn run(&self, about: &ExpectationId, id: &RunId) -> Result<Option<Run>, StoreError> {
        self.readers.read(|connection| read::run(connection, about, id))
    }

    fn open_runs(&self) -> Result<Vec<Run>, StoreError> {
        self.readers.read(read::open_runs)
    }

    fn slots(&self, about: &ExpectationId, since: Timestamp) -> Result<Vec<SlotClosed>, StoreError> {
        self.readers.read(|connection| read::slots(connection, about, since))
    }

    fn slot_days(
        &self,
        about: &ExpectationId,
        since: Timestamp,
    ) -> Result<Vec<(Timestamp, Tally)>, StoreError> {
        self.readers.read(|connection| read::slot_days(connection, about, since))
    }

    fn notices(&self, since: Timestamp) -> Result<Vec<Notice>, StoreError> {
        self.readers.read(|connection| notices::notices(connection, since))
    }

    fn notice(&self, id: &NoticeId) -> Result<Option<Notice>, StoreError> {
        self.readers.read(|connection| notices::notice(connection, id))
    }

    fn briefs(
        &self,
        about: Option<&ExpectationId>,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<Brief>, StoreError> {
        self.readers.read(|connection| read::briefs(connection, about, since, limit))
    }

    fn gaps(&self, since: Timestamp) -> Result<Vec<SlotClosed>, StoreError> {
        self.readers.read(|connection| read::gaps(connection, since))
    }

    fn signals(
        &self,
        about: Option<&ExpectationId>,
        before: Option<Cursor>,
        limit: usize,
    ) -> Result<Listed<Signal>, StoreError> {
        self.readers.read(|connection| read::signals(connection, about, before, limit))
    }

    fn looks(&self, about: &ExpectationId, since: Timestamp, limit: usize) -> Result<Vec<Look>, StoreError> {
        self.heed(|connection, unread| looks::looks(connection, about, since, limit, unread))
    }

    fn tallies(&self, about: Option<&ExpectationId>, since: Timestamp) -> Result<Vec<DayTally>, StoreError> {
        self.heed(|connection, unread| looks::tallies(connection, about, since, unread))
    }

    fn last_slots(&self) -> Result<BTreeMap<ExpectationId, Timestamp>, StoreError> {
        self.heed(looks::last_slots)
    }

    fn traces(&self, about: &ExpectationId, limit: usize) -> Result<Vec<Trace>, StoreError> {
        self.heed(|connection, unread| looks::traces(connection, about, limit, unread))
    }

    fn deliveries(&self, before: Option<Cursor>, limit: usize) -> Result<Listed<Entry>, StoreError> {
        self.readers.read(|connection| read::deliveries(connection, before, limit))
    }

    fn put_credential(&self, credential: &Credential) -> Result<(), StoreError> {
        let credential = credential.clone();
        self.writer.write(move |connection| write::put_credential(connection, &credential))
    }

    fn credential(&self, digest: &str) -> Result<Option<Credential>, StoreError> {
        self.readers.read(|connection| read::credential(connection, digest))
    }

    fn credentials(&self) -> Result<Vec<Credential>, StoreError> {
        self.readers.read(read::credentials)
    }

    fn spend_credential(&self, digest: &str, now: Timestamp) -> Result<Option<Credential>, StoreError> {
        let digest = digest.to_owned();
        self.writer.write(move |connection| write::spend_credential(connection, &digest, now))
    }

    fn drop_credential(&self, digest: &str) -> Result<bool, StoreError> {
        let digest = digest.to_owned();
        self.writer.write(move |connection| write::drop_credential(connection, &digest))
    }

    fn prune(&self, keep: &Keep, now: Timestamp) -> Result<Pruned, StoreError> {
        let keep = *keep;
        let (pruned, unread) = self.writer.write(move |connection| prune::prune(connection, &keep, now))?;
        self.note(unread);
        Ok(pruned)
    }

    fn size(&self) -> Result<u64, StoreError> {
        self.readers.read(read::size)
    }

    fn health(&self) -> Health {
        Health {
            engine: "sqlite".into(),
            durable: true,
            fault: self.writer.fault().map(|error| error.to_string()),
            bytes: self.size().unwrap_or(0),
            unreadable: self.unread.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect(),
        }
    }
}
