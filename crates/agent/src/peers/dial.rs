//! Connections that one agent makes to another one's host, so that its doctor learns what can be reached from outside.
//!
//! Nobody can be scanned through a peer: it connects to the address that the request came from and to no other, and not at
//! all where that may be somebody else's. So it asks for no `looks = true`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use muster_core::time::Span;
use muster_doctor::facts::outside::{Dialled, Live, PORTS, Tried};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::circle::{Circle, Sent, opened, refusal};
use super::message::{Ask, Doors, LIMIT, Purpose, SIGHT_LIMIT, sentence};
use super::peering::{Peering, Reply};

/// Where a peer takes such requests, below its address.
const DIAL: &str = "/peer/dial";

/// How long one connection may take.
const CONNECT: Duration = Duration::from_secs(2);

/// How many are made at the same time.
const AT_ONCE: usize = 8;

/// How long all of them together may take.
const WHOLE: Duration = Duration::from_secs(9);

/// From one request of a peer to its next. The first one is over by then, so there is one at a time.
const APART: Span = Span::seconds(10);

/// How long whoever asks waits for the answer.
const ANSWER: Duration = Duration::from_secs(15);

/// Why a peer did not connect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotDialled {
    /// The configuration has none of that name.
    #[error("there is no [peer.{name}] in muster.toml")]
    NoPeer {
        /// The name.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// It only calls us.
    #[error("[peer.{name}] has no `url` here, so it cannot be asked")]
    NoAddress {
        /// The name.
        name: String,
    },
    /// More or less than can be asked for.
    #[error("between 1 and {PORTS} ports, none of them 0, can be asked for")]
    Ports,
    /// Its agent does not know the question.
    #[error("the muster on {name} is too old: it cannot connect to the ports of others")]
    TooOld {
        /// The name.
        name: String,
    },
    /// It could not be asked, or said no.
    #[error("{name} did not connect to this host: {why}")]
    Failed {
        /// The name.
        name: String,
        /// Its words, or ours.
        why: String,
    },
}

/// A request that was granted.
pub(super) struct Granted {
    peer: String,
    nonce: String,
    pub(super) target: IpAddr,
    ports: Vec<u16>,
}

impl Circle {
    /// Connects to a peer's host, and answers what became of it.
    pub(crate) async fn dial_for(&self, from: IpAddr, message: &[u8]) -> Reply {
        let granted = match self.granted_dial(from, message) {
            Ok(granted) => granted,
            Err(refused) => return refused,
        };
        let dialled = dial(granted.target, &granted.ports).await;
        self.tell_dialled(granted, &dialled)
    }

    pub(super) fn granted_dial(&self, from: IpAddr, message: &[u8]) -> Result<Granted, Reply> {
        let now = self.clock.now();
        let mut inner = self.lock();
        let (peer, sealed) = self.recognise(&mut inner, from, message, Purpose::Dial, LIMIT)?;
        let ask: Ask<Doors> = sealed.open().map_err(|why| refusal(400, &why))?;
        let member = inner.members.get_mut(&peer).ok_or_else(|| refusal(404, NO_SUCH_PEER))?;
        let objection = self.objection(&ask, member, now);
        let checked = match objection {
            Some(why) => Err(why),
            None => usable(&ask.what.ports).and_then(|()| asker(from)),
        };
        let checked = checked.and_then(|target| match member.dialled {
            Some(last) if now.uptime - last < APART => {
                Err(format!("it connects for each peer at most once every {APART}; ask again in a moment"))
            }
            Some(_) | None => Ok(target),
        });
        match checked {
            Ok(target) => {
                member.dialled = Some(now.uptime);
                Ok(Granted { peer, nonce: ask.nonce, target, ports: ask.what.ports })
            }
            Err(why) => Err(self.answer(member, Purpose::DialAnswer, ask.nonce, Some(why), None::<Dialled>)),
        }
    }

    pub(super) fn tell_dialled(&self, granted: Granted, dialled: &Dialled) -> Reply {
        match self.lock().members.get(&granted.peer) {
            Some(member) => self.answer(member, Purpose::DialAnswer, granted.nonce, None, Some(dialled)),
            None => refusal(404, NO_SUCH_PEER),
        }
    }

