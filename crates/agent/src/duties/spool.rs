//! Hears what wrapped jobs left on disk. A record is removed only after its signal is durable elsewhere.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use muster_core::board::Snapshot;
use muster_core::ids::SignalId;
use muster_host::spool::{Batch, Bounds, Record, Spool as Records};

use super::table::{Context, Terms};
use super::users::{self, Others};
use crate::clock::Clock;
use crate::driver::{Duty, Performing, Why};
use crate::handle::{Handle, Heard};
use crate::resident::message::{Message, Source};

pub(super) const TERMS: Terms = Terms {
    name: "spool",
    sentence: "hears what wrapped jobs left on disk",
    // A user's job cannot wake us.
    period: Duration::from_secs(2),
    deadline: Duration::from_secs(60),
    after: 1,
};

/// How long one batch may take to be heard.
const HEAR: Duration = Duration::from_secs(15);

/// Most records that are passed over because they are heard and cannot be removed yet.
const HELD: usize = 20_000;

/// How long a user's records wait for the first survey, which says whose job is whose.
const SURVEY: Duration = Duration::from_secs(10);

/// The way from the spool to the resident, for one reader at a time.
pub(crate) struct Intake {
    records: Records,
    handle: Handle,
    clock: Arc<dyn Clock>,
    state: tokio::sync::Mutex<State>,
}

struct State {
    /// Heard while the store was gone: their records stay until it is back.
    held: HashSet<SignalId>,
    /// The spools of users; none where they are not ours to read.
    others: Option<Others>,
}

/// What one reading of the whole spool did.
#[derive(Debug, Default)]
pub(crate) struct Drained {
    pub(crate) heard: usize,
    /// Records that were no signals, a sentence each.
    pub(crate) bad: Vec<String>,
    /// Names that are not watched.
    pub(crate) unknown: usize,
    /// Why the homes of users could not be read.
    pub(crate) unread: Option<String>,
    /// What was odd in the spools of users, a sentence each.
    pub(crate) odd: Vec<String>,
}

