//! What the last audit found, for whoever tells the outside that all is well.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use muster_core::time::Span;

use crate::peers::message::{Proof, sentence};
use crate::resident::Vitals;

/// An audit older than this says nothing about now.
const FRESH: Duration = Duration::from_secs(40);

/// A resident that has not finished a step for this long is not well.
const TICK: Duration = Duration::from_secs(5);

/// One audit.
#[derive(Debug, Default)]
pub(crate) struct Audited {
    /// Why somebody outside should not be told that all is well.
    pub(crate) doubts: Vec<String>,
    /// Age of the oldest page that nobody was told.
    pub(crate) undelivered: Option<Span>,
    /// What is committed is on disk.
    pub(crate) durable: bool,
}

/// What the last audit found.
pub(crate) struct Findings {
    last: Mutex<Option<(Instant, Audited)>>,
    vitals: Arc<Vitals>,
}

impl Findings {
    pub(crate) fn new(vitals: Arc<Vitals>) -> Self {
        Self { last: Mutex::default(), vitals }
    }

    pub(crate) fn put(&self, audited: Audited) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), audited));
    }

    /// Why somebody outside should not be told that all is well; none if all is well.
    pub(crate) fn doubt(&self) -> Option<String> {
        self.proof().doubt
    }

    /// The evidence as it is now.
    pub(crate) fn proof(&self) -> Proof {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((at, Audited { doubts, undelivered, durable })) = &*last else {
            return Proof {
                doubt: Some("there was no audit yet".to_owned()),
                undelivered: None,
                durable: false,
            };
        };
        let stale =
            (at.elapsed() > FRESH).then(|| format!("the last audit was {} s ago", at.elapsed().as_secs()));
        let stuck = (self.vitals.since_tick() > TICK).then(|| "the roll call stands still".to_owned());
        let doubt = stale.or_else(|| doubts.first().cloned()).or(stuck);
        Proof { doubt: doubt.map(|doubt| sentence(&doubt)), undelivered: *undelivered, durable: *durable }
    }
}
