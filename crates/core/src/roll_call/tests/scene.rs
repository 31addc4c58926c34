//! A machine with two clocks that the test moves, and words short enough to read a test as a story.

use crate::effect::{Condition, Effect, News, Page, SlotClosed, Verdict};
use crate::expectation::{Expectation, Hearing, Rhythm};
use crate::ids::{ChannelName, ExpectationId, RunId, SignalId};
use crate::roll_call::mutant::Mutant;
use crate::roll_call::{Answer, LastSeen, RollCall};
use crate::schedule::Schedule;
use crate::signal::{Ending, Outcome, Report, Signal};
use crate::time::{Now, Span, Timestamp};

/// 2026-11-21T00:00:00Z, a Saturday.
pub(super) const MIDNIGHT: i64 = 1_795_219_200;

pub(super) struct Stage {
    pub(super) roll: RollCall,
    pub(super) now: Now,
    plan: Vec<Expectation>,
    mutant: Option<Mutant>,
    signals: u64,
    pub(super) pages: Vec<Page>,
    pub(super) slots: Vec<SlotClosed>,
    pub(super) words: Vec<(String, &'static str)>,
}

pub(super) fn id(name: &str) -> ExpectationId {
    ExpectationId::of("job", name).expect("valid")
}

pub(super) fn channel(name: &str) -> ChannelName {
    ChannelName::new(name).expect("valid")
}

pub(super) fn run(name: &str) -> Option<RunId> {
    Some(RunId::new(name).expect("valid"))
}

pub(super) fn cron(text: &str) -> Rhythm {
    Rhythm::Cron(Schedule::parse(text, "UTC").expect("valid"))
}

pub(super) fn every(text: &str) -> Rhythm {
    Rhythm::Every(span(text))
}

pub(super) fn span(text: &str) -> Span {
    text.parse().expect("a span")
}

/// An expectation of five minutes' grace that tells `ops`.
pub(super) fn job(name: &str, rhythm: Rhythm) -> Expectation {
    let mut spec = Expectation::new(id(name), rhythm, span("5m"));
    spec.notify = vec![channel("ops")];
    spec
}

pub(super) fn direct(mut spec: Expectation) -> Expectation {
    spec.hearing = Hearing::Direct;
    spec
}

pub(super) fn success() -> Report {
    Report::Success(Outcome::bare(Ending::Exit { code: 0 }))
}

pub(super) fn failure() -> Report {
    Report::Failure(Outcome::bare(Ending::Exit { code: 1 }))
}

pub(super) fn start() -> Report {
    Report::Start { process: None }
}

impl Stage {
    /// The curtain opens at midnight with these on the roll.
    pub(super) fn with(plan: Vec<Expectation>) -> Self {
        let now = Now { wall: Timestamp::from_seconds(MIDNIGHT), uptime: Span::hours(1) };
        let mut stage = Self {
            roll: RollCall::new(),
            now,
            plan: plan.clone(),
            mutant: None,
            signals: 0,
            pages: Vec::new(),
            slots: Vec::new(),
            words: Vec::new(),
        };
        stage.roll.expect(plan, now);
        stage.roll.tick(now);
        stage.collect();
        stage
    }

    /// The moment that the wall clock shows as `HH:MM:SS` on the first day.
    pub(super) fn at(text: &str) -> Timestamp {
        let parts: Vec<i64> = text.split(':').map(|part| part.parse().expect("a number")).collect();
        Timestamp::from_seconds(
            MIDNIGHT + parts[0] * 3600 + parts[1] * 60 + parts.get(2).copied().unwrap_or(0),
        )
    }

    fn collect(&mut self) {
        for effect in self.roll.drain() {
            match effect {
                Effect::Page(page) => self.pages.push(page),
                Effect::Slot(slot) => self.slots.push(slot),
                Effect::Transition(change) => {
                    self.words.push((change.about.name().to_owned(), change.to.word()))
                }
            }
        }
        if let Err(broken) = self.roll.check_invariants() {
            panic!("{broken}");
        }
    }

    /// From here on the machine has this bug.
    pub(super) fn infected(mut self, mutant: Mutant) -> Self {
        self.mutant = Some(mutant);
        self.roll.mutant = self.mutant;
        self
    }

    fn step(&mut self, span: Span) {
        self.now = Now { wall: self.now.wall + span, uptime: self.now.uptime + span };
    }

