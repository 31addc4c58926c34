//! One round of sending: first the questions, then bulletins, one mail after the other and not too fast.

use std::sync::Arc;
use std::time::{Duration, Instant};

use muster_config::plan::StatusPage;
use muster_config::secret::Secret;
use muster_core::time::{Span, Timestamp};
use muster_notify::kinds::email::Email;
use muster_notify::mailing::{Down, Mail, Mailer, Sent};
use muster_status::bulletin::{self, Text};
use muster_store::contract::{Store, StoreError};
use muster_store::mailing::{Fate, LONGEST_PAUSE, Mail as Queued, MailCounts};
use sha2::{Digest, Sha256};

use super::address::masked;
use super::desk::Desk;
use super::token::hex;
use super::wishes::Wish;
use crate::ledger::blocking;

/// Mails a second, at most.
const PACE: Duration = Duration::from_millis(200);

/// How long a round goes on; a mail that was begun may take [`muster_notify::mailing::DEADLINE`] more.
const LASTS: Duration = Duration::from_secs(25);

/// Steps of making mails out of bulletins in one round.
const SPREADS: usize = 20;

/// How long the store may take for one thing.
const STORE: Duration = Duration::from_secs(10);

/// Pause after the first try that a server put off.
const PAUSE: Span = Span::minutes(2);

/// How a round went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Done {
    /// Mails that the server took.
    pub(crate) sent: u32,
    /// There is more to send at once.
    pub(crate) more: bool,
    /// How the queue stands; none while the store is gone.
    pub(crate) counts: Option<MailCounts>,
}

/// Everything that a round needs.
struct Round<'a> {
    desk: &'a Desk,
    page: &'a StatusPage,
    /// Where the public addresses are reached.
    url: &'a str,
    key: Secret,
    mailer: Mailer,
    durable: bool,
    done: Done,
}

/// Sends what waits.
///
/// # Errors
/// Why not all of it could be sent; the rest waits.
pub(crate) async fn send(desk: &Desk, page: &StatusPage, email: Arc<Email>) -> Result<Done, String> {
    let Some(subscribe) = &page.subscribe else { return Ok(Done::default()) };
    let store = desk.store();
    let durable = blocking(STORE, move || Ok(store.health().durable)).await;
    let durable = durable.map_err(|error| error.to_string())?;
    let (key, mailer) = (desk.key().await?, Mailer::new(email));
    let done = Done::default();
    let mut round = Round { desk, page, url: &subscribe.url, key, mailer, durable, done };
    let passed = round.pass().await;
    round.mailer.close().await;
    passed?;
    if durable {
        round.done.counts = Some(round.ask(|store, _| store.mail_counts()).await?);
    }
    Ok(round.done)
}

