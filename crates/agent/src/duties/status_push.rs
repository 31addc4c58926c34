//! Takes the page for customers to another host after each change, so that it outlives this one. A failure is tried again,
//! later each time, and stays bad news until it worked.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::pause::Pause;
use super::status_page::Edition;
use super::table::{Context, Terms};
use crate::driver::{Duty, Performing, Why};
use crate::resident::Settings;
use crate::status::courier;

pub(super) const TERMS: Terms = Terms {
    name: "status-push",
    sentence: "takes the status page to another host",
    period: Duration::from_secs(10),
    deadline: Duration::from_secs(60),
    // Half a minute of another host's absence is no news.
    after: 4,
};

/// Pauses between attempts: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(60));

/// The duty.
pub(super) struct Pushes {
    settings: tokio::sync::watch::Receiver<Settings>,
    edition: Arc<Edition>,
    /// The edition and the command that were carried last.
    carried: Option<(u64, Vec<String>)>,
    pause: Pause,
}

impl Pushes {
    pub(super) fn new(context: &Context, edition: Arc<Edition>) -> Self {
        Self {
            settings: context.settings.clone(),
            edition,
            carried: None,
            pause: Pause::new(PAUSES.0, PAUSES.1),
        }
    }
}

impl Duty for Pushes {
    fn perform(&mut self, _why: Why) -> Performing<'_> {
        Box::pin(async move {
            let sheet = self.settings.borrow().status.clone();
            let Some(page) = sheet.as_ref().map(|sheet| &sheet.page).filter(|page| !page.push.is_empty())
            else {
                self.carried = None;
                self.pause.end();
                return Ok("there is no other host".into());
            };
            let edition = self.edition.number.load(Ordering::SeqCst);
            if edition == 0 {
                return Ok("there is no page yet".into());
            }
            let this = (edition, page.push.clone());
            if self.carried.as_ref() == Some(&this) {
                return Ok("the other host has it".into());
            }
            if let Some(words) = self.pause.holds() {
                return Err(words);
            }
            match courier::carry(&page.push, &page.folder, courier::WITHIN).await {
                Ok(()) => {
                    self.carried = Some(this);
                    self.pause.end();
                    Ok("taken to the other host".into())
                }
                Err(words) => {
                    Err(self.pause.after(format!("the status page is not on the other host: {words}")))
                }
            }
        })
    }
}
