//! Whether the rounds go on, for the duty that watches them.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The rounds turn at least this often, whatever is due.
const STILL: Duration = Duration::from_secs(5);
/// A look that began so much later than it was due is noted.
const LATE: Duration = Duration::from_secs(2);

/// How the rounds go.
#[derive(Debug)]
pub(crate) struct Pulse(Mutex<Beat>);

#[derive(Debug)]
struct Beat {
    turned: Instant,
    checks: usize,
    looks: u64,
    missed: u64,
    latest: Duration,
}

impl Pulse {
    pub(super) fn new() -> Self {
        let turned = Instant::now();
        Self(Mutex::new(Beat { turned, checks: 0, looks: 0, missed: 0, latest: Duration::ZERO }))
    }

    fn open(&self) -> MutexGuard<'_, Beat> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rounds turned, `late` after something was due.
    pub(super) fn turn(&self, checks: usize, late: Duration) {
        let mut beat = self.open();
        beat.turned = Instant::now();
        beat.checks = checks;
        beat.latest = beat.latest.max(late);
    }

    /// So many looks came to an end, and so many slots passed without one.
    pub(super) fn count(&self, looks: u64, missed: u64) {
        let mut beat = self.open();
        beat.looks += looks;
        beat.missed += missed;
    }

    /// What happened since the last call.
    ///
    /// # Errors
    /// In words, when the rounds stand still or slots were missed.
    pub(crate) fn take(&self) -> Result<String, String> {
        let mut beat = self.open();
        let Beat { turned, checks, looks, missed, latest } = *beat;
        (beat.looks, beat.missed, beat.latest) = (0, 0, Duration::ZERO);
        if turned.elapsed() > STILL {
            return Err(format!("no check has been looked at for {} s", turned.elapsed().as_secs()));
        }
        if missed > 0 {
            return Err(format!("{missed} slots passed while an earlier look was still going on"));
        }
        if latest > LATE {
            return Err(format!("a look began {} ms late", latest.as_millis()));
        }
        Ok(format!("{looks} looks of {checks} checks"))
    }
}
