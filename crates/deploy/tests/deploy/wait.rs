//! Waiting for a condition.

use std::time::{Duration, Instant};

/// Waits until something is seen, at most so long.
pub(crate) fn within<T>(limit: Duration, what: &str, mut see: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + limit;
    loop {
        if let Some(seen) = see() {
            return seen;
        }
        assert!(Instant::now() < until, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
