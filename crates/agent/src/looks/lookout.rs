//! The task that keeps the rounds: who looks now, in a task of its own, and what became of it.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use muster_checks::look::{Looked, look};
use muster_checks::probe::{Class, Lane, Scene};
use muster_config::plan::Vantage;
use muster_core::board::Snapshot;
use muster_core::effect::{Condition, Verdict};
use muster_core::ids::ExpectationId;
use muster_core::look::{Last, Look, Sight};
use muster_core::rounds::{Rounds, Turn};
use muster_core::time::{Span, Timestamp};
use muster_store::contract::Store;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;

use super::egress::{self, Egress, WayOut};
use super::gather::Gather;
use super::pulse::Pulse;
use super::sights::Sights;
use super::vantage::look_from;
use crate::clock::Clock;
use crate::handle::Handle;
use crate::parts::Watched;
use crate::peers::Circle;
use crate::resident::Settings;
use crate::resident::message::Message;

/// The longest that the rounds stand still, so that the duty that watches them sees them turn.
const TURN: Duration = Duration::from_secs(1);
/// Looks from inside containers at the same time: each has a thread.
const CONTAINERS: usize = 8;
/// Looks that peers make for us at the same time.
const PEERS: usize = 32;
/// A new plan waits this long at most for what an earlier life remembered.
const MEMORY: Duration = Duration::from_secs(5);

/// Somebody wants to see how one check looks now.
pub(crate) struct Order {
    /// Which.
    pub(crate) about: ExpectationId,
    /// Where it goes.
    pub(crate) reply: oneshot::Sender<Option<Last>>,
}

/// A look that came to its end.
struct Done {
    about: ExpectationId,
    began: Timestamp,
    looked: Looked,
}

/// Keeps the rounds.
pub(crate) struct Lookout {
    clock: Arc<dyn Clock>,
    inbox: mpsc::Sender<Message>,
    store: Arc<dyn Store>,
    settings: watch::Receiver<Settings>,
    orders: mpsc::Receiver<Order>,
    sights: Arc<Sights>,
    pulse: Arc<Pulse>,
    rounds: Rounds,
    watched: HashMap<ExpectationId, Watched>,
    lanes: BTreeMap<Lane, Arc<Semaphore>>,
    containers: Arc<Semaphore>,
    peers: Arc<Semaphore>,
    circle: Arc<Circle>,
    going: JoinSet<Done>,
    /// Which look each task makes, for one that ends without a word.
    tasks: HashMap<Id, (ExpectationId, Timestamp)>,
    waiting: Vec<Order>,
    gather: Gather,
    egress: Egress,
    board: watch::Receiver<Arc<Snapshot>>,
}

impl Lookout {
    pub(crate) fn new(
        handle: &Handle,
        clock: Arc<dyn Clock>,
        settings: watch::Receiver<Settings>,
        orders: mpsc::Receiver<Order>,
    ) -> Self {
        Self {
            clock,
            inbox: handle.inbox.clone(),
            store: handle.store(),
            settings,
            orders,
            sights: handle.sights(),
            pulse: Arc::new(Pulse::new()),
            rounds: Rounds::default(),
            watched: HashMap::new(),
            lanes: BTreeMap::new(),
            containers: Arc::new(Semaphore::new(CONTAINERS)),
            peers: Arc::new(Semaphore::new(PEERS)),
            circle: Arc::clone(&handle.circle),
            going: JoinSet::new(),
            tasks: HashMap::new(),
            waiting: Vec::new(),
            gather: Gather::default(),
            egress: Egress::default(),
            board: handle.board(),
        }
    }

    pub(crate) fn pulse(&self) -> Arc<Pulse> {
        Arc::clone(&self.pulse)
    }