impl Intake {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            records: Records::new(&context.layout),
            handle: context.handle.clone(),
            clock: Arc::clone(&context.clock),
            state: tokio::sync::Mutex::new(State {
                held: HashSet::new(),
                others: context.users.clone().map(Others::new),
            }),
        }
    }

    /// Reads the spool to its end, and those of users.
    pub(crate) async fn drain(&self) -> Result<Drained, String> {
        let mut state = self.state.lock().await;
        let State { held, others } = &mut *state;
        let began = self.clock.now();
        let mut done = Drained::default();
        loop {
            let bounds = Bounds { records: Bounds::default().records + held.len(), ..Bounds::default() };
            let bounds = Bounds { bytes: bounds.bytes + held.len() as u64 * 4096, ..bounds };
            let records = self.records.clone();
            let Batch { records, more, odd: _ } =
                blocking(move || records.read(bounds).map_err(|error| error.to_string())).await??;
            let all = records.len();
            let fresh = self.hear(records, held, &mut done).await?;
            if !more || fresh == 0 || all == 0 {
                break;
            }
        }
        if let Some(others) = others {
            done.unread = self.visit(others, held, &mut done).await.err();
        }
        let drained = Message::Drained { began };
        self.handle.inbox.send(drained).await.map_err(|_| "the agent has stopped".to_owned())?;
        Ok(done)
    }

    /// Hears what users left at home.
    async fn visit(
        &self,
        others: &mut Others,
        held: &mut HashSet<SignalId>,
        done: &mut Drained,
    ) -> Result<(), String> {
        let mut host = None;
        for _ in 0..others.rounds() {
            let (mut fresh, mut more) = (0, false);
            let mut odd = Vec::new();
            for mut left in others.read(held.len()).await? {
                odd.append(&mut left.batch.odd);
                more |= left.batch.more;
                if left.batch.records.is_empty() {
                    continue;
                }
                let seen = match host.take() {
                    Some(seen) => seen,
                    None => self.host(others).await,
                };
                users::judge(&mut left, &seen.host);
                host = Some(seen);
                let mut theirs = Drained::default();
                fresh += self.hear(left.batch.records, held, &mut theirs).await?;
                done.heard += theirs.heard;
                done.unknown += theirs.unknown;
                odd.append(&mut theirs.bad);
            }
            others.tell(&odd);
            done.odd.append(&mut odd);
            if !more || fresh == 0 {
                break;
            }
        }
        Ok(())
    }

    /// What this host does by itself, as far as it was looked at; waits once for the first look.
    async fn host(&self, others: &mut Others) -> Arc<Snapshot> {
        let mut board = self.handle.board();
        if others.waits_for_survey() {
            let seen = board.wait_for(|snapshot| !snapshot.host.name.is_empty());
            if tokio::time::timeout(SURVEY, seen).await.is_err() {
                tracing::warn!("nobody knows yet whose job is whose; users are believed meanwhile");
            }
        }
        Arc::clone(&self.handle.board.borrow())
    }

    /// Hears one batch and removes what is durable; how many were new.
    async fn hear(
        &self,
        records: Vec<Record>,
        held: &mut HashSet<SignalId>,
        done: &mut Drained,
    ) -> Result<usize, String> {
        let (good, bad): (Vec<Record>, Vec<Record>) = records.into_iter().partition(|one| one.signal.is_ok());
        let signals: Vec<_> = good
            .iter()
            .filter_map(|record| record.signal.as_ref().ok())
            .filter(|signal| !held.contains(&signal.id))
            .cloned()
            .collect();
        let fresh = signals.len() + bad.len();
        done.bad.extend(bad.iter().map(|record| match &record.signal {
            Err(error) => format!("{}: {error}", record.place()),
            Ok(signal) => signal.id.to_string(),
        }));
        let ids: Vec<SignalId> = signals.iter().map(|signal| signal.id.clone()).collect();
        // Asked even for nothing: the answer says whether what is held may be removed by now.
        let heard: Heard = if signals.is_empty() && held.is_empty() {
            Heard { durable: true, ..Heard::default() }
        } else {
            let hear = |reply| Message::Hear { signals, source: Source::Spool, reply };
            self.handle.ask(HEAR, hear).await.map_err(|error| error.to_string())?
        };
        done.heard += heard.heard;
        done.unknown += heard.unknown.len();
        let remove = if heard.durable {
            held.clear();
            good
        } else {
            if held.len() < HELD {
                held.extend(ids);
            }
            Vec::new()
        };
        let records = self.records.clone();
        blocking(move || {
            let forgotten = remove.iter().map(|record| records.forget(record));
            let aside = bad.iter().map(|record| records.quarantine(record));
            forgotten
                .chain(aside)
                .find_map(Result::err)
                .map_or(Ok(()), |error| Err(format!("a record that was heard cannot be removed: {error}")))
        })
        .await??;
        Ok(fresh)
    }
}

/// Runs blocking work on a thread that may wait. The driver's deadline bounds it.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())
}

/// The duty.
pub(super) struct Spool(Arc<Intake>);

impl Spool {
    pub(super) fn new(intake: Arc<Intake>) -> Self {
        Self(intake)
    }
}

impl Duty for Spool {
    fn perform(&mut self, _why: Why) -> Performing<'_> {
        Box::pin(async move {
            let done = self.0.drain().await?;
            if let Some(unread) = done.unread {
                return Err(unread);
            }
            match done.bad.first() {
                Some(first) => {
                    Err(format!("{} records were no signals and were set aside: {first}", done.bad.len()))
                }
                // A user can spoil their own spool and must not be able to sound the alarm about ours.
                None if !done.odd.is_empty() => {
                    let first = done.odd.first().map(String::as_str).unwrap_or_default();
                    Ok(format!("{} heard, {} refused: {first}", done.heard, done.odd.len()))
                }
                None if done.unknown > 0 => Ok(format!("{} of unwatched names", done.unknown)),
                None => Ok(format!("{} heard", done.heard)),
            }
        })
    }
}
