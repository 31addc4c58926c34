//! A letter to deliver, and the delivery of it.

use std::time::{Duration, Instant};

use muster_core::effect::{News, Page, Reason};
use muster_core::outbox::{Delivery, Dispatch, Entry, EntryState};
use muster_core::signal::{Ending, Outcome};
use muster_core::time::Timestamp;
use muster_net::dial::Dialer;
use muster_notify::letter::{Desk, Letter};
use muster_notify::medium::Medium;

const SINCE: Timestamp = Timestamp::from_seconds(1_795_226_400);

/// A failed job, with output that is not plain ASCII, begins with a dot and has what markup is made of.
pub(crate) fn letter() -> Letter {
    let channel: muster_core::ids::ChannelName = "ops".parse().expect("a name");
    let evidence = Outcome {
        tail: "größer <b>&amp; ```\n.\n..dots\n\u{1b}[31mred\u{1b}[0m\n".to_owned(),
        ..Outcome::bare(Ending::Exit { code: 2 })
    };
    let entry = Entry {
        page: Page {
            incident: "job.nightly:1795226400:0".parse().expect("an incident"),
            number: 0,
            about: "job.nightly".parse().expect("an expectation"),
            news: News::Opened { since: SINCE, reason: Reason::Failed { times: 1 } },
            to: vec![channel.clone()],
            at: SINCE,
            causes: Vec::new(),
            evidence: Some(evidence),
        },
        channel,
        fallback_for: None,
        late: false,
        digest: false,
        gathered: None,
        state: EntryState::Waiting { next_try: SINCE },
        attempts: 0,
        last_error: None,
        queued: SINCE,
    };
    let desk = Desk { site: "acme".to_owned(), host: "web1".to_owned(), zone: "UTC".to_owned() };
    desk.write(&Dispatch { key: entry.key(), entry, folded: Vec::new() })
}

/// Carries it once.
pub(crate) fn carry(medium: &dyn Medium, letter: &Letter) -> Delivery {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(medium.carry(letter, &Dialer::new()))
}

/// The same, and how long it took.
pub(crate) fn timed(medium: &dyn Medium, letter: &Letter) -> (Delivery, Duration) {
    let start = Instant::now();
    (carry(medium, letter), start.elapsed())
}

pub(crate) fn receipt(delivery: Delivery) -> String {
    match delivery {
        Delivery::Accepted { receipt } => receipt,
        other => panic!("should be accepted: {other:?}"),
    }
}

pub(crate) fn refusal(delivery: Delivery) -> String {
    match delivery {
        Delivery::Refused { why } => why,
        other => panic!("should be refused for good: {other:?}"),
    }
}

pub(crate) fn later(delivery: Delivery) -> String {
    match delivery {
        Delivery::NotNow { why, .. } => why,
        other => panic!("should be not now: {other:?}"),
    }
}
