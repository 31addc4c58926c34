//! How many questions are mailed. Whoever asks learns nothing of it: the answer is the same.
//!
//! Only what was let through is remembered, so what is remembered is bounded by the limit for all together.

use std::collections::VecDeque;
use std::net::IpAddr;

use muster_core::time::{Span, Timestamp};

use super::address::mailbox;

/// How long a question is remembered.
const REMEMBERED: Span = Span::hours(24);

/// How many within which time: to one mailbox, a second rule for the same, for one client, and for all together.
const MAILBOX: (usize, Span) = (1, Span::minutes(10));
const MAILBOX_DAY: (usize, Span) = (5, REMEMBERED);
const CLIENT: (usize, Span) = (5, Span::hours(1));
const ALL: (usize, Span) = (60, Span::hours(1));

/// The questions of the last day.
#[derive(Debug, Default)]
pub(super) struct Limits(VecDeque<Asked>);

#[derive(Debug)]
struct Asked {
    mailbox: String,
    from: IpAddr,
    at: Timestamp,
}

impl Limits {
    /// True if one more may be mailed, which then counts.
    pub(super) fn allow(&mut self, address: &str, from: IpAddr, now: Timestamp) -> bool {
        // What lies in the future was counted by a clock that was set back since.
        self.0.retain(|asked| asked.at <= now && now.since(asked.at) < REMEMBERED);
        let mailbox = mailbox(address);
        let is_full = |(most, within): (usize, Span), is_meant: &dyn Fn(&Asked) -> bool| {
            let counted = self.0.iter().filter(|asked| now.since(asked.at) < within && is_meant(asked));
            counted.count() >= most
        };
        let same_mailbox = |asked: &Asked| asked.mailbox == mailbox;
        let full = is_full(MAILBOX, &same_mailbox)
            || is_full(MAILBOX_DAY, &same_mailbox)
            || is_full(CLIENT, &|asked| asked.from == from)
            || is_full(ALL, &|_| true);
        if !full {
            self.0.push_back(Asked { mailbox, from, at: now });
        }
        !full
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_246_920);

    fn from(n: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, n])
    }

    #[test]
    fn one_mailbox_is_asked_once_in_ten_minutes_and_five_times_a_day() {
        let mut limits = Limits::default();
        let times = |limits: &mut Limits, minutes: u64| {
            limits.allow(
                "ann@example.com",
                from(u8::try_from(minutes % 250).unwrap()),
                NOW + Span::minutes(minutes),
            )
        };
        assert!(times(&mut limits, 0));
        assert!(!limits.allow("Ann+x@example.com", from(9), NOW + Span::minutes(9)), "the same mailbox");
        for minutes in [10, 20, 30, 40] {
            assert!(times(&mut limits, minutes), "{minutes}");
        }
        assert!(!times(&mut limits, 50) && !times(&mut limits, 1_000));
        assert!(times(&mut limits, 24 * 60 + 1));
    }

    #[test]
    fn one_client_asks_for_five_and_all_together_for_sixty_an_hour() {
        let mut limits = Limits::default();
        let ask = |limits: &mut Limits, n: u32, client: u8, at: Timestamp| {
            limits.allow(&format!("p{n}@example.com"), from(client), at)
        };
        assert!((0..5).all(|n| ask(&mut limits, n, 1, NOW)));
        assert!(!ask(&mut limits, 5, 1, NOW));
        assert!(ask(&mut limits, 6, 1, NOW + Span::hours(1)));
        let mut limits = Limits::default();
        let let_through =
            (0..1_000).filter(|n| ask(&mut limits, *n, u8::try_from(n / 4).unwrap(), NOW)).count();
        assert_eq!((let_through, limits.0.len()), (60, 60), "and nothing is kept of the others");
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out() {
        let mut limits = Limits::default();
        assert!(limits.allow("ann@example.com", from(1), NOW + Span::days(30)));
        assert!(limits.allow("ann@example.com", from(1), NOW));
    }
}
