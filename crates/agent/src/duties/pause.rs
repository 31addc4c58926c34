//! What a duty waits between attempts that fail: twice as long each time, up to a limit. Meanwhile it says what it said.

use std::time::{Duration, Instant};

/// Whether an attempt failed, and when the next one is due.
#[derive(Debug)]
pub(super) struct Pause {
    first: Duration,
    longest: Duration,
    failed: Option<Failed>,
}

#[derive(Debug)]
struct Failed {
    again: Instant,
    pause: Duration,
    words: String,
}

impl Pause {
    /// Nothing has failed yet.
    pub(super) fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, failed: None }
    }

    /// What the last attempt failed with, while it is too early for another.
    pub(super) fn holds(&self) -> Option<String> {
        self.failed.as_ref().filter(|failed| Instant::now() < failed.again).map(|failed| failed.words.clone())
    }

    /// It went well, or there is nothing to do any more.
    pub(super) fn end(&mut self) {
        self.failed = None;
    }

    /// It failed once more; gives the words back.
    pub(super) fn after(&mut self, words: String) -> String {
        let pause = self.failed.as_ref().map_or(self.first, |failed| (failed.pause * 2).min(self.longest));
        self.failed = Some(Failed { again: Instant::now() + pause, pause, words: words.clone() });
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pause_is_twice_the_last_one_up_to_the_limit() {
        let mut pause = Pause::new(Duration::from_secs(10), Duration::from_secs(30));
        assert_eq!(pause.holds(), None);
        for seconds in [10, 20, 30, 30] {
            assert_eq!(pause.after("refused".into()), "refused");
            let left = pause.failed.as_ref().map(|failed| failed.pause);
            assert_eq!(
                (left, pause.holds().as_deref()),
                (Some(Duration::from_secs(seconds)), Some("refused"))
            );
        }
        pause.end();
        assert_eq!(pause.holds(), None);
        pause.first = Duration::ZERO;
        pause.after("again".into());
        assert_eq!(pause.holds(), None, "the time is over");
    }
}
