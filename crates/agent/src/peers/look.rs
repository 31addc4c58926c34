//! Looks that one agent makes for another: a check with `from = ["peer:NAME"]` is made by that peer, from its place, and only
//! if it says `looks = true` about us. Whoever asks is known by the same seal as with beats.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use muster_checks::look::{Looked, look};
use muster_checks::probe::{Part, Scene};
use muster_config::tables::lent::LONGEST;
use muster_core::effect::Verdict;
use muster_core::time::Span;
use tokio::time::Instant;

use super::circle::{Circle, Sent, opened, refusal};
use super::message::{Ask, ORDER_LIMIT, Order, Purpose, SIGHT_LIMIT, Seen};
use super::peering::{Peering, Reply};

/// Looks for others at the same time.
pub(super) const ROOM: usize = 32;

/// Where a peer takes such requests, below its address.
const LOOK: &str = "/peer/look";

/// A request that was granted.
struct Granted {
    peer: String,
    nonce: String,
    probe: Part,
    timeout: Duration,
}

impl Circle {
    /// Looks for a peer and answers what was seen.
    pub(crate) async fn look_for(&self, from: IpAddr, message: &[u8]) -> Reply {
        let granted = match self.granted(from, message) {
            Ok(granted) => granted,
            Err(refused) => return refused,
        };
        // Room first, so that a look does not wait in somebody else's time.
        let Ok(_place) = Arc::clone(&self.room).try_acquire_owned() else {
            return self.refuse(
                &granted.peer,
                granted.nonce,
                format!("{ROOM} looks for others go on already"),
            );
        };
        let scene = Scene::here(Instant::now() + granted.timeout);
        let Looked { verdict, level, sight, took } = look(granted.probe.as_ref(), &scene).await;
        let mut seen = Seen { verdict, level, sight, took: took.into() };
        let inner = self.lock();
        let Some(member) = inner.members.get(&granted.peer) else { return refusal(404, "no such peer") };
        let answer =
            |seen: &Seen| self.answer(member, Purpose::LookAnswer, granted.nonce.clone(), None, Some(seen));
        let reply = answer(&seen);
        if reply.body.len() <= SIGHT_LIMIT {
            return reply;
        }
        // The lines are the long part; what became of it is not in them alone.
        seen.sight.lines = vec!["what it saw line by line was too long to be sent".to_owned()];
        answer(&seen)
    }

    fn granted(&self, from: IpAddr, message: &[u8]) -> Result<Granted, Reply> {
        let now = self.clock.now();
        let peers = Arc::clone(&self.settings.borrow().peers);
        let mut inner = self.lock();
        let (peer, sealed) = self.recognise(&mut inner, from, message, Purpose::Look, ORDER_LIMIT)?;
        let ask: Ask<Order> = sealed.open().map_err(|why| refusal(400, &why))?;
        let member = inner.members.get_mut(&peer).ok_or_else(|| refusal(404, "no such peer"))?;
        let refuse = |member: &super::member::Member, why: String| {
            let seen: Option<Seen> = None;
            self.answer(member, Purpose::LookAnswer, ask.nonce.clone(), Some(why), seen)
        };
        if let Some(why) = self.objection(&ask, member, now) {
            return Err(refuse(member, why));
        }
        let lent = peers.iter().find(|one| one.name == peer).and_then(|one| one.lent.clone());
        let Some(lent) = lent else {
            return Err(refuse(
                member,
                "it does not look for us: `looks = true` in its [peer] table".to_owned(),
            ));
        };
        let probe = lent(&ask.what.table).map_err(|why| refuse(member, why))?;
        let timeout = ask.what.timeout.min(LONGEST).to_std();
        Ok(Granted { peer, nonce: ask.nonce.clone(), probe, timeout })
    }

    fn refuse(&self, peer: &str, nonce: String, why: String) -> Reply {
        match self.lock().members.get(peer) {
            Some(member) => self.answer(member, Purpose::LookAnswer, nonce, Some(why), None::<Seen>),
            None => refusal(404, "no such peer"),
        }
    }

    /// Has a peer look. Where it cannot be asked, nobody could look: that is unknown, and never bad.
    pub(crate) async fn have_look(&self, name: &str, table: Option<String>, timeout: Span) -> Looked {
        let peers = Arc::clone(&self.settings.borrow().peers);
        let peering = peers.iter().find(|one| one.name == name);
        match ask(self, peering, table, timeout).await {
            Ok(Seen { verdict: verdict @ (Verdict::Ok | Verdict::Failed), level, sight, took }) => {
                Looked { verdict, level, sight, took: took.to_std() }
            }
            // Whatever else it calls it: nobody could see.
            Ok(Seen { sight, .. }) => Looked::blind(sight.words),
            Err(why) => Looked::blind(format!("nobody could look from there: {why}")),
        }
    }

    /// What a peer saw; none where it began anew and has to be asked again.
    fn seen(&self, name: &str, sent: &Sent, reply: &Reply) -> Result<Option<Seen>, String> {
        let mut inner = self.lock();
        let member = inner.members.get_mut(name).ok_or("there is no such peer any more")?;
        let answer = opened::<Option<Seen>>(member, sent, reply, Purpose::LookAnswer, SIGHT_LIMIT)?;
        if answer.refused.is_some() && answer.life != sent.to {
            member.life = answer.life;
            return Ok(None);
        }
        match (answer.refused, answer.what) {
            (None, Some(seen)) => Ok(Some(seen)),
            (Some(why), _) => Err(super::message::sentence(&why)),
            (None, None) => Err("it said nothing".to_owned()),
        }
    }
}

async fn ask(
    circle: &Circle,
    peering: Option<&Peering>,
    table: Option<String>,
    timeout: Span,
) -> Result<Seen, String> {
    let peering = peering.ok_or("there is no such peer")?;
    let post = peering.post.as_ref().ok_or("it has no `url` here")?;
    // A fifth of the time is for the way there and back: a look is over when its own time is.
    let timeout_there = timeout.times(4).over(5);
    let order = Order { table: table.ok_or("there is nothing to lend")?, timeout: timeout_there };
    let limit = timeout.to_std();
    let until = Instant::now() + limit;
    for _ in 0..2 {
        let sent = circle.write(&peering.name, Purpose::Look, &order).ok_or("the key cannot be used")?;
        let left = until.saturating_duration_since(Instant::now());
        let reply = tokio::time::timeout_at(until, post(LOOK, sent.body.clone(), left)).await;
        let reply = reply.map_err(|_| format!("no answer within {limit:?}"))??;
        if let Some(seen) = circle.seen(&peering.name, &sent, &reply)? {
            return Ok(seen);
        }
    }
    Err("it began anew twice".to_owned())
}
