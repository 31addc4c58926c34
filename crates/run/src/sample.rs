//! A look at the memory of the whole tree from time to time, where no control group keeps it. What is used only between
//! two looks is not seen.

use std::time::{Duration, Instant};

use muster_host::process;

use crate::tree::Tree;

/// The time from one look to the next.
pub(crate) const EVERY: Duration = Duration::from_millis(500);

/// Looks at one run.
#[derive(Debug)]
pub(crate) struct Sampler {
    limit: u64,
    next: Instant,
    found: Option<u64>,
}

impl Sampler {
    /// For a tree that may use `limit` bytes and starts now.
    pub(crate) fn new(limit: u64, now: Instant) -> Self {
        Self { limit, next: now + EVERY, found: None }
    }

    /// When the next look is due.
    pub(crate) fn due(&self) -> Instant {
        self.next
    }

    /// True if a look was due and the tree uses more than it may.
    pub(crate) fn is_above(&mut self, now: Instant, tree: &Tree) -> bool {
        if now < self.next {
            return false;
        }
        self.next = now + EVERY;
        let living = tree.living();
        // Counts shared pages once for each process, so it is never too little, and costs next to nothing.
        if living.iter().filter_map(|&pid| resident(pid)).sum::<u64>() <= self.limit {
            return false;
        }
        let used = living.iter().filter_map(|&pid| share(pid).or_else(|| resident(pid))).sum();
        self.found = self.found.max(Some(used));
        used > self.limit
    }

    /// The most that was found where it had to be counted exactly, in bytes.
    pub(crate) fn found(&self) -> Option<u64> {
        self.found
    }
}

/// What a process has in memory and in swap; none if it is gone.
fn resident(pid: u32) -> Option<u64> {
    let swap = sum_of(&format!("/proc/{pid}/status"), &["VmSwap:"]).unwrap_or(0);
    Some(process::rss(pid)? + swap)
}

/// Its share of that, as pages that several have are divided among them; none if it is gone or hidden from us.
fn share(pid: u32) -> Option<u64> {
    sum_of(&format!("/proc/{pid}/smaps_rollup"), &["Pss:", "SwapPss:"])
}

/// The sum of some lines `Name:   12 kB`, in bytes; none if there is no such line.
fn sum_of(path: &str, names: &[&str]) -> Option<u64> {
    let bytes = process::read_small(path).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let kib = text.lines().filter_map(|line| {
        let value = names.iter().find_map(|name| line.strip_prefix(name))?;
        value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
    });
    kib.fold(None, |sum, kib| Some(sum.unwrap_or(0) + kib * 1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_a_process_is_something_and_not_more_than_what_it_has() {
        let own = std::process::id();
        let resident = resident(own).expect("we are here");
        if let Some(share) = share(own) {
            assert!(share > 0 && share <= resident + (8 << 20), "{share} of {resident}");
        }
        assert!(resident > 0 && sum_of("/proc/self/status", &["No such:"]).is_none());
    }
}
