//! Answers for tests that nobody here can decide: both, one run after the other.
//!
//! A walk is repeated with every combination of answers to the questions that came up. If all runs end alike, the
//! question did not matter; if not, it is what the verdict is unknown for.

/// Most runs of one walk.
const RUNS: usize = 512;

#[derive(Debug, Default)]
pub(crate) struct Oracle {
    given: Vec<bool>,
    asked: Vec<(bool, String)>,
    runs: usize,
}

impl Oracle {
    /// One answer; the first run hears only "no".
    pub(crate) fn ask(&mut self, question: impl Into<String>) -> bool {
        let answer = self.given.get(self.asked.len()).copied().unwrap_or(false);
        self.asked.push((answer, question.into()));
        answer
    }

    /// The question that was answered differently from the run before this one.
    pub(crate) fn turned(&self) -> Option<&str> {
        let last = self.given.len().checked_sub(1)?;
        self.asked.get(last).map(|(_, question)| question.as_str())
    }

    /// Makes ready for the next run; false when all combinations were tried.
    pub(crate) fn turn(&mut self) -> bool {
        let Some(last) = self.asked.iter().rposition(|(answer, _)| !answer) else { return false };
        self.given = self.asked.drain(..).take(last).map(|(answer, _)| answer).collect();
        self.given.push(true);
        self.runs += 1;
        true
    }

    /// True if too many questions came up to try them all.
    pub(crate) fn is_weary(&self) -> bool {
        self.runs >= RUNS
    }
}

#[cfg(test)]
mod tests {
    use super::Oracle;

    #[test]
    fn every_combination_is_tried_once() {
        let mut oracle = Oracle::default();
        let mut seen = Vec::new();
        loop {
            let first = oracle.ask("a");
            let second = if first { oracle.ask("b") } else { false };
            seen.push((first, second));
            if !oracle.turn() {
                break;
            }
        }
        assert_eq!(seen, [(false, false), (true, false), (true, true)]);
    }
}
