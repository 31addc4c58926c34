//! Pasts that need not be read again, for all who look.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use muster_core::ids::ExpectationId;
use muster_core::time::{Span, Timestamp};
use muster_store::contract::{Store, StoreError};

use super::past::{DAYS, Past};
use crate::records::ask;
use crate::router::Web;

/// A past is read again after this.
const FRESH: Span = Span::seconds(15);
/// Pasts in memory, each about ten kilobytes.
const MOST: usize = 2000;

/// Pasts by check.
pub type Pasts = HashMap<ExpectationId, Arc<Past>>;

/// What need not be read again, each with the moment at which it was read.
#[derive(Debug, Default)]
pub struct Kept(Mutex<HashMap<ExpectationId, (Timestamp, Arc<Past>)>>);

impl Kept {
    fn get(&self, about: &ExpectationId) -> Option<(Timestamp, Arc<Past>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(about).cloned()
    }

    fn put(&self, now: Timestamp, fresh: &[(ExpectationId, Arc<Past>)]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() + fresh.len() > MOST {
            kept.clear();
        }
        kept.extend(fresh.iter().map(|(about, past)| (about.clone(), (now, Arc::clone(past)))));
    }
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
            // A clock that was set back makes it unreadable how old a past is.
            Some((read, past)) if read <= now && now.since(read) < FRESH => {
                found.insert(about.clone(), past);
            }
            kept => stale.push((about.clone(), kept.filter(|(read, _)| *read <= now).map(|(_, past)| past))),
        }
    }
    if !stale.is_empty() {
        let read = ask(&web.parts.store, move |store| {
            let one = |(about, old): (ExpectationId, Option<Arc<Past>>)| {
                let past = read(store, &about, old.as_deref(), now)?;
                Ok((about, Arc::new(past)))
            };
            stale.into_iter().map(one).collect::<Result<Vec<_>, StoreError>>()
        });
        let read = read.await?;
        web.checks.put(now, &read);
        found.extend(read);
    }
    Ok(found)
}

fn read(
    store: &dyn Store,
    about: &ExpectationId,
    old: Option<&Past>,
    now: Timestamp,
) -> Result<Past, StoreError> {
    let empty = Past::empty(now - Span::days(2));
    let old = old.unwrap_or(&empty);
    let looks = store.looks(about, old.unread(now), usize::MAX)?;
    let days = store.tallies(Some(about), now - Span::days(DAYS - 1))?;
    Ok(old.later(&looks, days.into_iter().map(|(_, day, tally)| (day, tally)).collect(), now))
}
