//! Whether this host still has a way out. When most of what is looked at outside goes bad at once, canaries in networks
//! that have nothing to do with each other decide whether the world is down or only the way to it; then one alarm says
//! so, and those of the checks are held back.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::time::Duration;

use muster_core::expectation::{Expectation, Hearing, Level, Rhythm, Step};
use muster_core::ids::{ChannelName, ExpectationId};
use muster_core::time::Span;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::parts::Watched;

/// The alarm's name on the roll.
const NAME: &str = "way-out";
/// With fewer checks outside, "most of them" says nothing.
const FEWEST: usize = 2;
/// How long a canary has to take a connection.
const PATIENCE: Duration = Duration::from_secs(3);
/// The time from one question to the canaries to the next.
const PAUSE: Duration = Duration::from_secs(5);

/// The alarm's whole name.
pub(crate) fn id() -> Option<ExpectationId> {
    ExpectationId::of("host", NAME).ok()
}

/// Puts the alarm on the roll, as one more that every check outside depends on.
pub(crate) fn expect(
    expectations: &mut Vec<Expectation>,
    checks: &[Watched],
    notify: &[ChannelName],
    steps: &[Step],
) {
    let Some(way_out) = id() else { return };
    let outside: HashSet<&ExpectationId> =
        checks.iter().filter(|one| one.probe.is_outside()).map(|one| &one.round.id).collect();
    if outside.len() < FEWEST {
        return;
    }
    for expectation in expectations.iter_mut().filter(|one| outside.contains(&one.id)) {
        expectation.parents.push(way_out.clone());
    }
    let mut alarm = Expectation::new(way_out, Rhythm::OnReport, Span::ZERO);
    alarm.hearing = Hearing::Looked;
    alarm.severity.odd = Level::Ignore;
    alarm.notify = notify.to_vec();
    alarm.steps = steps.to_vec();
    expectations.push(alarm);
}

/// What to tell of the way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WayOut {
    /// It is there again.
    Open(String),
    /// It is gone.
    Lost(String),
}

/// Watches the way out.
#[derive(Debug, Default)]
pub(super) struct Egress {
    /// How each check outside looked last: true if nothing came back.
    cut: HashMap<ExpectationId, bool>,
    asked: Option<Instant>,
    going: JoinSet<Vec<SocketAddr>>,
}

impl Egress {
    /// These are looked at.
    pub(super) fn keep(&mut self, keep: impl Fn(&ExpectationId) -> bool) {
        self.cut.retain(|about, _| keep(about));
    }

    /// One check outside was looked at; `cut` if nothing came back from there.
    pub(super) fn saw(&mut self, about: &ExpectationId, cut: bool) {
        self.cut.insert(about.clone(), cut);
    }

    /// Asks the canaries if it is time to; `lost` if the alarm stands.
    pub(super) fn ask(&mut self, canaries: &[SocketAddr], lost: bool) {
        let bad = self.cut.values().filter(|cut| **cut).count();
        let doubtful = lost || (self.cut.len() >= FEWEST && bad * 2 > self.cut.len());
        let lately = self.asked.is_some_and(|asked| asked.elapsed() < PAUSE);
        if !doubtful || lately || canaries.is_empty() || !self.going.is_empty() {
            return;
        }
        self.asked = Some(Instant::now());
        let canaries = canaries.to_vec();
        self.going.spawn(async move {
            let mut asked = JoinSet::new();
            for canary in canaries {
                asked.spawn(async move {
                    match timeout(PATIENCE, TcpStream::connect(canary)).await {
                        // One that says no has been reached.
                        Ok(Ok(_)) => Some(canary),
                        Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                            Some(canary)
                        }
                        Ok(Err(_)) | Err(_) => None,
                    }
                });
            }
            let mut reached = Vec::new();
            while let Some(one) = asked.join_next().await {
                reached.extend(one.ok().flatten());
            }
            reached
        });
    }

    /// What the canaries said, once they did. Never while nobody was asked.
    pub(super) async fn answer(&mut self) -> Vec<SocketAddr> {
        loop {
            match self.going.join_next().await {
                Some(Ok(reached)) => return reached,
                // A question that broke off says nothing; it is asked again.
                Some(Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// What to tell of it, if that changes anything.
    pub(super) fn judge(
        &self,
        reached: &[SocketAddr],
        canaries: &[SocketAddr],
        lost: bool,
    ) -> Option<WayOut> {
        let bad = self.cut.values().filter(|cut| **cut).count();
        match (reached.first(), lost) {
            (None, false) => {
                let names = canaries.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                Some(WayOut::Lost(format!(
                    "this host lost its way out: {bad} of {} checks outside get no answer, and none of {names} can be \
                     reached",
                    self.cut.len()
                )))
            }
            (Some(canary), true) => Some(WayOut::Open(format!("{canary} can be reached again"))),
            (None, true) | (Some(_), false) => None,
        }
    }
}