impl Round<'_> {
    async fn pass(&mut self) -> Result<(), String> {
        if self.durable {
            for _ in 0..SPREADS {
                if !self.ask(|store, now| store.spread(now)).await? {
                    break;
                }
            }
        }
        let until = Instant::now() + LASTS;
        while self.next().await? {
            self.done.more = Instant::now() >= until;
            if self.done.more {
                break;
            }
            tokio::time::sleep(PACE).await;
        }
        Ok(())
    }

    /// Sends the next one; false if nothing is due.
    async fn next(&mut self) -> Result<bool, String> {
        if let Some(wish) = self.desk.wishes.take(self.desk.now()) {
            self.question(wish).await?;
            return Ok(true);
        }
        if !self.durable {
            return Ok(false);
        }
        let Some(queued) = self.ask(|store, now| store.next_mail(now)).await? else { return Ok(false) };
        self.bulletin(queued).await?;
        Ok(true)
    }

    async fn question(&mut self, wish: Wish) -> Result<(), String> {
        let link = self.desk.question(&self.key, self.url, &wish.address).ok_or("no link can be made")?;
        let Text { subject, body } = bulletin::question(self.page, &link);
        let id = id("question", &[&wish.address, &wish.at.millis().to_string()]);
        let mail = Mail { to: wish.address.clone(), subject, body, id, unsubscribe: None };
        let again = later(wish.tries, self.desk.now());
        match self.mailer.send(&mail).await {
            Ok(Sent::Taken) => self.done.sent += 1,
            Ok(Sent::Later(_)) => self.desk.wishes.put_back(wish, again),
            Ok(Sent::Refused { why, .. }) => {
                tracing::info!(address = masked(&wish.address), why, "an address could not be asked");
            }
            Err(Down { why, midway }) => {
                // A server that is away is no reason to give it up.
                let wish = if midway { wish } else { Wish { tries: wish.tries.saturating_sub(1), ..wish } };
                self.desk.wishes.put_back(wish, if midway { again } else { self.desk.now() });
                return Err(why);
            }
        }
        Ok(())
    }

    async fn bulletin(&mut self, queued: Queued) -> Result<(), String> {
        let Queued { number, address, tries, amendment, notice } = queued;
        let link = self.desk.way_out(&self.key, self.url, &address).ok_or("no link can be made")?;
        let Text { subject, body } = bulletin::bulletin(self.page, &notice, &link);
        let id = id("bulletin", &[notice.id.as_str(), &amendment, &address]);
        let mail = Mail { to: address.clone(), subject, body, id, unsubscribe: Some(link) };
        let sent = self.mailer.send(&mail).await;
        let again = later(tries, self.desk.now());
        let (fate, down) = match sent {
            Ok(Sent::Taken) => (Fate::Taken, None),
            Ok(Sent::Later(why)) => {
                tracing::debug!(address = masked(&address), why, "a mail was put off");
                (Fate::Later(again), None)
            }
            Ok(Sent::Refused { why, recipient }) => {
                tracing::info!(address = masked(&address), why, "a mail was refused");
                (Fate::Refused { recipient }, None)
            }
            // It may be this mail that the server cannot stand: the next round begins with another one.
            Err(Down { why, midway: true }) => (Fate::Later(again), Some(why)),
            Err(Down { why, midway: false }) => return Err(why),
        };
        self.done.sent += u32::from(fate == Fate::Taken);
        if self.ask(move |store, _| store.settle_mail(number, fate)).await? {
            tracing::warn!(
                address = masked(&address),
                "a subscriber was taken off the list: three mails in a row were refused for good"
            );
        }
        down.map_or(Ok(()), Err)
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn Store, Timestamp) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, String> {
        let (store, now) = (self.desk.store(), self.desk.now());
        let answer = blocking(STORE, move || question(store.as_ref(), now)).await;
        answer.map_err(|error| error.to_string())
    }
}

/// When to try again: after two minutes, four, eight, …, an hour.
fn later(tries: u32, now: Timestamp) -> Timestamp {
    now + PAUSE.times(1 << tries.min(6)).min(LONGEST_PAUSE)
}

/// What a Message-ID is made of: the same for each try, and another one for everything else.
fn id(kind: &str, parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part.as_bytes());
        digest.update([0]);
    }
    format!("{kind}.{}", hex(&digest.finalize()[..16]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_come_further_apart_and_an_hour_at_most() {
        let now = Timestamp::from_seconds(1_795_246_920);
        let minutes: Vec<u64> =
            [0, 1, 2, 4, 5, 99].map(|tries| later(tries, now).since(now).as_millis() / 60_000).into();
        assert_eq!(minutes, [2, 4, 8, 32, 60, 60]);
    }

    #[test]
    fn a_mail_has_the_same_id_each_time_and_no_other_has_it() {
        assert_eq!(id("b", &["n", "1/x", "a@x.y"]), id("b", &["n", "1/x", "a@x.y"]));
        assert_ne!(id("b", &["n", "1/x", "a@x.y"]), id("b", &["n", "1/x", "b@x.y"]));
        assert_ne!(id("b", &["n1", "/x"]), id("b", &["n", "1/x"]));
    }
}
