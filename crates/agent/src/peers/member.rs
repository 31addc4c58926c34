//! One peer: what was heard of it, what the last try to reach it said, and when its silence is bad news.

use std::collections::{HashSet, VecDeque};

use muster_config::secret::Secret;
use muster_core::board::Peer;
use muster_core::ids::ExpectationId;
use muster_core::time::{Now, Span, Timestamp};

use super::message::{NONCE, Proof, sentence};
use super::peering::Peering;

/// How much longer than so many beats the silence may last: clocks tick, and a call takes its time.
const SLACK: Span = Span::seconds(3);

/// A good word is handed on this much before a whole period is over.
const EARLY: Span = Span::seconds(1);

/// Messages that are remembered so that none counts twice: beats, and a hundred looks a second.
const NONCES: usize = 65_536;

/// What became of the last try to reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tried {
    /// Nobody tried yet, or nobody can: it has no address here.
    Never,
    /// It answered, and it is well.
    Well,
    /// In which way that went wrong.
    Failed(String),
}

/// What was last handed on to the roll call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Nothing,
    Well(Span),
    Bad(Span),
}

/// One peer.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) about: ExpectationId,
    pub(super) key: Result<Secret, String>,
    every: Span,
    after: u32,
    is_called: bool,
    /// From when its silence counts.
    begun: Span,
    /// Its last beat.
    heard: Option<Now>,
    /// It was heard since the last good word.
    fresh: bool,
    /// Why it itself does not say that it is well.
    doubt: Option<String>,
    pub(super) tried: Tried,
    /// It took our last beat.
    hears_us: Option<Timestamp>,
    ahead: Option<i64>,
    /// Which life of it answered last; empty where it never did.
    pub(super) life: String,
    /// What was heard of late, by age, and the same for finding it.
    nonces: VecDeque<(Span, String)>,
    known: HashSet<String>,
    /// When its ports were last connected to.
    pub(super) dialled: Option<Span>,
    said: Said,
}

impl Member {
    pub(super) fn new(peering: &Peering, key: Result<Secret, String>, now: Now) -> Self {
        Self {
            about: peering.about.clone(),
            key,
            every: peering.every,
            after: peering.after,
            is_called: peering.post.is_some(),
            begun: now.uptime,
            heard: None,
            fresh: false,
            doubt: None,
            tried: Tried::Never,
            hears_us: None,
            ahead: None,
            life: String::new(),
            nonces: VecDeque::new(),
            known: HashSet::new(),
            dialled: None,
            said: Said::Nothing,
        }
    }

    /// Goes by a configuration that was read again.
    pub(super) fn follow(&mut self, peering: &Peering, key: Result<Secret, String>) {
        self.key = key;
        (self.every, self.after, self.is_called) = (peering.every, peering.after, peering.post.is_some());
    }

    /// True the first time that a message comes.
    pub(super) fn is_new(&mut self, nonce: &str, now: Now, memory: Span) -> bool {
        while self.nonces.front().is_some_and(|(at, _)| now.uptime - *at > memory) {
            if let Some((_, old)) = self.nonces.pop_front() {
                self.known.remove(&old);
            }
        }
        if nonce.len() != NONCE || self.nonces.len() >= NONCES || !self.known.insert(nonce.to_owned()) {
            return false;
        }
        self.nonces.push_back((now.uptime, nonce.to_owned()));
        true
    }

    /// It spoke: a beat if its proof is clean, else a reason.
    pub(super) fn take(&mut self, proof: &Proof, sent: Timestamp, now: Now) {
        self.ahead = Some(sent.millis() - now.wall.millis());
        match &proof.doubt {
            None => {
                self.heard = Some(now);
                self.fresh = true;
                self.doubt = None;
            }
            Some(doubt) => self.doubt = Some(sentence(doubt)),
        }
    }

    /// It took our beat.
    pub(super) fn took_ours(&mut self, now: Timestamp) {
        self.hears_us = Some(now);
    }

    /// What is to be handed on to the roll call now. Nothing was heard before `seen`, because nobody listened.
    pub(super) fn judge(&mut self, seen: Span, now: Now) -> Option<Result<String, String>> {
        let is_time = |last: Span| now.uptime - last + EARLY >= self.every;
        if self.fresh {
            if matches!(self.said, Said::Well(last) if !is_time(last)) {
                return None;
            }
            self.fresh = false;
            self.said = Said::Well(now.uptime);
            return Some(Ok(self.view(String::new()).clocks().unwrap_or_default()));
        }
        let from = self.heard.map_or(self.begun, |heard| heard.uptime).max(self.begun).max(seen);
        if now.uptime - from < self.every.times(u64::from(self.after)) + SLACK {
            return None;
        }
        if matches!(self.said, Said::Bad(last) if !is_time(last)) {
            return None;
        }
        self.said = Said::Bad(now.uptime);
        Some(Err(self.silence(now)))
    }

