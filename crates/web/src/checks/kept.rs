//! Pasts that need not be read again, for all who look.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use muster_core::ids::ExpectationId;
use muster_core::look::Tally;
use muster_core::time::{Span, Timestamp};
use muster_store::contract::{Store, StoreError};

use super::past::{DAYS, Past};
use crate::records::ask;
use crate::router::Web;

/// A past is read again after this.
const FRESH: Span = Span::seconds(15);
/// The days of all checks are read again after this: one question for all, because the store goes through all that is
/// fresh for each.
const DAYS_FRESH: Span = Span::seconds(45);
/// Pasts in memory, each about ten kilobytes.
const MOST: usize = 2000;

/// Pasts by check.
pub type Pasts = HashMap<ExpectationId, Arc<Past>>;

/// The days of every check, and when they were read.
#[derive(Debug, Default)]
struct Days {
    read: Timestamp,
    of: HashMap<ExpectationId, Vec<(Timestamp, Tally)>>,
}

/// What need not be read again.
#[derive(Debug, Default)]
pub struct Kept {
    /// Each with the moment at which it was read.
    pasts: Mutex<HashMap<ExpectationId, (Timestamp, Arc<Past>)>>,
    days: Mutex<Arc<Days>>,
}

impl Kept {
    fn get(&self, about: &ExpectationId) -> Option<(Timestamp, Arc<Past>)> {
        self.pasts.lock().unwrap_or_else(PoisonError::into_inner).get(about).cloned()
    }

    fn put(&self, now: Timestamp, fresh: &[(ExpectationId, Arc<Past>)]) {
        let mut kept = self.pasts.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() + fresh.len() > MOST {
            kept.clear();
        }
        kept.extend(fresh.iter().map(|(about, past)| (about.clone(), (now, Arc::clone(past)))));
    }

    fn days(&self) -> Arc<Days> {
        Arc::clone(&self.days.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn put_days(&self, days: Arc<Days>) {
        *self.days.lock().unwrap_or_else(PoisonError::into_inner) = days;
    }
}

/// True if what was read then is as good as new. A clock that was set back makes it unreadable how old it is.
fn is_fresh(read: Timestamp, now: Timestamp, lasts: Span) -> bool {
    read <= now && now.since(read) < lasts
}

/// The pasts of these checks.
///
/// # Errors
/// [`StoreError`] when one is not at hand and cannot be read.
pub async fn pasts<'a>(
    web: &Web,
    checks: impl Iterator<Item = &'a ExpectationId>,
    now: Timestamp,
) -> Result<Pasts, StoreError> {
    let (mut found, mut stale) = (Pasts::new(), Vec::new());
    for about in checks {
        match web.checks.get(about) {
            Some((read, past)) if is_fresh(read, now, FRESH) => {
                found.insert(about.clone(), past);
            }
            kept => {
                let every = web.parts.eye.of(about).map_or(Span::days(1), |last| last.every);
                let old = kept.filter(|(read, _)| *read <= now).map(|(_, past)| past);
                stale.push((about.clone(), every, old));
            }
        }
    }
    if stale.is_empty() {
        return Ok(found);
    }
    let days = web.checks.days();
    let read = ask(&web.parts.store, move |store| {
        // A check that is new to the days is not kept waiting for its first one.
        let known = stale.iter().all(|(about, ..)| days.of.contains_key(about));
        let lasts = if known { DAYS_FRESH } else { FRESH };
        let days = if is_fresh(days.read, now, lasts) { days } else { Arc::new(read_days(store, now)?) };
        let one = |(about, every, old): (ExpectationId, Span, Option<Arc<Past>>)| {
            let old = old.unwrap_or_else(|| Arc::new(Past::none(now)));
            let looks = store.looks(&about, old.unread(every, now), usize::MAX)?;
            let days = days.of.get(&about).cloned().unwrap_or_default();
            Ok((about, Arc::new(old.later(&looks, days, every, now))))
        };
        let read = stale.into_iter().map(one).collect::<Result<Vec<_>, StoreError>>()?;
        Ok((days, read))
    });
    let (days, read) = read.await?;
    web.checks.put_days(days);
    web.checks.put(now, &read);
    found.extend(read);
    Ok(found)
}

fn read_days(store: &dyn Store, now: Timestamp) -> Result<Days, StoreError> {
    let mut of: HashMap<ExpectationId, Vec<(Timestamp, Tally)>> = HashMap::new();
    for (about, day, tally) in store.tallies(None, now - Span::days(DAYS - 1))? {
        of.entry(about).or_default().push((day, tally));
    }
    Ok(Days { read: now, of })
}
