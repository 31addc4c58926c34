//! Those who come with a wrong key: shown, and no more often than a person can read.

use std::net::IpAddr;

use muster_core::board::Fault;
use muster_core::time::{Span, Timestamp};

/// The code of the fault that is shown.
const CODE: &str = "M0313";

/// It is shown for so long after the last of them.
const SHOWN: Span = Span::minutes(10);

/// The words change no more often than this, and so does the log.
const PAUSE: Span = Span::minutes(1);

/// How many came, and from where.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    first: Timestamp,
    last: Timestamp,
    times: u64,
    from: Option<IpAddr>,
    said: Option<(Timestamp, String)>,
}

impl Strangers {
    /// One came.
    pub(super) fn note(&mut self, from: IpAddr, now: Timestamp) {
        if now.since(self.last) > SHOWN {
            *self = Self { first: now, ..Self::default() };
        }
        self.last = now;
        self.times += 1;
        self.from = Some(from);
    }

    /// What is to be shown of it at present.
    pub(super) fn fault(&mut self, now: Timestamp) -> Option<Fault> {
        let what = self.words(now)?;
        let help =
            "if it is a peer of yours, both sides need the same key: see `key` of [peer.NAME]".to_owned();
        Some(Fault { code: CODE.to_owned(), what, help, since: self.first })
    }

    fn words(&mut self, now: Timestamp) -> Option<String> {
        let from = self.from.filter(|_| now.since(self.last) <= SHOWN)?;
        if let Some((at, words)) = &self.said
            && now.since(*at) < PAUSE
        {
            return Some(words.clone());
        }
        let times = match self.times {
            1 => "once".to_owned(),
            times => format!("{times} times"),
        };
        let words = format!(
            "somebody at {from} came as a peer with a key that is none of ours ({times} since {})",
            self.first
        );
        tracing::warn!(%from, times = self.times, "a peer with a wrong key");
        self.said = Some((now, words.clone()));
        Some(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guesser_is_shown_changes_the_words_once_a_minute_and_is_forgotten() {
        let at = |seconds: i64| Timestamp::from_seconds(1_800_000_000 + seconds);
        let from = IpAddr::from([203, 0, 113, 9]);
        let mut strangers = Strangers::default();
        assert_eq!(strangers.words(at(0)), None);
        strangers.note(from, at(0));
        let once = strangers.words(at(0)).expect("shown");
        assert!(once.contains("203.0.113.9") && once.contains("once"), "{once}");
        for second in 1..50 {
            strangers.note(from, at(second));
        }
        assert_eq!(strangers.words(at(50)).as_deref(), Some(once.as_str()));
        assert!(strangers.words(at(61)).is_some_and(|words| words.contains("50 times")));
        assert!(strangers.words(at(600)).is_some());
        assert_eq!(strangers.words(at(700)), None);
        strangers.note(from, at(800));
        assert!(strangers.words(at(800)).is_some_and(|words| words.contains("once")));
    }
}
