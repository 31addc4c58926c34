//! All peers together: takes their messages in, answers them, and judges their silence. It waits for nothing: whoever
//! calls, reads files or sends does so elsewhere.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_config::secret::Secret;
use muster_core::board::{Peer, Watchers};
use muster_core::ids::ExpectationId;
use muster_core::time::{Now, Span, Timestamp};
use serde_json::json;
use tokio::sync::{Semaphore, watch};

use super::look::ROOM;
use super::member::{Member, Tried};
use super::message::{Answer, Ask, LIMIT, Proof, Purpose, Sealed, VERSION, seal, sentence, token};
use super::peering::{Peering, Reply, usable};
use super::strangers::Strangers;
use crate::clock::Clock;
use crate::proof::Findings;
use crate::resident::Settings;

/// A message whose time is further away than this from our own does not count.
const STALE: Span = Span::minutes(5);

/// How long messages are remembered: while their time would let them pass again.
const MEMORY: Span = Span::minutes(11);

/// A longer gap between two judgements than this means that nobody listened.
const BLIND: Span = Span::seconds(10);

/// The agents that watch this one.
pub struct Circle {
    pub(super) clock: Arc<dyn Clock>,
    findings: Arc<Findings>,
    /// The name of this life of ours: what was meant for an earlier one does not count.
    life: String,
    pub(super) settings: watch::Receiver<Settings>,
    inner: Mutex<Inner>,
    /// Room for looks that are made for peers.
    pub(super) room: Arc<Semaphore>,
}

#[derive(Default)]
pub(super) struct Inner {
    /// The peers of the configuration whose keys were read; none before the first time.
    followed: Option<Arc<[Peering]>>,
    pub(super) members: BTreeMap<String, Member>,
    strangers: Strangers,
    /// When silence was judged last, and since when somebody listens.
    judged: Option<(Span, Span)>,
}

/// What was sent, for judging the answer.
pub(crate) struct Sent {
    pub(crate) body: Vec<u8>,
    pub(super) nonce: String,
    /// The life of the other side that it was meant for.
    pub(super) to: String,
    at: Timestamp,
    /// It was a beat, and not only a question.
    is_beat: bool,
}

/// What is to be done after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing: it is known how things stand.
    Rest,
    /// The other side began anew and could not take what was meant for its earlier life; now we know the new one.
    Again,
}

/// Words for the roll call about one peer.
pub(crate) type Word = (ExpectationId, Result<String, String>);

