//! What wrapped jobs of ordinary users left at home, for an agent that runs as root. Part of the spool duty.
//!
//! Homes may lie on a network that has gone or belong to somebody who makes them hang, so one thread at most goes
//! there, and root's own spool never waits for it longer than once.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use muster_core::host_roll::HostRoll;
use muster_core::ids::ExpectationId;
use muster_host::spool::users::{UserSpool, Users};
use muster_host::spool::{BadRecord, Batch, Bounds};
use tokio::task::JoinHandle;

/// How often the list of users is gone through for new spools.
const LOOK: Duration = Duration::from_secs(30);

/// How long homes may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Most times that the spools are read in one go after the start: a full spool has 16,384 records, and silence is judged
/// afterwards.
const CATCH_UP: usize = 40;

/// Most times later on: there may be one who writes without end, and root's own spool waits.
const ROUNDS: usize = 4;

/// What one user left.
pub(super) struct Left {
    pub(super) user: String,
    pub(super) batch: Batch,
}

type Reading = JoinHandle<Result<Vec<Left>, String>>;

/// The spools of others.
pub(super) struct Others {
    users: Users,
    found: Arc<Mutex<Found>>,
    under_way: Option<(Instant, Reading)>,
    told: Vec<String>,
    waited: bool,
    caught_up: bool,
}

#[derive(Default)]
struct Found {
    spools: Vec<UserSpool>,
    looked: Option<Instant>,
}

impl Found {
    /// Looks for new spools if it is time, and reads all of them.
    fn read(&mut self, users: &Users, bounds: Bounds) -> Result<Vec<Left>, String> {
        if self.looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
            self.spools = users.find().map_err(|error| format!("the list of users: {error}"))?;
            self.looked = Some(Instant::now());
        }
        Ok(self
            .spools
            .iter()
            .map(|spool| Left { user: spool.user.clone(), batch: spool.read(bounds) })
            .collect())
    }
}

impl Others {
    pub(super) fn new(users: Users) -> Self {
        Self {
            users,
            found: Arc::default(),
            under_way: None,
            told: Vec::new(),
            waited: false,
            caught_up: false,
        }
    }

    /// Reads what they left; `held` records more than usual, which were heard and are still there.
    pub(super) async fn read(&mut self, held: usize) -> Result<Vec<Left>, String> {
        let (began, mut reading) = match self.under_way.take() {
            Some((began, reading)) if !reading.is_finished() => {
                let what = hung(began);
                self.under_way = Some((began, reading));
                return Err(what);
            }
            Some(done) => done,
            None => (Instant::now(), self.start(held)),
        };
        match tokio::time::timeout(PATIENCE, &mut reading).await {
            Ok(read) => read.map_err(|error| error.to_string())?,
            Err(_) => {
                self.under_way = Some((began, reading));
                Err(hung(began))
            }
        }
    }

    fn start(&self, held: usize) -> Reading {
        let (users, found) = (self.users.clone(), Arc::clone(&self.found));
        let usual = Bounds::default();
        let bounds = Bounds { records: usual.records + held, bytes: usual.bytes + held as u64 * 4096 };
        tokio::task::spawn_blocking(move || {
            found.lock().unwrap_or_else(PoisonError::into_inner).read(&users, bounds)
        })
    }

    /// How often to read in one go.
    pub(super) fn rounds(&mut self) -> usize {
        if std::mem::replace(&mut self.caught_up, true) { ROUNDS } else { CATCH_UP }
    }

    /// True the first time: whose job is whose is seen by the first survey, which may still be under way.
    pub(super) fn waits_for_survey(&mut self) -> bool {
        !std::mem::replace(&mut self.waited, true)
    }

    /// Logs what was odd, once until it changes: it is looked at every few seconds.
    pub(super) fn tell(&mut self, odd: &[String]) {
        if self.told != odd {
            for what in odd {
                tracing::warn!(what, "in the spool of a user");
            }
            self.told = odd.to_vec();
        }
    }
}

fn hung(began: Instant) -> String {
    let seconds = began.elapsed().as_secs();
    format!("the homes of users have not answered for {seconds} s: what their jobs report is not heard")
}

/// Takes back what this user may not speak of: a job that the host is seen to start as somebody else, and not as them.
/// Otherwise anybody could report the success of root's backup.
pub(super) fn judge(left: &mut Left, host: &HostRoll) {
    for record in &mut left.batch.records {
        if let Ok(signal) = &record.signal
            && let Some(owner) = somebody_else(host, &left.user, &signal.about)
        {
            let why = format!("{} speaks of {}, which {owner} runs", left.user, signal.about);
            record.signal = Err(BadRecord::Forbidden(why));
        }
    }
}

fn somebody_else<'a>(host: &'a HostRoll, user: &str, about: &ExpectationId) -> Option<&'a str> {
    let mut users = host
        .scheduled
        .iter()
        .filter(|one| one.covered.as_ref() == Some(about))
        .map(|one| one.user.as_str())
        .peekable();
    let first = *users.peek()?;
    (!users.any(|owner| owner == user)).then_some(first)
}
