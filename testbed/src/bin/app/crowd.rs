//! Who is connected, and how all of them are sent home.

use std::collections::BTreeMap;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// So many at a time; others are turned away.
const MOST: usize = 2_000;

/// What a connection does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    /// Waits for a request, or is a stream that has no end of its own.
    Waits,
    /// A request of it is in flight.
    Works,
}

#[derive(Debug, Default)]
struct Inside {
    last: u64,
    leaving: bool,
    guests: BTreeMap<u64, (TcpStream, Doing)>,
}

/// Everybody who is connected.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    inside: Mutex<Inside>,
    changed: Condvar,
}

/// One connection; it is gone from the crowd when this is dropped.
#[derive(Debug)]
pub(crate) struct Guest {
    crowd: Arc<Crowd>,
    number: u64,
}

impl Crowd {
    /// Lets one in; none if there are too many.
    pub(crate) fn enter(self: &Arc<Self>, stream: &TcpStream) -> Option<Guest> {
        let stream = stream.try_clone().ok()?;
        let mut inside = self.lock();
        if inside.guests.len() >= MOST {
            return None;
        }
        inside.last += 1;
        let number = inside.last;
        inside.guests.insert(number, (stream, Doing::Waits));
        Some(Guest { crowd: Arc::clone(self), number })
    }

    /// Sends home whoever waits, and waits for the others until then. Gives back how many had not finished.
    pub(crate) fn leave(&self, until: Instant) -> usize {
        let mut inside = self.lock();
        inside.leaving = true;
        for (stream, doing) in inside.guests.values() {
            if *doing == Doing::Waits {
                // What has come in already can still be read and answered.
                let _gone = stream.shutdown(Shutdown::Read);
            }
        }
        self.changed.notify_all();
        while !inside.guests.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            inside = self
                .changed
                .wait_timeout(inside, left)
                .map_or_else(|error| error.into_inner().0, |(inside, _)| inside);
        }
        inside.guests.len()
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guest {
    /// Says what the connection does from now on; false if it is to end instead of waiting.
    pub(crate) fn turns_to(&self, doing: Doing) -> bool {
        let mut inside = self.crowd.lock();
        let leaving = inside.leaving;
        if let Some((_, known)) = inside.guests.get_mut(&self.number) {
            *known = doing;
        }
        !(leaving && doing == Doing::Waits)
    }

    /// True once everybody is sent home.
    pub(crate) fn is_leaving(&self) -> bool {
        self.crowd.lock().leaving
    }

    /// Waits so long, or until everybody is sent home; true if they are.
    pub(crate) fn rests(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        let mut inside = self.crowd.lock();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if inside.leaving || left.is_zero() {
                return inside.leaving;
            }
            inside = self
                .crowd
                .changed
                .wait_timeout(inside, left)
                .map_or_else(|error| error.into_inner().0, |(inside, _)| inside);
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut inside = self.crowd.lock();
        inside.guests.remove(&self.number);
        let leaving = inside.leaving;
        drop(inside);
        if leaving {
            self.crowd.changed.notify_all();
        }
    }
}