impl Circle {
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        findings: Arc<Findings>,
        settings: watch::Receiver<Settings>,
    ) -> Self {
        Self {
            clock,
            findings,
            life: token(),
            settings,
            inner: Mutex::default(),
            room: Arc::new(Semaphore::new(ROOM)),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes by what the configuration says, with the keys that were fetched for it, in its order.
    pub(crate) fn follow(&self, peers: &Arc<[Peering]>, keys: Vec<Result<Secret, String>>) {
        let now = self.clock.now();
        let mut inner = self.lock();
        inner.followed = Some(Arc::clone(peers));
        let mut before = std::mem::take(&mut inner.members);
        for (peering, key) in peers.iter().zip(keys) {
            let key = key.and_then(usable);
            let member = match before.remove(&peering.name) {
                Some(mut known) => {
                    known.follow(peering, key);
                    known
                }
                None => Member::new(peering, key, now),
            };
            inner.members.insert(peering.name.clone(), member);
        }
    }

    /// True if a key is still to be had.
    pub(crate) fn lacks_a_key(&self) -> bool {
        self.lock().members.values().any(|member| member.key.is_err())
    }

    /// Takes a message in and answers it. Whoever has no key of ours is refused and shown.
    pub fn hear(&self, from: IpAddr, message: &[u8]) -> Reply {
        // Before the lock: it waits for nobody, and nobody for it.
        let proof = self.findings.proof();
        let mut inner = self.lock();
        let (name, sealed) = match self.recognise(&mut inner, from, message, Purpose::Beat, LIMIT) {
            Ok(known) => known,
            Err(refused) => return refused,
        };
        let ask: Ask<Proof> = match sealed.open() {
            Ok(ask) => ask,
            Err(why) => return refusal(400, &why),
        };
        let now = self.clock.now();
        let Some(member) = inner.members.get_mut(&name) else { return refusal(404, "no such peer") };
        let refused = self.objection(&ask, member, now);
        if refused.is_none() {
            member.take(&ask.what, ask.at, now);
        }
        self.answer(member, Purpose::BeatAnswer, ask.nonce, refused, proof)
    }

    /// Who sealed a message. Whoever has no key of ours is noted.
    pub(super) fn recognise(
        &self,
        inner: &mut Inner,
        from: IpAddr,
        message: &[u8],
        purpose: Purpose,
        limit: usize,
    ) -> Result<(String, Sealed), Reply> {
        let wanted = Arc::clone(&self.settings.borrow().peers);
        if wanted.is_empty() {
            return Err(refusal(404, "this agent has no peers"));
        }
        let sealed =
            Sealed::read(message, limit).ok_or_else(|| refusal(400, "this is no message of a peer"))?;
        let fits = |member: &Member| member.key.as_ref().is_ok_and(|key| sealed.fits(key, purpose));
        let fitting: Vec<String> =
            inner.members.iter().filter(|(_, member)| fits(member)).map(|(name, _)| name.clone()).collect();
        if let [only] = fitting.as_slice() {
            return Ok((only.clone(), sealed));
        }
        if fitting.is_empty() {
            // The duty reads them in a moment.
            if !inner.followed.as_ref().is_some_and(|followed| Arc::ptr_eq(followed, &wanted)) {
                return Err(refusal(503, "the keys of this agent's peers are not read yet"));
            }
            inner.strangers.note(from, self.clock.now().wall);
            return Err(refusal(401, "the key is none of ours"));
        }
        // Where pairs share one key, only the name tells who it is.
        #[derive(serde::Deserialize)]
        struct Named {
            from: String,
        }
        match sealed.open::<Named>() {
            Ok(Named { from }) if fitting.contains(&from) => Ok((from, sealed)),
            _ => {
                let several = fitting.join(", ");
                Err(refusal(409, &format!("the key fits {several}; give each pair a key of its own")))
            }
        }
    }

    /// Seals an answer of ours.
    pub(super) fn answer<W: serde::Serialize>(
        &self,
        member: &Member,
        purpose: Purpose,
        re: String,
        refused: Option<String>,
        what: W,
    ) -> Reply {
        let (life, at) = (self.life.clone(), self.clock.now().wall);
        let answer = Answer { version: VERSION, life, at, re, refused, what };
        let key = member.key.as_ref().map_err(Clone::clone);
        match key.and_then(|key| seal(key, purpose, &answer)) {
            Ok(body) => Reply { status: 200, body },
            Err(why) => refusal(500, &why),
        }
    }

    /// Why a message does not count.
    pub(super) fn objection<W>(&self, ask: &Ask<W>, member: &mut Member, now: Now) -> Option<String> {
        if ask.version != VERSION {
            return Some(format!("version {} is not spoken here, {VERSION} is", ask.version));
        }
        if let Some(why) = stale(ask.at, now.wall) {
            return Some(why);
        }
        if ask.to != self.life {
            return Some("it is meant for another life of this agent".to_owned());
        }
        (!member.is_new(&ask.nonce, now, MEMORY)).then(|| "it was heard before".to_owned())
    }

    /// Writes a beat for a peer; none while there is no key.
    pub(crate) fn ask(&self, name: &str) -> Option<Sent> {
        let proof = self.findings.proof();
        let is_beat = proof.doubt.is_none();
        let sent = self.write(name, Purpose::Beat, proof)?;
        Some(Sent { is_beat, ..sent })
    }

    /// Writes a message to a peer; none while there is no key.
    pub(super) fn write<W: serde::Serialize>(&self, name: &str, purpose: Purpose, what: W) -> Option<Sent> {
        let at = self.clock.now().wall;
        let from = sentence(&self.settings.borrow().name);
        let inner = self.lock();
        let member = inner.members.get(name)?;
        let (nonce, to) = (token(), member.life.clone());
        let ask = Ask { version: VERSION, from, to: to.clone(), at, nonce: nonce.clone(), what };
        let body = seal(member.key.as_ref().ok()?, purpose, &ask).ok()?;
        Some(Sent { body, nonce, to, at, is_beat: false })
    }

    /// Takes note of what became of a call.
    pub(crate) fn answered(&self, name: &str, sent: &Sent, outcome: Result<Reply, String>) -> Next {
        let now = self.clock.now();
        let mut inner = self.lock();
        let Some(member) = inner.members.get_mut(name) else { return Next::Rest };
        let answer = match outcome
            .and_then(|reply| opened::<Proof>(member, sent, &reply, Purpose::BeatAnswer, LIMIT))
        {
            Ok(answer) => answer,
            Err(why) => {
                member.tried = Tried::Failed(sentence(&why));
                return Next::Rest;
            }
        };
        if answer.refused.is_some() && answer.life != sent.to {
            member.life = answer.life;
            return Next::Again;
        }
        // Halfway between question and answer is when it was written.
        let halfway = sent.at.shifted(i64::try_from(now.wall.since(sent.at).as_millis() / 2).unwrap_or(0));
        if let Some(why) = stale(answer.at, halfway) {
            member.tried = Tried::Failed(why);
            return Next::Rest;
        }
        let then = Now { wall: halfway, uptime: now.uptime };
        member.take(&answer.what, answer.at, then);
        member.tried = match answer.refused {
            Some(why) => Tried::Failed(sentence(&format!("it does not take our beat: {why}"))),
            None => Tried::Well,
        };
        if member.tried == Tried::Well && sent.is_beat {
            member.took_ours(now.wall);
        }
        Next::Rest
    }

    /// What is to be said of each of them now. It must be asked every few seconds: a longer gap is time in which nobody
    /// listened, and no silence of theirs.
    pub(crate) fn judge(&self) -> Vec<Word> {
        let now = self.clock.now();
        let mut inner = self.lock();
        let seen = match inner.judged {
            Some((last, seen)) if now.uptime - last <= BLIND => seen,
            Some(_) | None => now.uptime,
        };
        inner.judged = Some((now.uptime, seen));
        let members = inner.members.values_mut();
        members.filter_map(|member| Some((member.about.clone(), member.judge(seen, now)?))).collect()
    }

    /// What people see of them, and of those who came with a wrong key.
    pub(crate) fn view(&self) -> Watchers {
        let now = self.clock.now().wall;
        let (peers, beat) = {
            let settings = self.settings.borrow();
            (Arc::clone(&settings.peers), settings.beat.is_some())
        };
        let mut inner = self.lock();
        let stranger = inner.strangers.fault(now);
        let view = |peering: &Peering| match inner.members.get(&peering.name) {
            Some(member) => member.view(peering.name.clone()),
            None => Peer { name: peering.name.clone(), ..Peer::default() },
        };
        Watchers { beat, peers: peers.iter().map(view).collect(), stranger }
    }
}

/// What was answered, if it is an answer to what was sent, by somebody who has the key.
pub(super) fn opened<W: serde::de::DeserializeOwned>(
    member: &Member,
    sent: &Sent,
    reply: &Reply,
    purpose: Purpose,
    limit: usize,
) -> Result<Answer<W>, String> {
    match reply.status {
        200 => {}
        401 => return Err("it does not know our key: `key` must be the same on both sides".to_owned()),
        404 => {
            return Err("nobody expects peers there (404): its muster.toml needs a [peer] table".to_owned());
        }
        status => {
            let what = serde_json::from_slice(&reply.body).ok();
            let what = what.and_then(|body: serde_json::Value| Some(body.get("what")?.as_str()?.to_owned()));
            return Err(match what {
                Some(what) => format!("it answered {status}: {what}"),
                None => format!("it answered {status}"),
            });
        }
    }
    let sealed = Sealed::read(&reply.body, limit).ok_or("what it answered is no message of a peer")?;
    let key = member.key.as_ref().map_err(Clone::clone)?;
    if !sealed.fits(key, purpose) {
        return Err("its answer is not sealed with our key".to_owned());
    }
    let answer: Answer<W> = sealed.open()?;
    if answer.re == sent.nonce { Ok(answer) } else { Err("it answered something else".to_owned()) }
}

/// Why a time is too far away to count.
fn stale(theirs: Timestamp, ours: Timestamp) -> Option<String> {
    let apart = theirs.since(ours).max(ours.since(theirs));
    (apart > STALE).then(|| {
        let side = if theirs > ours { "ahead of" } else { "behind" };
        format!("the sender's clock is {apart} {side} the receiver's, and at most {STALE} count")
    })
}

pub(super) fn refusal(status: u16, what: &str) -> Reply {
    Reply { status, body: json!({ "what": what }).to_string().into_bytes() }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
