//! Two agents and what can stand between them. The wire is a function call; a real one is in the tests of the agent.

use std::sync::Mutex;

use muster_doctor::facts::outside::{Dialled, Live, Tried};
use muster_run::log::bounds::Bounds;
use muster_store::keep::Keep;

use super::*;
use crate::peers::message::Doors;
use crate::proof::Audited;
use crate::resident::Vitals;

const FROM: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

struct Fixed(Mutex<Now>);

impl Clock for Fixed {
    fn now(&self) -> Now {
        *self.0.lock().expect("a clock")
    }
}

/// One agent: its circle, its clock, its audit. The sender of the settings lives as long.
struct House {
    circle: Circle,
    clock: Arc<Fixed>,
    findings: Arc<Findings>,
    _settings: watch::Sender<Settings>,
}

impl House {
    /// An agent of that name with these peers and their keys.
    fn new(name: &str, peers: &[(&str, &str)]) -> Self {
        let now = Now { wall: Timestamp::from_seconds(1_800_000_000), uptime: Span::seconds(1_000) };
        let clock = Arc::new(Fixed(Mutex::new(now)));
        let findings = Arc::new(Findings::new(Arc::new(Vitals::new())));
        findings.put(Audited { durable: true, ..Audited::default() });
        let peerings: Arc<[Peering]> = peers.iter().map(|(name, _)| peering(name)).collect();
        let keys = peers.iter().map(|(_, key)| Ok(Secret::new(key.repeat(32)))).collect();
        let settings = Settings {
            keep: Keep::default(),
            logs: Bounds::default(),
            beat: None,
            name: name.into(),
            peers: Arc::clone(&peerings),
            checks: Arc::new([]),
            canaries: Arc::new([]),
            status: None,
            mail: None,
            drift: None,
        };
        let (sender, seen) = watch::channel(settings);
        let circle = Circle::new(Arc::clone(&clock) as Arc<dyn Clock>, Arc::clone(&findings), seen);
        circle.follow(&peerings, keys);
        Self { circle, clock, findings, _settings: sender }
    }

    fn pass(&self, span: Span) {
        let mut now = self.clock.0.lock().expect("a clock");
        *now = Now { wall: now.wall + span, uptime: now.uptime + span };
    }

    fn set_clock(&self, wall: Timestamp) {
        self.clock.0.lock().expect("a clock").wall = wall;
    }

    /// Calls another one, twice if that has begun anew, as the duty does.
    fn call(&self, other: &Self, name: &str) {
        for _ in 0..2 {
            let sent = self.circle.ask(name).expect("a key");
            let reply = other.circle.hear(FROM, &sent.body);
            if self.circle.answered(name, &sent, Ok(reply)) == Next::Rest {
                return;
            }
        }
    }

    fn peer(&self, name: &str) -> Peer {
        self.circle.view().peers.into_iter().find(|peer| peer.name == name).expect("a peer")
    }
}

fn peering(name: &str) -> Peering {
    Peering {
        name: name.into(),
        about: ExpectationId::of("peer", name).expect("a name"),
        every: Span::seconds(20),
        after: 3,
        key: Arc::new(|| Err("not asked".into())),
        post: Some(Arc::new(|_, _, _| Box::pin(async { Err("not called".into()) }))),
        lent: None,
    }
}

fn pair() -> (House, House) {
    (House::new("ams1", &[("fra1", "k")]), House::new("fra1", &[("ams1", "k")]))
}

fn what(reply: &Reply) -> String {
    String::from_utf8(reply.body.clone()).expect("text")
}

#[test]
fn one_call_lets_both_hear_each_other() {
    let (ams, fra) = pair();
    ams.call(&fra, "fra1");
    for (house, name) in [(&ams, "fra1"), (&fra, "ams1")] {
        let peer = house.peer(name);
        assert!(peer.last_heard.is_some(), "{name}");
        assert_eq!((peer.trouble, peer.ahead), (None, Some(0)), "{name}");
    }
    assert!(ams.peer("fra1").hears_us.is_some());
    assert_eq!((fra.circle.judge().len(), fra.circle.view().stranger), (1, None));
}

#[test]
fn a_wrong_key_is_refused_and_shown_where_it_came_in() {
    let (ams, fra) = (House::new("ams1", &[("fra1", "k")]), House::new("fra1", &[("ams1", "x")]));
    let sent = ams.circle.ask("fra1").expect("a message");
    let reply = fra.circle.hear(FROM, &sent.body);
    assert_eq!(reply.status, 401);
    assert_eq!(ams.circle.answered("fra1", &sent, Ok(reply)), Next::Rest);
    let trouble = ams.peer("fra1").trouble.expect("trouble");
    assert!(trouble.contains("does not know our key"), "{trouble}");
    let stranger = fra.circle.view().stranger.expect("shown");
    assert!(stranger.what.contains("192.0.2.1") && stranger.code == "M0313", "{stranger:?}");
    assert!(fra.peer("ams1").last_heard.is_none());
}