    /// Has a peer connect to these ports of this host.
    pub(crate) async fn have_dialled(&self, name: &str, ports: &[u16]) -> Result<Dialled, NotDialled> {
        let peers = std::sync::Arc::clone(&self.settings.borrow().peers);
        let name = name.to_owned();
        let Some(peering) = peers.iter().find(|one| one.name == name) else {
            let known = peers.iter().map(|one| one.name.clone()).collect();
            return Err(NotDialled::NoPeer { name, known });
        };
        if peering.post.is_none() {
            return Err(NotDialled::NoAddress { name });
        }
        usable(ports).map_err(|_| NotDialled::Ports)?;
        match tokio::time::timeout(ANSWER, ask(self, peering, ports)).await {
            Ok(Ok(Some(dialled))) => Ok(dialled),
            Ok(Ok(None)) => Err(NotDialled::TooOld { name }),
            Ok(Err(why)) => Err(NotDialled::Failed { name, why }),
            Err(_) => Err(NotDialled::Failed { name, why: format!("no answer within {ANSWER:?}") }),
        }
    }

    /// What a peer saw; none where it began anew and has to be asked again.
    pub(super) fn dialled(
        &self,
        name: &str,
        sent: &Sent,
        reply: &Reply,
        ports: &[u16],
    ) -> Result<Option<Dialled>, String> {
        let mut inner = self.lock();
        let member = inner.members.get_mut(name).ok_or("there is no such peer any more")?;
        let answer = opened::<Option<Dialled>>(member, sent, reply, Purpose::DialAnswer, SIGHT_LIMIT)?;
        if answer.refused.is_some() && answer.life != sent.to {
            member.life = answer.life;
            return Ok(None);
        }
        match (answer.refused, answer.what) {
            (None, Some(dialled)) => Ok(Some(bounded(dialled, ports))),
            (Some(why), _) => Err(sentence(&why)),
            (None, None) => Err("it said nothing".to_owned()),
        }
    }
}

/// The words of a refusal that only an agent which knows the question gives.
const NO_SUCH_PEER: &str = "no such peer";

/// None where the peer does not know the question.
async fn ask(circle: &Circle, peering: &Peering, ports: &[u16]) -> Result<Option<Dialled>, String> {
    let post = peering.post.as_ref().ok_or("it has no `url` here")?;
    let doors = Doors { ports: ports.to_vec() };
    for _ in 0..2 {
        let sent = circle.write(&peering.name, Purpose::Dial, &doors).ok_or("the key cannot be used")?;
        let reply = post(DIAL, sent.body.clone(), ANSWER).await?;
        if is_strange(&reply) {
            return Ok(None);
        }
        if let Some(dialled) = circle.dialled(&peering.name, &sent, &reply, ports)? {
            return Ok(Some(dialled));
        }
    }
    Err("it began anew twice".to_owned())
}

/// Nothing is at that address there: whoever knows it and has no such peer says so as JSON.
pub(super) fn is_strange(reply: &Reply) -> bool {
    let says = || serde_json::from_slice::<serde_json::Value>(&reply.body).ok();
    reply.status == 404 && says().is_none_or(|body| body.get("what").is_none())
}

/// Only what was asked for, and no text that is not harmless.
fn bounded(dialled: Dialled, asked: &[u16]) -> Dialled {
    let harmless = |live: &Live| match live {
        Live::Unreachable { why } => Live::Unreachable { why: sentence(why) },
        Live::Untried { why } => Live::Untried { why: sentence(why) },
        Live::Open | Live::Refused | Live::Silent => live.clone(),
    };
    let one = |port: &u16| dialled.live(*port).map(|live| Tried { port: *port, live: harmless(live) });
    Dialled { ports: asked.iter().filter_map(one).collect(), ..dialled }
}

fn usable(ports: &[u16]) -> Result<(), String> {
    let fits = (1..=PORTS).contains(&ports.len()) && !ports.contains(&0);
    if fits { Ok(()) } else { Err(format!("between 1 and {PORTS} ports can be asked for")) }
}