    /// Keeps the rounds until `stop` turns true.
    pub(crate) async fn keep(mut self, mut stop: watch::Receiver<bool>) {
        self.plan().await;
        loop {
            self.begin();
            self.doubt();
            self.hand_over().await;
            let pause = self.pause();
            tokio::select! {
                biased;
                () = ended(&mut stop) => break,
                Some(done) = self.going.join_next_with_id() => self.end(done),
                changed = self.settings.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    self.plan().await;
                }
                Some(order) = self.orders.recv() => self.order(order),
                reached = self.egress.answer() => self.way_out(&reached),
                () = tokio::time::sleep(pause) => {}
            }
            while let Some(done) = self.going.try_join_next_with_id() {
                self.end(done);
            }
        }
        self.going.abort_all();
        self.hand_over().await;
    }

    fn pause(&self) -> Duration {
        let now = self.clock.now().uptime;
        let next = self.rounds.next().map_or(TURN, |at| (at - now).to_std());
        next.min(self.gather.due_in().unwrap_or(TURN)).min(TURN)
    }

    /// Takes up what is looked at now.
    async fn plan(&mut self) {
        let checks = Arc::clone(&self.settings.borrow_and_update().checks);
        let fresh = checks.iter().any(|one| !self.watched.contains_key(&one.round.id));
        let last = if fresh { self.remembered().await } else { BTreeMap::new() };
        let now = self.clock.now();
        self.rounds.plan(checks.iter().map(|one| one.round.clone()).collect(), &last, now);
        self.watched = checks.iter().map(|one| (one.round.id.clone(), one.clone())).collect();
        self.sights.keep(|about| self.watched.contains_key(about));
        self.egress.keep(|about| self.watched.contains_key(about));
        for one in checks.iter() {
            let before = self.sights.of(&one.round.id);
            let (look, sight, well) = match before.as_deref() {
                Some(before) => (before.look.clone(), before.sight.clone(), before.well),
                None => (None, Sight::default(), None),
            };
            self.sights.put(Last {
                about: one.round.id.clone(),
                kind: one.kind.to_owned(),
                target: one.probe.target(),
                from: one.from.word(),
                every: one.round.every,
                look,
                sight,
                well,
            });
        }
    }

    /// The last slot of each check that an earlier life closed.
    async fn remembered(&self) -> BTreeMap<ExpectationId, Timestamp> {
        let store = Arc::clone(&self.store);
        let read = tokio::task::spawn_blocking(move || store.last_slots());
        match tokio::time::timeout(MEMORY, read).await {
            Ok(Ok(Ok(last))) => last,
            // The gap is then not drawn in; what is not there counts as unknown all the same.
            Ok(Ok(Err(error))) => {
                tracing::warn!(%error, "the last slots cannot be read");
                BTreeMap::new()
            }
            Ok(Err(_)) | Err(_) => BTreeMap::new(),
        }
    }

    /// While the way out is lost, the canaries are asked again and again.
    fn doubt(&mut self) {
        let canaries = Arc::clone(&self.settings.borrow().canaries);
        let lost = self.is_lost();
        self.egress.ask(&canaries, lost);
    }

    /// The alarm of the way out stands; an earlier life may have raised it.
    fn is_lost(&self) -> bool {
        let Some(about) = egress::id() else { return false };
        let snapshot = self.board.borrow();
        let line = snapshot.board.line(&about);
        line.is_some_and(|line| matches!(line.condition, Condition::Firing { .. }))
    }

    /// Begins every look whose turn it is.
    fn begin(&mut self) {
        let now = self.clock.now();
        let late = self.rounds.next().map_or(Span::ZERO, |at| now.uptime - at);
        for Turn { id, due: _ } in self.rounds.turns(now) {
            let Some(watched) = self.watched.get(&id) else { continue };
            let Watched { timeout, from, lent, probe, .. } = watched.clone();
            let lane = probe.lane();
            let room = match &from {
                Vantage::Container(_) => Arc::clone(&self.containers),
                Vantage::Peer(_) => Arc::clone(&self.peers),
                Vantage::Host => Arc::clone(
                    self.lanes.entry(lane).or_insert_with(|| Arc::new(Semaphore::new(lane.room()))),
                ),
            };
            let (clock, circle) = (Arc::clone(&self.clock), Arc::clone(&self.circle));
            let about = id.clone();
            let task = self.going.spawn(async move {
                // Never closed, so there is always a place in the end.
                let place = room.acquire_owned().await;
                let began = clock.now().wall;
                let looked = match from {
                    Vantage::Host => {
                        let scene = Scene::here(Instant::now() + timeout.to_std());
                        look(probe.as_ref(), &scene).await
                    }
                    Vantage::Container(name) => look_from(name, probe, timeout.to_std()).await,
                    Vantage::Peer(name) => circle.have_look(&name, lent, timeout).await,
                };
                drop(place);
                Done { about, began, looked }
            });
            self.tasks.insert(task.id(), (id, now.wall));
        }
        self.pulse.turn(self.watched.len(), late.to_std());
        self.close();
    }

    fn end(&mut self, ended: Result<(Id, Done), JoinError>) {
        let done = match ended {
            Ok((task, done)) => {
                self.tasks.remove(&task);
                done
            }
            Err(error) => {
                let Some((about, began)) = self.tasks.remove(&error.id()) else { return };
                Done { about, began, looked: Looked::blind(format!("the look broke off: {error}")) }
            }
        };
        self.judge(done);
    }

    fn judge(&mut self, Done { about, began, looked }: Done) {
        let now = self.clock.now();
        self.rounds.done(&about, looked.verdict, looked.took.into(), now);
        let before = self.sights.of(&about);
        let well = before.as_ref().and_then(|before| before.well);
        if let Some(watched) = self.watched.get(&about) {
            if watched.probe.is_outside() && watched.from == Vantage::Host {
                self.egress.saw(&about, is_cut(&looked));
            }
            let note = well.map(|(at, took)| format!("it last looked well at {at}, in {took}"));
            self.gather.add(&about, began, &looked, note);
        }
        let closed = self.close();
        let Some(before) = before else { return };
        let well = if looked.verdict == Verdict::Ok { Some((began, looked.took.into())) } else { well };
        let look = closed.into_iter().rfind(|look| look.about == about && look.took.is_some());
        let last = Last { look, sight: looked.sight, well, ..(*before).clone() };
        let (asked, rest): (Vec<Order>, Vec<Order>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|order| order.about == about);
        self.waiting = rest;
        for order in asked {
            drop(order.reply.send(Some(last.clone())));
        }
        self.sights.put(last);
    }

    /// The canaries answered, or did not.
    fn way_out(&mut self, reached: &[SocketAddr]) {
        let canaries = Arc::clone(&self.settings.borrow().canaries);
        if let Some(news) = self.egress.judge(reached, &canaries, self.is_lost())
            && let Some(about) = egress::id()
        {
            let (looked, began) = match news {
                WayOut::Open(words) => (Looked::well(words), self.clock.now().wall),
                WayOut::Lost(words) => (Looked::down(Class::Connect, words), self.clock.now().wall),
            };
            self.gather.add(&about, began, &looked, None);
        }
    }

    /// Takes up the verdicts that fell.
    fn close(&mut self) -> Vec<Look> {
        let looks = self.rounds.drain();
        let missed = looks.iter().filter(|look| look.verdict == Verdict::Missed);
        let missed = missed.map(|look| u64::from(look.further) + 1).sum();
        let made = looks.iter().filter(|look| look.took.is_some()).count();
        self.pulse.count(u64::try_from(made).unwrap_or(u64::MAX), missed);
        self.gather.close(looks.clone());
        looks
    }

    async fn hand_over(&mut self) {
        if let Some(batch) = self.gather.take()
            && self.inbox.send(Message::Looked(batch)).await.is_err()
        {
            tracing::debug!("the resident has gone");
        }
    }

    fn order(&mut self, order: Order) {
        let now = self.clock.now();
        let known = self.watched.contains_key(&order.about);
        if known {
            // One that goes on already answers as well.
            self.rounds.look_now(&order.about, now);
            self.waiting.push(order);
        } else {
            drop(order.reply.send(None));
        }
    }
}

/// Nothing came back from there.
fn is_cut(looked: &Looked) -> bool {
    let cut = [Class::Name, Class::Connect, Class::Timeout].map(Class::word);
    looked.verdict == Verdict::Failed
        && looked.sight.class.as_deref().is_some_and(|class| cut.contains(&class))
}

/// Waits until everything is to end.
async fn ended(stop: &mut watch::Receiver<bool>) {
    // An error means that whoever would say so is gone, which is the same.
    drop(stop.wait_for(|stop| *stop).await);
}
