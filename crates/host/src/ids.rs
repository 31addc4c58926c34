//! Fresh names for runs and signals: sortable by time, unique by randomness from the kernel.

use std::sync::Mutex;

use muster_core::ids::{RunId, SignalId};
use muster_core::time::Timestamp;
use rustix::rand::{GetRandomFlags, getrandom};

/// The moment of the last signal id and how many were made in it: ids of one process keep their order even when the
/// wall clock is stepped back.
static LAST: Mutex<(i64, u32)> = Mutex::new((i64::MIN, 0));

/// A new run id such as `20261121T074200.123Z-9f3c2a71`.
///
/// Names sort by time to the millisecond; 32 random bits keep runs of the same millisecond apart.
pub fn run_id(at: Timestamp) -> RunId {
    let mut random = [0; 4];
    fill(&mut random);
    must(RunId::new(format!("{}-{:08x}", stamp(at), u32::from_ne_bytes(random))))
}

/// A new signal id such as `20261121T074200.123Z-0000-9f3c2a7100aa11bb`.
///
/// Ids made by one process sort in the order in which they were made.
pub fn signal_id(at: Timestamp) -> SignalId {
    let (at, count) = {
        let mut last = LAST.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *last = if at.millis() > last.0 { (at.millis(), 0) } else { (last.0, last.1.wrapping_add(1)) };
        *last
    };
    let mut random = [0; 8];
    fill(&mut random);
    let random = u64::from_ne_bytes(random);
    must(SignalId::new(format!("{}-{count:04x}-{random:016x}", stamp(Timestamp::from_millis(at)))))
}

/// A random number, for spreading things in time.
pub fn chance() -> u32 {
    let mut random = [0; 4];
    fill(&mut random);
    u32::from_ne_bytes(random)
}

/// RFC 3339 in its basic form with milliseconds: `20261121T074200.123Z`.
fn stamp(at: Timestamp) -> String {
    let seconds = at.to_string();
    let mut text: String = seconds.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    text.truncate(text.trim_end_matches('Z').len());
    text.push_str(&format!(".{:03}Z", at.millis().rem_euclid(1000)));
    text
}

fn fill(bytes: &mut [u8]) {
    // The kernel may deny only on systems older than every one we run on; the process id and the
    // clock then still keep two runs of one host apart.
    if getrandom(&mut *bytes, GetRandomFlags::empty()).is_err() {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic).tv_nsec;
        let seed = now ^ (i64::from(rustix::process::getpid().as_raw_pid()) << 20);
        for (byte, part) in bytes.iter_mut().zip(seed.to_ne_bytes()) {
            *byte = part;
        }
    }
}

/// The texts above are made of allowed characters only, so there is no second case to speak of.
fn must<T, E>(made: Result<T, E>) -> T {
    match made {
        Ok(name) => name,
        Err(_) => unreachable!("ids are built from digits, letters, dots and dashes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_by_making() {
        let early = Timestamp::from_millis(1_795_246_920_123);
        let late = Timestamp::from_millis(1_795_246_920_124);
        assert!(run_id(early).as_str().starts_with("20261121T074200.123Z-"), "{}", run_id(early));
        assert!(run_id(early) < run_id(late));
        let ids: Vec<_> = [late, late, early, late].map(signal_id).into_iter().collect();
        assert!(ids.is_sorted(), "{ids:?}");
    }

    #[test]
    fn a_thousand_run_ids_of_one_millisecond_differ() {
        let at = Timestamp::from_millis(1);
        let ids: std::collections::HashSet<_> = (0..1000).map(|_| run_id(at)).collect();
        assert_eq!(ids.len(), 1000);
    }
}