#[test]
fn an_answer_that_somebody_else_made_does_not_count() {
    let (ams, fra) = pair();
    ams.call(&fra, "fra1");
    let sent = ams.circle.ask("fra1").expect("a message");
    // The question comes back as the answer.
    let echoed = Reply { status: 200, body: sent.body.clone() };
    ams.circle.answered("fra1", &sent, Ok(echoed));
    assert!(ams.peer("fra1").trouble.is_some_and(|words| words.contains("not sealed with our key")));
    // The answer to an earlier question.
    let earlier = fra.circle.hear(FROM, &ams.circle.ask("fra1").expect("a message").body);
    ams.circle.answered("fra1", &sent, Ok(earlier));
    assert!(ams.peer("fra1").trouble.is_some_and(|words| words.contains("something else")));
    // Our own question, brought to our own door.
    let reply = ams.circle.hear(FROM, &sent.body);
    assert!(what(&reply).contains("another life"), "{}", what(&reply));
}

#[test]
fn a_message_counts_once_and_not_in_another_life() {
    let (ams, fra) = pair();
    ams.call(&fra, "fra1");
    let sent = ams.circle.ask("fra1").expect("a message");
    assert!(what(&fra.circle.hear(FROM, &sent.body)).contains("\\\"refused\\\":null"));
    assert!(what(&fra.circle.hear(FROM, &sent.body)).contains("it was heard before"));
    let reborn = House::new("fra1", &[("ams1", "k")]);
    assert!(what(&reborn.circle.hear(FROM, &sent.body)).contains("another life"));
    assert!(reborn.peer("ams1").last_heard.is_none());
    // Whoever calls learns of the new life and is heard in it.
    ams.call(&reborn, "fra1");
    assert!(reborn.peer("ams1").last_heard.is_some());
}

#[test]
fn a_stale_message_is_refused_with_the_reason() {
    let (ams, fra) = pair();
    ams.call(&fra, "fra1");
    let sent = ams.circle.ask("fra1").expect("a message");
    fra.pass(Span::seconds(301));
    let heard = fra.peer("ams1").last_heard;
    let reply = fra.circle.hear(FROM, &sent.body);
    assert!(what(&reply).contains("clock is 5m 1s behind"), "{}", what(&reply));
    assert_eq!(fra.peer("ams1").last_heard, heard);
    ams.call(&fra, "fra1");
    let trouble = ams.peer("fra1").trouble.expect("trouble");
    assert!(trouble.contains("clock is 5m 1s ahead of"), "{trouble}");
}

#[test]
fn clocks_that_differ_are_told_and_do_not_disturb() {
    let (ams, fra) = pair();
    let there = fra.clock.now().wall;
    fra.set_clock(there + Span::seconds(7));
    ams.call(&fra, "fra1");
    assert_eq!(ams.peer("fra1").clocks().as_deref(), Some("its clock is 7s ahead of ours"));
    assert_eq!(fra.peer("ams1").clocks().as_deref(), Some("its clock is 7s behind ours"));
    fra.set_clock(there + Span::seconds(5));
    ams.call(&fra, "fra1");
    assert_eq!(ams.peer("fra1").clocks(), None);
}

#[test]
fn a_beat_is_withheld_while_the_audit_is_not_clean_and_the_reason_is_told() {
    let (ams, fra) = pair();
    fra.findings.put(Audited { doubts: vec!["the store cannot be written".into()], ..Audited::default() });
    ams.call(&fra, "fra1");
    let peer = ams.peer("fra1");
    assert_eq!(peer.last_heard, None);
    assert!(peer.trouble.is_some_and(|words| words.contains("not clean: the store cannot be written")));
    assert!(fra.peer("ams1").last_heard.is_some(), "the other direction is well");
    ams.circle.judge();
    let mut page = None;
    for _ in 0..32 {
        ams.pass(Span::seconds(2));
        page = ams.circle.judge().pop().or(page);
    }
    let (about, word) = page.expect("a word");
    assert_eq!(about.as_str(), "peer.fra1");
    assert!(word.expect_err("bad news").contains("the store cannot be written"));
}

#[test]
fn one_key_for_several_pairs_is_told_apart_by_name_or_refused() {
    let fra = House::new("fra1", &[("ams1", "k"), ("nyc1", "k")]);
    let ams = House::new("ams1", &[("fra1", "k")]);
    ams.call(&fra, "fra1");
    assert!(fra.peer("ams1").last_heard.is_some() && fra.peer("nyc1").last_heard.is_none());
    let other = House::new("somebody", &[("fra1", "k")]);
    other.call(&fra, "fra1");
    let trouble = other.peer("fra1").trouble.expect("trouble");
    assert!(trouble.contains("a key of its own"), "{trouble}");
}

#[test]
fn a_short_key_is_refused_in_words_that_do_not_show_it() {
    let house = House::new("ams1", &[("fra1", "k")]);
    let peers: Arc<[Peering]> = Arc::new([peering("fra1")]);
    house.circle.follow(&peers, vec![Ok(Secret::new("hunter2"))]);
    assert!(house.circle.ask("fra1").is_none() && house.circle.lacks_a_key());
    let trouble = house.peer("fra1").trouble.expect("trouble");
    assert!(trouble.contains("7 bytes") && !trouble.contains("hunter2"), "{trouble}");
}