/// The address that may be connected to: that of whoever asks.
fn asker(from: IpAddr) -> Result<IpAddr, String> {
    let from = from.to_canonical();
    let lies_near = match from {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_unspecified(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unspecified(),
    };
    if lies_near || own_address(from) == Some(from) {
        return Err(format!(
            "the request came from {from}, an address of its own host: a proxy in front of it hides where you are, so let its \
             `listen` be reached directly"
        ));
    }
    let for_one = match from {
        IpAddr::V4(v4) => !(v4.is_multicast() || v4.is_broadcast() || v4.is_link_local()),
        IpAddr::V6(v6) => !(v6.is_multicast() || v6.is_unicast_link_local()),
    };
    if for_one { Ok(from) } else { Err(format!("{from} is no address that it can connect to")) }
}

/// The source that the kernel chooses towards an address. Nothing is sent: the socket is only told where it would send.
fn own_address(target: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = match target {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((target, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// Connects to each port, and hangs up at once.
pub(super) async fn dial(target: IpAddr, ports: &[u16]) -> Dialled {
    let until = Instant::now() + WHOLE;
    let mut waiting = ports.iter().copied();
    let mut under_way = JoinSet::new();
    let mut tried: Vec<Tried> = Vec::new();
    loop {
        while under_way.len() < AT_ONCE
            && let Some(port) = waiting.next()
        {
            let address = SocketAddr::new(target, port);
            under_way.spawn(async move { Tried { port, live: knock(address, until).await } });
        }
        match under_way.join_next().await {
            Some(Ok(one)) => tried.push(one),
            // A task that broke down has tried nothing; whoever asked sees that the port is missing.
            Some(Err(error)) => tracing::error!(%error, "a connection for a peer broke down"),
            None => break,
        }
    }
    tried.sort_by_key(|one| one.port);
    Dialled { target, source: own_address(target), ports: tried }
}

async fn knock(address: SocketAddr, until: Instant) -> Live {
    let whole = Instant::now() + CONNECT;
    match timeout_at(whole.min(until), TcpStream::connect(address)).await {
        Ok(Ok(_)) => Live::Open,
        Ok(Err(error)) => failed(&error),
        Err(_) if whole <= until => Live::Silent,
        Err(_) => Live::Untried { why: format!("too many others did not answer within {WHOLE:?}") },
    }
}

fn failed(error: &io::Error) -> Live {
    use io::ErrorKind::{ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable, TimedOut};
    let why = sentence(&error.to_string());
    match error.kind() {
        ConnectionRefused | ConnectionReset => Live::Refused,
        TimedOut => Live::Silent,
        HostUnreachable | NetworkUnreachable => Live::Unreachable { why },
        _ => Live::Untried { why },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_listens_and_what_refuses_is_told_apart_and_each_port_is_answered_once() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let open = listener.local_addr().expect("an address").port();
        let refusing = muster_testkit::port::refusing().expect("a port");
        let home = IpAddr::from([127, 0, 0, 1]);
        let dialled = dial(home, &[open, refusing.port()]).await;
        assert_eq!(dialled.live(open), Some(&Live::Open));
        assert_eq!(dialled.live(refusing.port()), Some(&Live::Refused));
        assert_eq!((dialled.ports.len(), dialled.target, dialled.source), (2, home, Some(home)));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_told_and_ends_when_the_whole_time_is_over() {
        // TEST-NET-1: nobody is there. A host without a way out says so at once, and then nothing is shown here.
        let begun = Instant::now();
        let ports: Vec<u16> = (1..=64).collect();
        let dialled = dial(IpAddr::from([192, 0, 2, 1]), &ports).await;
        assert_eq!(dialled.ports.len(), ports.len());
        assert!(begun.elapsed() <= WHOLE + Duration::from_millis(10), "{:?}", begun.elapsed());
    }

    #[test]
    fn only_the_address_of_whoever_asks_is_connected_to() {
        let may = |text: &str| asker(text.parse().expect("an address"));
        assert_eq!(may("192.0.2.7"), Ok(IpAddr::from([192, 0, 2, 7])));
        assert_eq!(may("::ffff:192.0.2.7"), Ok(IpAddr::from([192, 0, 2, 7])));
        for near in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::"] {
            assert!(may(near).is_err_and(|why| why.contains("proxy")), "{near}");
        }
        for many in ["224.0.0.1", "255.255.255.255", "169.254.169.254", "fe80::1", "ff02::1"] {
            assert!(may(many).is_err(), "{many}");
        }
        // This host's own address, whatever it is.
        if let Some(own) = own_address(IpAddr::from([192, 0, 2, 1])) {
            assert!(asker(own).is_err(), "{own}");
        }
    }

    #[test]
    fn an_answer_holds_what_was_asked_for_and_nothing_else() {
        let tried = |port, why: &str| Tried { port, live: Live::Untried { why: why.to_owned() } };
        let ports = vec![tried(22, "a\u{1b}b"), tried(22, "again"), tried(25, "not asked for")];
        let dialled = Dialled { target: IpAddr::from([192, 0, 2, 1]), source: None, ports };
        let kept = bounded(dialled, &[22, 80]);
        assert_eq!(kept.ports.len(), 1);
        assert!(matches!(&kept.ports[0].live, Live::Untried { why } if !why.contains('\u{1b}')));
    }

    #[test]
    fn an_agent_that_does_not_know_the_question_is_told_from_one_without_such_a_peer() {
        let reply = |status, body: &[u8]| Reply { status, body: body.to_vec() };
        assert!(is_strange(&reply(404, b"<!doctype html>")));
        assert!(!is_strange(&refusal(404, "this agent has no peers")));
        assert!(!is_strange(&reply(401, b"")));
    }
}
