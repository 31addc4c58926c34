//! Tells somebody outside that all is well. The beat carries proof: it is withheld unless the last audit was clean, so
//! that its absence speaks for every way in which the watcher can fail.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::table::{Context, Terms};
use crate::driver::{Duty, Performing, Why};
use crate::parts;
use crate::proof::Findings;
use crate::resident::Settings;

pub(super) const TERMS: Terms = Terms {
    name: "beat",
    sentence: "tells somebody outside that all is well",
    period: Duration::from_secs(5),
    deadline: Duration::from_secs(30),
    after: 3,
};

/// The longest that one call may take.
const CALL: Duration = Duration::from_secs(20);

/// The duty.
pub(super) struct Beat {
    settings: tokio::sync::watch::Receiver<Settings>,
    findings: Arc<Findings>,
    sent: Option<Instant>,
}

impl Beat {
    pub(super) fn new(context: &Context) -> Self {
        Self { settings: context.settings.clone(), findings: Arc::clone(&context.findings), sent: None }
    }
}

impl Duty for Beat {
    fn perform(&mut self, _why: Why) -> Performing<'_> {
        Box::pin(async move {
            let beat = self.settings.borrow().beat.clone();
            let Some(parts::Beat { every, call }) = beat else {
                return Ok("nobody outside watches this watcher".into());
            };
            // Half a period early rather than half a period late.
            let slack = TERMS.period / 2;
            if self.sent.is_some_and(|sent| sent.elapsed() + slack < every.to_std()) {
                return Ok("not due".into());
            }
            if let Some(doubt) = self.findings.doubt() {
                return Ok(format!("withheld: {doubt}"));
            }
            match tokio::time::timeout(CALL, call()).await {
                Ok(Ok(())) => {
                    self.sent = Some(Instant::now());
                    Ok("sent".into())
                }
                Ok(Err(error)) => Err(error),
                Err(_) => Err(format!("no answer within {CALL:?}")),
            }
        })
    }
}
