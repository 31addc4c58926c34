//! Things to store.

use muster_core::effect::{Condition, News, Page, SlotClosed, Transition, Verdict};
use muster_core::ids::{ChannelName, ExpectationId, IncidentId, RunId, SignalId};
use muster_core::outbox::{Entry, EntryState};
use muster_core::signal::{Ending, Outcome, Report, Signal};
use muster_core::time::Timestamp;

pub(crate) fn id(text: &str) -> ExpectationId {
    ExpectationId::new(text).unwrap()
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_800_000_000 + seconds)
}

pub(crate) fn signal(name: &str, about: &str, run: Option<&str>, seconds: i64, report: Report) -> Signal {
    Signal {
        id: SignalId::new(name).unwrap(),
        about: id(about),
        at: at(seconds),
        run: run.map(|run| RunId::new(run).unwrap()),
        report,
    }
}

pub(crate) fn start() -> Report {
    Report::Start { process: None }
}

pub(crate) fn success() -> Report {
    Report::Success(Outcome::bare(Ending::Exit { code: 0 }))
}

pub(crate) fn failure() -> Report {
    Report::Failure(Outcome::bare(Ending::Exit { code: 3 }))
}

pub(crate) fn beat(name: &str, seconds: i64) -> Signal {
    let words = Outcome::bare(Ending::Reported { words: "x".repeat(200) });
    signal(name, "check.beat", None, seconds, Report::Success(words))
}

pub(crate) fn transition(about: &str, seconds: i64) -> Transition {
    Transition { about: id(about), at: at(seconds), from: Condition::New, to: Condition::Ok }
}

pub(crate) fn slot(about: &str, seconds: i64, verdict: Verdict) -> SlotClosed {
    SlotClosed { about: id(about), due: at(seconds), at: at(seconds + 1), run: None, verdict }
}

pub(crate) fn waiting(incident: &str, number: u32, seconds: i64) -> Entry {
    let ops = ChannelName::new("ops").unwrap();
    Entry {
        page: Page {
            incident: IncidentId::new(incident).unwrap(),
            number,
            about: id("job.x"),
            news: News::Test { by: "a test".into() },
            to: vec![ops.clone()],
            at: at(seconds),
            causes: Vec::new(),
            evidence: None,
        },
        channel: ops,
        fallback_for: None,
        late: false,
        gathered: None,
        digest: false,
        state: EntryState::Waiting { next_try: at(seconds) },
        attempts: 0,
        last_error: None,
        queued: at(seconds),
    }
}
