//! The clocks of this machine. Core never asks for the time; whoever calls it asks here.

use std::io;

use muster_core::time::{Now, Span, Timestamp};
use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::process::read_small;

/// Wall time and time since boot (suspend included), read one right after the other.
pub fn now() -> Now {
    let wall = clock_gettime(ClockId::Realtime);
    let uptime = clock_gettime(ClockId::Boottime);
    Now { wall: Timestamp::from_millis(millis(wall)), uptime: Span::millis(millis(uptime).unsigned_abs()) }
}

/// The id that the kernel gave this boot (`/proc/sys/kernel/random/boot_id`).
///
/// # Errors
/// Where `/proc` is not mounted or hidden.
pub fn boot_id() -> io::Result<String> {
    let text = read_small("/proc/sys/kernel/random/boot_id")?;
    Ok(String::from_utf8_lossy(&text).trim().to_owned())
}

fn millis(at: Timespec) -> i64 {
    at.tv_sec.saturating_mul(1000).saturating_add(at.tv_nsec / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clocks_move_forward_together() {
        let before = now();
        let after = now();
        assert!(after.uptime >= before.uptime);
        assert!(before.wall.seconds() > 1_700_000_000);
        assert_eq!(boot_id().expect("a boot id").len(), 36);
    }
}
