//! The ladder that ends a run: a note, TERM, KILL. A machine without clocks and processes: time comes in, steps go out.

use std::time::Duration;

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Note that the run is slow.
    Note,
    /// Ask every process of the run to end.
    Terminate,
    /// Kill every process of the run.
    Kill,
}

/// Why a run is being ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The hard limit.
    Limit,
    /// Somebody asked muster to end.
    Asked,
    /// It used more memory than it may.
    Memory,
}

/// The ladder of one run. All times count from the start of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ladder {
    soft: Option<Duration>,
    hard: Option<Duration>,
    grace: Duration,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Running { noted: bool },
    Ending { cause: Cause, kill: Duration },
    Killed { cause: Cause },
}

impl Ladder {
    /// The ladder of a run that starts now.
    pub(crate) const fn new(soft: Option<Duration>, hard: Option<Duration>, grace: Duration) -> Self {
        Self { soft, hard, grace, stage: Stage::Running { noted: false } }
    }

    /// When the next step is due; none if only the job itself can end the run, or nothing more can be done.
    pub(crate) fn due(&self) -> Option<Duration> {
        match self.stage {
            Stage::Running { noted: false } => [self.soft, self.hard].into_iter().flatten().min(),
            Stage::Running { noted: true } => self.hard,
            Stage::Ending { kill, .. } => Some(kill),
            Stage::Killed { .. } => None,
        }
    }

    /// Takes the step that is due, if one is.
    pub(crate) fn step(&mut self, now: Duration) -> Option<Step> {
        match self.stage {
            Stage::Running { .. } if self.hard.is_some_and(|hard| now >= hard) => {
                Some(self.end(Cause::Limit, now))
            }
            Stage::Running { noted: false } if self.soft.is_some_and(|soft| now >= soft) => {
                self.stage = Stage::Running { noted: true };
                Some(Step::Note)
            }
            Stage::Ending { cause, kill } if now >= kill => {
                self.stage = Stage::Killed { cause };
                Some(Step::Kill)
            }
            _ => None,
        }
    }

    /// Somebody asked muster to end. The second time there is no more patience.
    pub(crate) fn asked(&mut self, now: Duration) -> Step {
        match self.stage {
            Stage::Running { .. } => self.end(Cause::Asked, now),
            Stage::Ending { cause, .. } | Stage::Killed { cause } => {
                self.stage = Stage::Killed { cause };
                Step::Kill
            }
        }
    }

    /// It uses too much memory, and there is no time to ask.
    pub(crate) fn too_large(&mut self) -> Step {
        self.stage = Stage::Killed { cause: self.cause().unwrap_or(Cause::Memory) };
        Step::Kill
    }

    /// Why the run is being ended, if it is.
    pub(crate) fn cause(&self) -> Option<Cause> {
        match self.stage {
            Stage::Running { .. } => None,
            Stage::Ending { cause, .. } | Stage::Killed { cause } => Some(cause),
        }
    }

    /// True once KILL was due.
    pub(crate) fn is_at_the_end(&self) -> bool {
        matches!(self.stage, Stage::Killed { .. })
    }

    fn end(&mut self, cause: Cause, now: Duration) -> Step {
        self.stage = Stage::Ending { cause, kill: now.saturating_add(self.grace) };
        Step::Terminate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_run_is_noted_then_asked_then_killed() {
        let mut ladder = Ladder::new(Some(s(5)), Some(s(10)), s(2));
        assert_eq!((ladder.due(), ladder.step(s(4))), (Some(s(5)), None));
        assert_eq!(ladder.step(s(5)), Some(Step::Note));
        assert_eq!((ladder.due(), ladder.step(s(6))), (Some(s(10)), None));
        assert_eq!(ladder.step(s(11)), Some(Step::Terminate));
        assert_eq!((ladder.due(), ladder.step(s(12))), (Some(s(13)), None));
        assert_eq!(ladder.step(s(13)), Some(Step::Kill));
        assert_eq!((ladder.due(), ladder.step(s(99))), (None, None));
        assert!(ladder.cause() == Some(Cause::Limit) && ladder.is_at_the_end());
    }

    #[test]
    fn a_second_request_kills_at_once() {
        let mut ladder = Ladder::new(None, None, s(10));
        assert_eq!(ladder.due(), None);
        assert_eq!(ladder.asked(s(1)), Step::Terminate);
        assert_eq!(ladder.due(), Some(s(11)));
        assert_eq!(ladder.asked(s(2)), Step::Kill);
        assert_eq!(ladder.cause(), Some(Cause::Asked));
    }

    #[test]
    fn what_is_too_large_is_killed_at_once_and_an_earlier_cause_stays() {
        let mut ladder = Ladder::new(None, None, s(10));
        assert_eq!((ladder.too_large(), ladder.cause()), (Step::Kill, Some(Cause::Memory)));
        let mut ladder = Ladder::new(None, Some(s(3)), s(10));
        assert_eq!(ladder.step(s(3)), Some(Step::Terminate));
        assert_eq!((ladder.too_large(), ladder.cause()), (Step::Kill, Some(Cause::Limit)));
        assert!(ladder.is_at_the_end());
    }

    #[test]
    fn a_hard_limit_before_the_soft_one_wins() {
        let mut ladder = Ladder::new(Some(s(9)), Some(s(3)), s(0));
        assert_eq!((ladder.due(), ladder.step(s(20))), (Some(s(3)), Some(Step::Terminate)));
        assert_eq!(ladder.step(s(20)), Some(Step::Kill));
    }
}
