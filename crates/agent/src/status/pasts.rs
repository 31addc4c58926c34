//! The days of everything on the page. Days that are over are read once an hour; today is read for each new page.

use std::collections::BTreeMap;

use muster_core::ids::ExpectationId;
use muster_core::look::Tally;
use muster_core::time::{Span, Timestamp};
use muster_status::days::{Past, first_day};
use muster_store::contract::{Store, StoreError};

use crate::parts::Sheet;

/// How long days that are over are taken as read: what comes late, or was packed meanwhile, is seen then.
const OLD: Span = Span::hours(1);

/// More checks than this are read together.
const FEW: usize = 3;

/// All of them.
#[derive(Default)]
pub(crate) struct Pasts {
    all: BTreeMap<ExpectationId, Past>,
    /// When everything was read.
    whole: Option<Timestamp>,
}

type Days = Vec<(Timestamp, Tally)>;

impl Pasts {
    /// By name.
    pub(crate) fn all(&self) -> &BTreeMap<ExpectationId, Past> {
        &self.all
    }

    /// Reads what may have changed. While the disk is gone there is nothing to read but what happened since, and what was
    /// read before stays.
    pub(crate) fn read(
        &mut self,
        store: &dyn Store,
        sheet: &Sheet,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let durable = store.health().durable;
        let whole = self.whole.is_none_or(|whole| now < whole || now.since(whole) >= OLD);
        let since = if whole { first_day(now) } else { now - Span::days(1) };
        for (about, days) in read(store, sheet, since, whole)? {
            let every = sheet.every.get(&about).copied();
            let past = self.all.entry(about).or_default();
            past.every = every;
            if durable {
                // What is read begins with a whole day.
                let first = days.first().map_or(now, |(day, _)| *day);
                past.days.retain(|(day, _)| *day < first && *day >= first_day(now));
                past.days.extend(days);
            } else if past.days.is_empty() {
                past.days = days;
            }
        }
        if durable && whole {
            self.whole = Some(now);
        }
        Ok(())
    }
}

fn read(
    store: &dyn Store,
    sheet: &Sheet,
    since: Timestamp,
    whole: bool,
) -> Result<Vec<(ExpectationId, Days)>, StoreError> {
    let shown = || sheet.page.components.iter().flat_map(|component| &component.of);
    let mut found: BTreeMap<ExpectationId, Days> = BTreeMap::new();
    // Each reading looks through the looks of this hour; all the days of ten thousand checks are no less.
    if sheet.looked.len() > FEW && !whole {
        for (about, day, tally) in store.tallies(None, since)? {
            if sheet.looked.contains(&about) {
                found.entry(about).or_default().push((day, tally));
            }
        }
    } else {
        for about in &sheet.looked {
            let days = store.tallies(Some(about), since)?;
            found.insert(about.clone(), days.into_iter().map(|(_, day, tally)| (day, tally)).collect());
        }
    }
    for about in shown().filter(|about| !sheet.looked.contains(*about)) {
        found.insert(about.clone(), store.slot_days(about, since)?);
    }
    Ok(found.into_iter().collect())
}