    fn silence(&self, now: Now) -> String {
        let heard = match self.heard {
            Some(heard) => {
                format!("no beat since {} ({} ago)", heard.wall, rounded(now.uptime - heard.uptime))
            }
            None => "no beat yet".to_owned(),
        };
        let trouble = self.trouble().unwrap_or_else(|| {
            let words = match (self.is_called, &self.tried) {
                (false, _) => "it has no `url` here, so nobody called it",
                (true, Tried::Never) => "no try to reach it came to an end",
                (true, Tried::Well | Tried::Failed(_)) => "it answered the last try",
            };
            words.to_owned()
        });
        format!("{heard}; {trouble}")
    }

    /// What is wrong between the two at present.
    fn trouble(&self) -> Option<String> {
        if let Err(why) = &self.key {
            return Some(format!("the key that both share cannot be used: {why}"));
        }
        match (&self.tried, &self.doubt) {
            (Tried::Failed(why), _) => Some(format!("the last try to reach it: {why}")),
            (Tried::Well | Tried::Never, Some(doubt)) => {
                Some(format!("it speaks, and its audit is not clean: {doubt}"))
            }
            (Tried::Well | Tried::Never, None) => None,
        }
    }

    /// What people see of it.
    pub(super) fn view(&self, name: String) -> Peer {
        Peer {
            name,
            last_heard: self.heard.map(|heard| heard.wall),
            hears_us: self.hears_us,
            ahead: self.ahead,
            trouble: self.trouble(),
        }
    }
}

/// Whole seconds: people need no more.
fn rounded(span: Span) -> Span {
    Span::seconds(span.as_millis() / 1000)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn at(seconds: u64) -> Now {
        let wall = Timestamp::from_seconds(1_800_000_000) + Span::seconds(seconds);
        Now { wall, uptime: Span::seconds(1_000 + seconds) }
    }

    fn member() -> Member {
        let peering = Peering {
            name: "fra1".into(),
            about: ExpectationId::new("peer.fra1").expect("a name"),
            every: Span::seconds(20),
            after: 3,
            key: Arc::new(|| Err("not asked".into())),
            post: None,
            lent: None,
        };
        Member::new(&peering, Ok(Secret::new("x".repeat(32))), at(0))
    }

    fn proof(doubt: Option<&str>) -> Proof {
        Proof { doubt: doubt.map(str::to_owned), undelivered: None, durable: true }
    }

    #[test]
    fn three_missed_beats_are_bad_news_once_and_again_every_period() {
        let mut member = member();
        member.take(&proof(None), at(0).wall, at(0));
        assert_eq!(member.judge(Span::ZERO, at(0)), Some(Ok(String::new())));
        assert_eq!(member.judge(Span::ZERO, at(62)), None);
        member.tried = Tried::Failed("fra1:7077 does not take connections".into());
        let words = member.judge(Span::ZERO, at(63)).expect("a word").expect_err("bad news");
        assert!(words.contains("2027-01-15T08:00:00Z (1m 3s ago)"), "{words}");
        assert!(words.ends_with("the last try to reach it: fra1:7077 does not take connections"), "{words}");
        assert_eq!(member.judge(Span::ZERO, at(70)), None);
        assert!(matches!(member.judge(Span::ZERO, at(83)), Some(Err(_))));
        member.take(&proof(None), at(84).wall, at(84));
        assert_eq!(member.judge(Span::ZERO, at(84)), Some(Ok(String::new())), "the end is told at once");
    }

    #[test]
    fn good_words_are_handed_on_once_a_period_and_carry_clocks_that_differ() {
        let mut member = member();
        for second in 0..60 {
            member.take(&proof(None), at(second + 7).wall, at(second));
            let word = member.judge(Span::ZERO, at(second));
            let due = [0, 19, 38, 57].contains(&second);
            assert_eq!(word, due.then(|| Ok("its clock is 7s ahead of ours".to_owned())), "{second}");
        }
    }

    #[test]
    fn time_in_which_nobody_listened_is_not_the_peers_fault() {
        let mut member = member();
        member.take(&proof(None), at(0).wall, at(0));
        assert!(matches!(member.judge(Span::ZERO, at(0)), Some(Ok(_))));
        assert_eq!(member.judge(at(500).uptime, at(500)), None);
        assert_eq!(member.judge(at(500).uptime, at(562)), None);
        assert!(matches!(member.judge(at(500).uptime, at(563)), Some(Err(_))));
    }

    #[test]
    fn a_peer_that_speaks_and_doubts_itself_is_silent_with_its_reason() {
        let mut member = member();
        member.take(&proof(Some("the store cannot be written")), at(60).wall, at(60));
        let words = member.judge(Span::ZERO, at(63)).expect("a word").expect_err("bad news");
        assert_eq!(words, "no beat yet; it speaks, and its audit is not clean: the store cannot be written");
    }

    #[test]
    fn a_message_counts_once_while_it_is_remembered() {
        let mut member = member();
        let memory = Span::minutes(10);
        let [a, b] = ["a", "b"].map(|text| text.repeat(NONCE));
        assert!(member.is_new(&a, at(0), memory));
        assert!(!member.is_new(&a, at(599), memory));
        assert!(member.is_new(&b, at(599), memory));
        assert!(member.is_new(&a, at(601), memory), "its age refuses it by then");
        assert!(!member.is_new("short", at(601), memory));
    }
}
