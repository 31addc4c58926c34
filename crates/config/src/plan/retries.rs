//! How often a failed run is tried again, and when.

use muster_core::time::Span;

/// How often a failed run is tried again, and when.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Retries {
    /// Attempts after the first; none by default.
    pub count: u32,
    /// The wait before the second attempt.
    pub delay: Span,
    /// Each wait is so many thousandths of the one before.
    pub backoff: u32,
    /// The longest wait.
    pub max_delay: Option<Span>,
    /// Waits are shorter or longer by up to so many thousandths.
    pub jitter: u32,
    /// The exit codes, as `muster run` gives them, that are worth another attempt; empty for every failure.
    pub on: Vec<u8>,
}

impl Retries {
    /// The wait after that many attempts, for a random number.
    pub fn wait(&self, attempts: u32, random: u32) -> Span {
        const LONGEST: u64 = 365 * 86_400_000;
        let most = self.max_delay.map_or(LONGEST, Span::as_millis);
        let mut millis = self.delay.as_millis();
        for _ in 1..attempts.min(1_000) {
            millis = (millis.saturating_mul(u64::from(self.backoff)) / 1000).min(most);
        }
        let millis = millis.min(most);
        let swing = millis.saturating_mul(u64::from(self.jitter)) / 1000;
        let shift = if swing == 0 { 0 } else { u64::from(random) % (2 * swing + 1) };
        Span::millis((millis - swing.min(millis)).saturating_add(shift))
    }

    /// True if a run that ended with this code is tried again.
    pub fn is_for(&self, code: u8) -> bool {
        self.on.is_empty() || self.on.contains(&code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_bound_and_swing_around_it() {
        let retries = Retries {
            count: 5,
            delay: Span::seconds(30),
            backoff: 2_000,
            max_delay: Some(Span::seconds(100)),
            ..Retries::default()
        };
        let waits: Vec<u64> = (1..5).map(|nth| retries.wait(nth, 7).as_millis() / 1000).collect();
        assert_eq!(waits, [30, 60, 100, 100]);
        let retries = Retries { jitter: 100, ..retries };
        for random in [0, 1, 5_999, 6_000, 6_001, u32::MAX] {
            let wait = retries.wait(1, random).as_millis();
            assert!((27_000..=33_000).contains(&wait), "{wait}");
        }
        assert_ne!(retries.wait(1, 0), retries.wait(1, 999));
        let endless = Retries { backoff: 10_000, max_delay: None, ..retries };
        assert!(endless.wait(u32::MAX, 3) < Span::days(800));
    }
}
