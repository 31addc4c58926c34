//! Checks that everything due is judged and that every duty is performed within its bound. Any fault of the loop, the
//! clock or the driver ends up here as bad news.

use std::sync::Arc;
use std::time::Duration;

use super::table::{Context, Terms};
use crate::driver::{Duty, Performing, Why};
use crate::handle::Handle;
use crate::proof::{Audited, Findings};
use crate::resident::message::{Message, SelfReport};
use crate::roster::Roster;

pub(super) const TERMS: Terms = Terms {
    name: "audit",
    sentence: "checks that everything due is judged and every duty performed",
    period: Duration::from_secs(10),
    deadline: Duration::from_secs(20),
    after: 1,
};

/// A page that nobody was told for this long makes the whole watcher doubtful.
const UNDELIVERED: muster_core::time::Span = muster_core::time::Span::seconds(60);

/// The duty.
pub(super) struct Audit {
    handle: Handle,
    roster: Arc<Roster>,
    findings: Arc<Findings>,
}

impl Audit {
    pub(super) fn new(context: &Context) -> Self {
        let (roster, findings) = (Arc::clone(&context.roster), Arc::clone(&context.findings));
        Self { handle: context.handle.clone(), roster, findings }
    }
}

impl Duty for Audit {
    fn perform(&mut self, _why: Why) -> Performing<'_> {
        Box::pin(async move {
            let report = self.handle.ask(Duration::from_secs(10), Message::Audit).await;
            let SelfReport { unjudged, undispatched, undelivered, durable } =
                report.map_err(|error| error.to_string())?;
            let mut wrong = self.roster.overdue();
            wrong.extend(unjudged.map(|late| format!("silence was due {late} ago and is not judged")));
            wrong.extend(undispatched.map(|late| format!("a page should have been handed out {late} ago")));
            // These two have alarms of their own; here they only keep the outside from hearing that all is well.
            let mut doubts = wrong.clone();
            doubts.extend(
                undelivered
                    .filter(|age| *age >= UNDELIVERED)
                    .map(|age| format!("a page has been undelivered for {age}")),
            );
            if !durable {
                doubts.push("the store cannot be written".to_owned());
            }
            self.findings.put(Audited { doubts, undelivered, durable });
            if wrong.is_empty() { Ok("all is judged".into()) } else { Err(wrong.join("; ")) }
        })
    }
}
