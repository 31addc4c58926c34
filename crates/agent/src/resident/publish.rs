//! The snapshot: made only when something changed, and not for every heartbeat of a thousand.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use muster_core::board::Snapshot;
use muster_core::ids::ExpectationId;
use muster_core::time::Now;

use super::quota::on_roll;
use super::task::Resident;

/// Shortest time between two snapshots after news.
const SOON: Duration = Duration::from_millis(250);

/// The same when only the muster's own duties were heard.
const LATER: Duration = Duration::from_secs(5);

/// What waits to be published.
#[derive(Debug, Clone, Copy)]
pub(crate) struct News {
    due: Option<Instant>,
    last: Instant,
}

impl News {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { due: Some(now), last: now }
    }

    pub(super) fn soon(&mut self) {
        self.by(SOON);
    }

    /// Who is paged and looks must see it: nothing is held back.
    pub(super) fn at_once(&mut self) {
        self.by(Duration::ZERO);
    }

    pub(super) fn later(&mut self) {
        self.by(LATER);
    }

    fn by(&mut self, pause: Duration) {
        let due = self.last + pause;
        self.due = Some(self.due.map_or(due, |other| other.min(due)));
    }

    /// Time until the next snapshot is due.
    pub(super) fn due_in(&self) -> Option<Duration> {
        self.due.map(|due| due.saturating_duration_since(Instant::now()))
    }
}

impl Resident {
    pub(super) fn publish(&mut self, now: Now) {
        if self.faults.take_changed() {
            self.news.soon();
        }
        if self.news.due_in() != Some(Duration::ZERO) {
            return;
        }
        self.news = News { due: None, last: Instant::now() };
        let mut board = self.roll.board(now);
        let own: BTreeSet<_> = self.plan.starts.rota.iter().map(|entry| &entry.about).collect();
        board.lines.iter_mut().for_each(|line| line.own = own.contains(&line.id));
        for incident in board.lines.iter_mut().filter_map(|line| line.incident.as_mut()) {
            // The roll call knows what it gave out, the outbox what came of it.
            incident.told &= self.outbox.is_heard(&incident.id);
            if !incident.told {
                incident.refused = self.outbox.refusal(&incident.id);
            }
        }
        for (channel, usage) in self.outbox.usage(now.wall) {
            if let Some(line) = on_roll(channel).and_then(|about| board.line_mut(&about)) {
                line.usage = Some(usage);
            }
        }
        let watchers = self.circle.view();
        for peer in &watchers.peers {
            // The roll call hears of silence as well; people want to know when the peer itself was heard.
            let about = ExpectationId::of("peer", &peer.name).ok();
            if let (Some(line), Some(heard)) =
                (about.and_then(|about| board.line_mut(&about)), peer.last_heard)
            {
                line.last_heard = Some(heard);
            }
        }
        let snapshot = Snapshot { board, faults: self.faults.list(), host: self.host.clone(), watchers };
        self.board.send_replace(Arc::new(snapshot));
        if std::mem::take(&mut self.status_news) {
            self.wake_status.notify_one();
        }
    }
}
