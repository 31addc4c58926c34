//! Exchanges beats with other agents, and judges their silence. Each call is a task with a deadline, one at a time for each
//! peer, so that a peer that hangs delays nobody.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::{Id, JoinSet};

use super::table::{Context, Terms};
use crate::driver::{Duty, Performing, Why};
use crate::handle::Handle;
use crate::peers::call::call;
use crate::peers::{Circle, Peering};
use crate::resident::Settings;
use crate::resident::message::Message;

pub(super) const TERMS: Terms = Terms {
    name: "peers",
    sentence: "exchanges beats with other agents",
    period: Duration::from_secs(2),
    deadline: Duration::from_secs(30),
    after: 3,
};

/// The longest that one call may take.
const CALL: Duration = Duration::from_secs(10);

/// How long all keys together may take to be fetched.
const KEYS: Duration = Duration::from_secs(20);

/// A key that could not be had is asked for again after this.
const AGAIN: Duration = Duration::from_secs(30);

/// The duty.
pub(super) struct Peers {
    handle: Handle,
    settings: tokio::sync::watch::Receiver<Settings>,
    circle: Arc<Circle>,
    /// The peers that the circle knows, and when their keys were fetched.
    known: Option<(Arc<[Peering]>, Instant)>,
    calls: JoinSet<()>,
    under_way: HashMap<Id, String>,
    begun: BTreeMap<String, Instant>,
}

impl Peers {
    pub(super) fn new(context: &Context) -> Self {
        Self {
            handle: context.handle.clone(),
            settings: context.settings.clone(),
            circle: Arc::clone(&context.circle),
            known: None,
            calls: JoinSet::new(),
            under_way: HashMap::new(),
            begun: BTreeMap::new(),
        }
    }

    /// Fetches the keys when the configuration is another one, or when one of them could not be had.
    async fn follow(&mut self, peers: &Arc<[Peering]>) -> Result<(), String> {
        let is_known = match &self.known {
            Some((known, at)) => {
                Arc::ptr_eq(known, peers) && (at.elapsed() < AGAIN || !self.circle.lacks_a_key())
            }
            None => false,
        };
        if is_known || (peers.is_empty() && self.known.is_none()) {
            return Ok(());
        }
        let wanted = Arc::clone(peers);
        let fetched = tokio::task::spawn_blocking(move || wanted.iter().map(|one| (one.key)()).collect());
        let keys = match tokio::time::timeout(KEYS, fetched).await {
            Ok(keys) => keys.map_err(|error| error.to_string())?,
            Err(_) => return Err(format!("the keys of peers could not be read within {KEYS:?}")),
        };
        self.circle.follow(peers, keys);
        self.known = Some((Arc::clone(peers), Instant::now()));
        Ok(())
    }

    fn call_those_due(&mut self, peers: &[Peering]) {
        while let Some(ended) = self.calls.try_join_next_with_id() {
            let id = match ended {
                Ok((id, ())) => id,
                Err(error) => {
                    tracing::error!(%error, "a call to a peer broke down");
                    error.id()
                }
            };
            self.under_way.remove(&id);
        }
        let busy: BTreeSet<&String> = self.under_way.values().collect();
        // Half a period early rather than half a period late.
        let slack = TERMS.period / 2;
        let due: Vec<&Peering> = peers
            .iter()
            .filter(|peer| peer.post.is_some() && !busy.contains(&peer.name))
            .filter(|peer| {
                self.begun.get(&peer.name).is_none_or(|at| at.elapsed() + slack >= peer.every.to_std())
            })
            .collect();
        for peer in due {
            let limit = CALL.min(peer.every.to_std());
            let task = self.calls.spawn(call(Arc::clone(&self.circle), peer.clone(), limit));
            self.under_way.insert(task.id(), peer.name.clone());
            self.begun.insert(peer.name.clone(), Instant::now());
        }
    }
}

impl Duty for Peers {
    fn perform(&mut self, _why: Why) -> Performing<'_> {
        Box::pin(async move {
            let peers = Arc::clone(&self.settings.borrow().peers);
            self.follow(&peers).await?;
            if peers.is_empty() {
                return Ok("no other agent watches this one".into());
            }
            self.call_those_due(&peers);
            let words = self.circle.judge();
            if !words.is_empty() {
                // A queue that is full means that the resident stands still; the audit says so.
                drop(self.handle.inbox.try_send(Message::Peers(words)));
            }
            Ok(format!("{} watched", peers.len()))
        })
    }
}
