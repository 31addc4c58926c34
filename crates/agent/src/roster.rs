//! How each duty stands, for the audit and for people.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::driver::{Ending, Performance, Registration};

/// How one duty stands.
#[derive(Debug, Clone, Serialize)]
pub struct Standing {
    /// Its name.
    pub name: String,
    /// What it does.
    pub sentence: String,
    /// How often at least, in seconds.
    pub period_seconds: f64,
    /// How often it was performed since the start.
    pub performed: u64,
    /// How often it failed, panicked or overran.
    pub failed: u64,
    /// How long the last performance took, in milliseconds.
    pub last_millis: f64,
    /// The longest that one took, in milliseconds.
    pub longest_millis: f64,
    /// How late the last one began, in milliseconds.
    pub late_millis: f64,
    /// What the last one said.
    pub words: String,
    /// The last one went well.
    pub well: bool,
    #[serde(skip)]
    bound: Duration,
    #[serde(skip)]
    ended: Instant,
}

/// All duties.
#[derive(Debug, Default)]
pub struct Roster(Mutex<BTreeMap<&'static str, Standing>>);

impl Roster {
    /// Puts a duty on the roster before its first performance.
    pub(crate) fn enrol(&self, registration: &Registration) {
        let standing = Standing {
            name: registration.name.to_owned(),
            sentence: registration.sentence.to_owned(),
            period_seconds: registration.period.as_secs_f64(),
            performed: 0,
            failed: 0,
            last_millis: 0.0,
            longest_millis: 0.0,
            late_millis: 0.0,
            words: String::new(),
            well: true,
            bound: registration.period + registration.deadline + Duration::from_secs(2),
            ended: Instant::now(),
        };
        self.lock().insert(registration.name, standing);
    }

    /// Takes note of a performance.
    pub(crate) fn note(&self, done: &Performance) {
        let millis = |span: Duration| span.as_secs_f64() * 1000.0;
        let mut roster = self.lock();
        let Some(standing) = roster.get_mut(done.name) else { return };
        standing.performed += 1;
        standing.last_millis = millis(done.took);
        standing.longest_millis = standing.longest_millis.max(standing.last_millis);
        standing.late_millis = millis(done.late);
        standing.ended = done.began + done.took;
        (standing.words, standing.well) = match &done.ending {
            Ending::Done(words) => (words.clone(), true),
            Ending::Failed(words) => (words.clone(), false),
            Ending::Panicked(words) => (format!("panicked: {words}"), false),
            Ending::Overran => ("ran past its deadline and was abandoned".to_owned(), false),
        };
        standing.failed += u64::from(!standing.well);
    }

    /// Duties that were not performed within their bound, a sentence each.
    pub(crate) fn overdue(&self) -> Vec<String> {
        let roster = self.lock();
        let late = roster.values().filter(|standing| standing.ended.elapsed() > standing.bound);
        late.map(|standing| {
            format!("duty {} was not performed for {} s", standing.name, standing.ended.elapsed().as_secs())
        })
        .collect()
    }

    /// All duties by name.
    pub fn list(&self) -> Vec<Standing> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Standing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
