//! Waiting for a condition, with a deadline instead of a sleep.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A list that grows, and whose growth can be waited for.
#[derive(Debug)]
pub(crate) struct Log<T> {
    items: Mutex<Vec<T>>,
    grew: Condvar,
}

impl<T> Default for Log<T> {
    fn default() -> Self {
        Self { items: Mutex::new(Vec::new()), grew: Condvar::new() }
    }
}

impl<T: Clone> Log<T> {
    fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, item: T) {
        self.lock().push(item);
        self.grew.notify_all();
    }

    pub(crate) fn all(&self) -> Vec<T> {
        self.lock().clone()
    }

    /// What is there once there are at least `count`, or when the time is up.
    pub(crate) fn wait(&self, count: usize, limit: Duration) -> Vec<T> {
        let deadline = Instant::now() + limit;
        let mut items = self.lock();
        while items.len() < count {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            items = self.grew.wait_timeout(items, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        items.clone()
    }
}
