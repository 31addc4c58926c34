//! Tells systemd that the agent is alive (`Type=notify`, `WatchdogSec`). Only a resident that finishes its steps is
//! alive: a store that is full or a channel that is down is no reason to be restarted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sd_notify::NotifyState;

use super::table::{Context, Terms};
use crate::driver::{Duty, Performing, Why};
use crate::resident::Vitals;

pub(super) const TERMS: Terms = Terms {
    name: "watchdog",
    sentence: "tells systemd that the agent is alive",
    period: Duration::from_secs(5),
    deadline: Duration::from_secs(5),
    after: 1,
};

/// The longest time without a finished step. A disk that hangs costs a step at most a few seconds.
const TICK: Duration = Duration::from_secs(12);

/// How long being ready waits for the spool.
const PATIENCE: Duration = Duration::from_secs(20);

/// The duty.
pub(super) struct Watchdog {
    vitals: Arc<Vitals>,
    ready: bool,
    born: Instant,
}

impl Watchdog {
    pub(super) fn new(context: &Context) -> Self {
        Self { vitals: Arc::clone(&context.vitals), ready: false, born: Instant::now() }
    }
}

impl Duty for Watchdog {
    fn perform(&mut self, _why: Why) -> Performing<'_> {
        Box::pin(async move {
            let still = self.vitals.since_tick();
            if still > TICK {
                return Err(format!("the roll call has not moved for {} s", still.as_secs()));
            }
            // A spool that cannot be read has an alarm of its own; being restarted for ever would not mend it.
            if !self.ready && (self.vitals.is_ready() || self.born.elapsed() > PATIENCE) {
                tell_systemd(&[
                    NotifyState::Ready,
                    NotifyState::Status("nothing is silent without being told"),
                ])?;
                self.ready = true;
            }
            tell_systemd(&[NotifyState::Watchdog])?;
            Ok("alive".into())
        })
    }
}

/// One datagram to the socket that systemd named; nothing where it named none.
pub(crate) fn tell_systemd(words: &[NotifyState<'_>]) -> Result<(), String> {
    sd_notify::notify(words).map_err(|error| format!("systemd cannot be told: {error}"))
}