#[test]
fn an_agent_without_peers_and_one_that_has_not_read_its_keys_say_so() {
    assert_eq!(House::new("ams1", &[]).circle.hear(FROM, b"{}").status, 404);
    let (ams, fra) = pair();
    let sent = ams.circle.ask("fra1").expect("a message");
    let nobody: Arc<[Peering]> = Arc::new([]);
    fra.circle.follow(&nobody, Vec::new());
    assert_eq!(fra.circle.hear(FROM, &sent.body).status, 503);
    assert_eq!(fra.circle.hear(FROM, b"garbage").status, 400);
    assert_eq!(fra.circle.view().stranger, None, "nobody is blamed for it");
}

#[test]
fn no_word_of_a_peer_is_longer_than_a_page_takes() {
    let (ams, fra) = pair();
    fra.findings.put(Audited { doubts: vec!["x".repeat(100_000)], ..Audited::default() });
    ams.call(&fra, "fra1");
    assert!(ams.peer("fra1").trouble.is_some_and(|words| words.len() < 400));
}

/// Asks another one to connect to these ports, as `have_dialled` does; the answer is made up.
fn dial(asking: &House, other: &House, from: IpAddr, ports: &[u16]) -> Result<Dialled, String> {
    let (name, there) = ("fra1", &other.circle);
    for _ in 0..2 {
        let doors = Doors { ports: ports.to_vec() };
        let sent = asking.circle.write(name, Purpose::Dial, &doors).expect("a key");
        let reply = match there.granted_dial(from, &sent.body) {
            Ok(granted) => {
                let tried = ports.iter().map(|port| Tried { port: *port, live: Live::Open }).collect();
                let dialled = Dialled { target: granted.target, source: None, ports: tried };
                there.tell_dialled(granted, &dialled)
            }
            Err(refused) => refused,
        };
        if let Some(dialled) = asking.circle.dialled(name, &sent, &reply, ports)? {
            return Ok(dialled);
        }
    }
    Err("it began anew twice".to_owned())
}

#[test]
fn a_peer_connects_to_where_the_request_came_from() {
    let (ams, fra) = pair();
    let dialled = dial(&ams, &fra, FROM, &[22, 443]).expect("connected");
    assert_eq!((dialled.target, dialled.ports.len()), (FROM, 2));
    assert!(fra.peer("ams1").last_heard.is_none(), "it is no beat");
}

#[test]
fn a_peer_connects_once_in_ten_seconds_for_each_that_asks() {
    let fra = House::new("fra1", &[("ams1", "a"), ("nyc1", "n")]);
    let (ams, nyc) = (House::new("ams1", &[("fra1", "a")]), House::new("nyc1", &[("fra1", "n")]));
    dial(&ams, &fra, FROM, &[22]).expect("the first time");
    let again = dial(&ams, &fra, FROM, &[22]).expect_err("too early");
    assert!(again.contains("at most once every 10s"), "{again}");
    dial(&nyc, &fra, FROM, &[22]).expect("somebody else");
    fra.pass(Span::seconds(9));
    dial(&ams, &fra, FROM, &[22]).expect_err("still too early");
    fra.pass(Span::seconds(1));
    dial(&ams, &fra, FROM, &[22]).expect("ten seconds later");
}

#[test]
fn a_peer_connects_to_nobody_but_whoever_asks_and_not_to_its_own_host() {
    let (ams, fra) = pair();
    let home = IpAddr::from([127, 0, 0, 1]);
    let refused = dial(&ams, &fra, home, &[22]).expect_err("its own host");
    assert!(refused.contains("a proxy in front of it"), "{refused}");
    for ports in [&[][..], &[0], &[1; 65]] {
        let refused = dial(&ams, &fra, FROM, ports).expect_err("none, or too many");
        assert!(refused.contains("between 1 and 64"), "{refused}");
    }
    dial(&ams, &fra, FROM, &[22]).expect("what was refused does not count");
}

#[test]
fn a_request_to_connect_needs_the_key_and_counts_once() {
    let (ams, fra) = pair();
    let stranger = House::new("ams1", &[("fra1", "x")]);
    let refused = dial(&stranger, &fra, FROM, &[22]).expect_err("a wrong key");
    assert!(refused.contains("does not know our key"), "{refused}");
    assert!(fra.circle.view().stranger.is_some());
    // What was overheard is worth nothing, and neither is a beat.
    dial(&ams, &fra, FROM, &[22]).expect("connected");
    let sent = ams.circle.write("fra1", Purpose::Dial, &Doors { ports: vec![22] }).expect("a key");
    fra.pass(Span::seconds(60));
    assert!(fra.circle.granted_dial(FROM, &sent.body).is_ok());
    let again = fra.circle.granted_dial(FROM, &sent.body).map(drop).expect_err("refused");
    assert!(what(&again).contains("it was heard before"), "{}", what(&again));
    let beat = ams.circle.ask("fra1").expect("a message");
    assert_eq!(fra.circle.granted_dial(FROM, &beat.body).map(drop).expect_err("refused").status, 401);
}
