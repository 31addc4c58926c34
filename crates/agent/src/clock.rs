//! The clock as a part, so that a test can move it.

use muster_core::time::Now;

/// What time it is.
pub trait Clock: Send + Sync {
    /// Both clocks, read together.
    fn now(&self) -> Now;
}

/// The clocks of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct HostClock;

impl Clock for HostClock {
    fn now(&self) -> Now {
        muster_host::clock::now()
    }
}