    /// Time passes with a tick every five seconds and at every deadline.
    pub(super) fn until(&mut self, text: &str) {
        self.until_moment(Self::at(text));
    }

    pub(super) fn until_moment(&mut self, end: Timestamp) {
        assert!(end >= self.now.wall, "time only moves on");
        while self.now.wall < end {
            let next = (self.now.wall + Span::seconds(5)).min(end);
            let next = self
                .roll
                .next_deadline()
                .map_or(next, |due| next.min(due.max(self.now.wall + Span::millis(1))));
            self.step(next.since(self.now.wall));
            self.roll.tick(self.now);
            self.collect();
        }
    }

    pub(super) fn pass(&mut self, text: &str) {
        self.until_moment(self.now.wall + span(text));
    }

    pub(super) fn signal(&mut self, name: &str, run: Option<RunId>, at: Timestamp, report: Report) -> Signal {
        self.signals += 1;
        let id = SignalId::new(format!("s{}", self.signals)).expect("valid");
        Signal { id, about: super::scene::id(name), at, run, report }
    }

    pub(super) fn hears(&mut self, name: &str, report: Report) {
        self.hears_run(name, None, report);
    }

    pub(super) fn hears_run(&mut self, name: &str, run: Option<RunId>, report: Report) {
        let signal = self.signal(name, run, self.now.wall, report);
        assert_eq!(self.hears_signal(&signal), Answer::Heard);
    }

    pub(super) fn hears_late(&mut self, name: &str, at: &str, report: Report) {
        let signal = self.signal(name, None, Self::at(at), report);
        assert_eq!(self.hears_signal(&signal), Answer::Heard);
    }

    pub(super) fn hears_signal(&mut self, signal: &Signal) -> Answer {
        let answer = self.roll.hear(signal, self.now);
        self.roll.tick(self.now);
        self.collect();
        answer
    }

    pub(super) fn replan(&mut self, plan: Vec<Expectation>) {
        self.plan = plan.clone();
        self.roll.expect(plan, self.now);
        self.roll.tick(self.now);
        self.collect();
    }

    /// The agent dies, is away for that long, and comes back with what was stored. The spool is not read yet.
    pub(super) fn is_down_for(&mut self, text: &str) {
        let seen = LastSeen { now: self.now, boot: "one".to_owned() };
        let rows = self.roll.changed();
        let stored: Vec<_> = rows.into_iter().filter_map(|(_, row)| row).collect();
        assert_eq!(stored.len(), self.plan.len(), "the stage stores everything at once");
        self.step(span(text));
        self.roll = RollCall::restore(stored, Some(seen));
        self.roll.mutant = self.mutant;
        self.roll.expect(self.plan.clone(), self.now);
        self.roll.wake("one", self.now);
        self.roll.tick(self.now);
        self.collect();
    }

    pub(super) fn drained(&mut self) {
        self.roll.drained(self.now);
        self.collect();
    }

    /// The clock is put on or back by so many seconds while no time passes.
    pub(super) fn clock_steps(&mut self, seconds: i64) {
        self.now.wall = self.now.wall.shifted(seconds * 1000);
        self.roll.tick(self.now);
        self.collect();
    }

    pub(super) fn condition(&self, name: &str) -> Condition {
        let board = self.roll.board(self.now);
        board.lines.into_iter().find(|line| line.id == id(name)).expect("on the roll").condition
    }

    pub(super) fn word(&self, name: &str) -> &'static str {
        self.condition(name).word()
    }

    /// What the pages about one expectation said, as words.
    pub(super) fn news(&self, name: &str) -> Vec<&'static str> {
        self.pages.iter().filter(|page| page.about == id(name)).map(|page| said(&page.news)).collect()
    }

    pub(super) fn verdicts(&self, name: &str) -> Vec<Verdict> {
        self.slots.iter().filter(|slot| slot.about == id(name)).map(|slot| slot.verdict).collect()
    }
}

pub(super) fn said(news: &News) -> &'static str {
    match news {
        News::Opened { .. } => "opened",
        News::Reminder { .. } => "reminder",
        News::AcknowledgementExpired { .. } => "expired",
        News::Escalated { .. } => "step",
        News::Flapping { .. } => "flapping",
        News::Resolved { .. } => "resolved",
        News::Withdrawn { .. } => "withdrawn",
        News::Test { .. } => "test",
    }
}
