//! Mails subscribers what is reported, over a connection of its own: pages go their own way and never wait for it. What is
//! not taken waits in the store; a server that is away stays bad news until it is back.

use std::sync::Arc;
use std::time::Duration;

use super::pause::Pause;
use super::table::{Context, Terms};
use crate::driver::{Duty, Performing, Why};
use crate::resident::Settings;
use crate::subscribe::desk::Desk;
use crate::subscribe::round::{self, Done};

pub(super) const TERMS: Terms = Terms {
    name: "status-mail",
    sentence: "mails subscribers what is reported",
    period: Duration::from_secs(10),
    deadline: Duration::from_secs(60),
    // Five minutes: nothing is lost meanwhile, and mail servers are restarted.
    after: 30,
};

/// Pauses between attempts: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(300));

/// The duty.
pub(super) struct Mails {
    settings: tokio::sync::watch::Receiver<Settings>,
    desk: Arc<Desk>,
    /// Woken where there is more to send at once.
    wake: Arc<tokio::sync::Notify>,
    pause: Pause,
    /// Bulletins that did not reach everybody, as last seen.
    dropped: Option<u64>,
}

impl Mails {
    pub(super) fn new(context: &Context) -> Self {
        Self {
            settings: context.settings.clone(),
            desk: Arc::clone(&context.desk),
            wake: Arc::clone(&context.wake_mail),
            pause: Pause::new(PAUSES.0, PAUSES.1),
            dropped: None,
        }
    }

    fn told(&mut self, done: Done) -> String {
        let Done { sent, more, counts } = done;
        if more {
            self.wake.notify_one();
        }
        let Some(counts) = counts else { return format!("{sent} sent; bulletins wait for the store") };
        if self.dropped.replace(counts.dropped).is_some_and(|before| before < counts.dropped) {
            tracing::warn!(dropped = counts.dropped, "bulletins did not reach every subscriber");
        }
        if sent == 0 && counts.waiting == 0 {
            return format!("nothing waits for {} subscribers", counts.subscribers);
        }
        format!("{sent} sent, {} wait", counts.waiting)
    }
}

impl Duty for Mails {
    fn perform(&mut self, _why: Why) -> Performing<'_> {
        Box::pin(async move {
            let email = self.settings.borrow().mail.clone();
            let (Some(page), Some(email)) = (self.desk.page(), email) else {
                self.pause.end();
                return Ok("nobody can subscribe".into());
            };
            if let Some(words) = self.pause.holds() {
                return Err(words);
            }
            match round::send(&self.desk, &page, email).await {
                Ok(done) => {
                    self.pause.end();
                    Ok(self.told(done))
                }
                Err(why) => Err(self.pause.after(format!("subscribers are not mailed: {why}"))),
            }
        })
    }
}
