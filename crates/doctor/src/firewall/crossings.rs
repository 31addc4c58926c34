//! The questions that a host's published ports, needs and listeners raise, and the table of answers.
//!
//! Who asks: the internet, the host itself, and a container on each bridge. What is asked for: each published port, each
//! outbound need, and what listens on every address of the host. IPv4 and IPv6 are asked for apart.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::network::{Network, Way, is_link_local};
use super::verdict::{Packet, Reach, Verdict};
use super::walk::Walker;
use crate::facts::firewall::{Firewall, Interface, Protocol, Proxy, Subnet};

/// A port of the host that stands for a container's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Published {
    /// What a person calls the container.
    pub name: String,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The host's address; all zeros for every one of that family.
    pub host: IpAddr,
    /// The port on the host.
    pub host_port: u16,
    /// The container's address.
    pub container: IpAddr,
    /// The port there.
    pub container_port: u16,
}

/// Something outside that the host or its containers must reach.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Need {
    /// What a person calls it.
    pub name: String,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Its address.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum From {
    /// Anybody out there.
    Internet,
    /// A program on the host.
    Host,
    /// A container on a bridge.
    Network {
        /// The bridge.
        bridge: String,
    },
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum To {
    /// A published port, by way of the host's port.
    Published {
        /// The container's name.
        name: String,
    },
    /// A container's own address.
    Container {
        /// The container's name.
        name: String,
    },
    /// An outbound need.
    Need {
        /// Its name.
        name: String,
    },
    /// A listener of the host on every address.
    Listener {
        /// The program, where it was visible.
        program: Option<String>,
    },
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Who asks.
    pub from: From,
    /// What for.
    pub to: To,
    /// As a packet, for several askers if they are many; an answer must hold for all.
    pub packets: Vec<Packet>,
}

/// One question with its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crossing {
    /// Who asks.
    pub from: From,
    /// What for.
    pub to: To,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The address that is asked.
    pub address: IpAddr,
    /// The port that is asked.
    pub port: u16,
    /// Whether an answer comes back, and what decides.
    pub verdict: Verdict,
}

/// What docker-proxy publishes, for when Docker itself cannot be asked.
pub fn published_by_proxies(facts: &Firewall) -> Vec<Published> {
    let proxies = facts.proxies.known().map(Vec::as_slice).unwrap_or_default();
    let one = |proxy: &Proxy| Published {
        name: proxy.container.to_string(),
        protocol: proxy.protocol,
        host: proxy.host,
        host_port: proxy.host_port,
        container: proxy.container,
        container_port: proxy.container_port,
    };
    proxies.iter().map(one).collect()
}

/// Every question that is worth an answer.
pub fn probes(facts: &Firewall, published: &[Published], needs: &[Need]) -> Vec<Question> {
    let Ok(network) = Network::new(facts) else { return Vec::new() };
    let interfaces = facts.interfaces.known().map(Vec::as_slice).unwrap_or_default();
    let askers = Askers::of(&network, interfaces, published);
    let mut questions = Vec::new();
    for one in published {
        let to = To::Published { name: one.name.clone() };
        let for_port = |address| (one.protocol, address, one.host_port);
        askers.host_port(&mut questions, &to, one.host, for_port);
        let to = To::Container { name: one.name.clone() };
        let direct = (one.protocol, one.container, one.container_port);
        questions.extend(askers.host(&to, direct));
        questions.extend(askers.networks(&to, direct));
    }
    for need in needs {
        let to = To::Need { name: need.name.clone() };
        let outside = (need.protocol, need.address, need.port);
        questions.extend(askers.host(&to, outside));
        questions.extend(askers.networks(&to, outside));
    }
    let taken: BTreeSet<_> = published.iter().map(|one| (one.protocol, one.host_port)).collect();
    let listeners = facts.listeners.known().map(Vec::as_slice).unwrap_or_default();
    for one in listeners.iter().filter(|one| one.address.is_unspecified()) {
        if !taken.contains(&(one.protocol, one.port)) {
            let to = To::Listener { program: one.program.clone() };
            askers.host_port(&mut questions, &to, one.address, |address| (one.protocol, address, one.port));
        }
    }
    questions
}

/// Every question with its answer.
pub fn crossings(facts: &Firewall, published: &[Published], needs: &[Need]) -> Vec<Crossing> {
    let walker = Walker::new(facts);
    probes(facts, published, needs).into_iter().filter_map(|question| answer(&walker, question)).collect()
}

/// The answers for outbound needs alone: from the host, and from those bridges that count.
pub fn needed(
    facts: &Firewall,
    published: &[Published],
    needs: &[Need],
    bridges: &BTreeSet<String>,
) -> Vec<Crossing> {
    let walker = Walker::new(facts);
    let counts = |question: &Question| match &question.from {
        From::Network { bridge } => bridges.contains(bridge),
        From::Host | From::Internet => true,
    };
    let asked = probes(facts, published, needs).into_iter();
    let needed = asked.filter(|one| matches!(one.to, To::Need { .. }) && counts(one));
    needed.filter_map(|question| answer(&walker, question)).collect()
}

pub(super) fn answer(walker: &Walker<'_>, question: Question) -> Option<Crossing> {
    let Question { from, to, packets } = question;
    let asked = packets.first()?.clone();
    let mut verdicts = packets.iter().map(|packet| walker.walk(packet));
    let mut verdict = verdicts.next()?;
    if let Some(other) = verdicts.find(|other| other.reach != verdict.reach) {
        let why = format!("it depends on who asks: {} for some, by {}", other.reach, other.by);
        verdict = Verdict { reach: Reach::Unknown { why }, ..verdict };
    }
    Some(Crossing { from, to, protocol: asked.protocol, address: asked.target, port: asked.port, verdict })
}

/// Who can ask on this host.
struct Askers {
    /// Where the internet comes in, and the host's address there: IPv4, IPv6.
    outside: Vec<(String, IpAddr)>,
    networks: Vec<Bridge>,
}

/// A network of containers.
struct Bridge {
    name: String,
    /// One that asks.
    container: IpAddr,
    /// The host's address on it.
    own: Subnet,
}

/// Protocol, address and port.
type Asked = (Protocol, IpAddr, u16);

/// Strangers, far from each other, none of them in a range that is kept for something else.
fn strangers(v6: bool) -> [IpAddr; 3] {
    if v6 {
        [
            Ipv6Addr::new(0x2600, 0x1f18, 0x4a2, 0, 0, 0, 0, 7).into(),
            Ipv6Addr::new(0x2a02, 0x908, 0x1b3, 0, 0, 0, 0, 7).into(),
            Ipv6Addr::new(0x2404, 0x6800, 0x4b1, 0, 0, 0, 0, 7).into(),
        ]
    } else {
        [Ipv4Addr::new(52, 95, 110, 7), Ipv4Addr::new(91, 64, 33, 7), Ipv4Addr::new(203, 104, 200, 7)]
            .map(IpAddr::V4)
    }
}

impl Askers {
    fn of(network: &Network<'_>, interfaces: &[Interface], published: &[Published]) -> Self {
        let mut outside = Vec::new();
        for v6 in [false, true] {
            let [stranger, ..] = strangers(v6);
            if let Way::Out { interface, .. } = network.way(stranger)
                && let Some(own) = network.own_source(stranger)
            {
                outside.push((interface.to_owned(), own));
            }
        }
        let mut networks = Vec::new();
        for bridge in interfaces.iter().filter(|one| one.bridge) {
            for own in bridge.addresses.iter().filter(|own| !is_link_local(own.address)) {
                let known = published.iter().map(|one| one.container).find(|one| own.holds(*one));
                let container = known.unwrap_or_else(|| neighbour(own.address));
                networks.push(Bridge { name: bridge.name.clone(), container, own: *own });
            }
        }
        Self { outside, networks }
    }

    /// A port of the host: from everywhere, at the addresses that each would use.
    fn host_port(
        &self,
        questions: &mut Vec<Question>,
        to: &To,
        bound: IpAddr,
        asked: impl Fn(IpAddr) -> Asked,
    ) {
        let answers = |address: IpAddr| {
            bound.is_ipv4() == address.is_ipv4() && (bound.is_unspecified() || bound == address)
        };
        for (interface, own) in self.outside.iter().filter(|(_, own)| own.is_ipv4() == bound.is_ipv4()) {
            // From outside it is asked for even if it is bound elsewhere: that is the point of binding it there.
            let packets =
                strangers(own.is_ipv6()).map(|stranger| packet(asked(*own), Some(stranger), Some(interface)));
            questions.push(Question { from: From::Internet, to: to.clone(), packets: packets.into() });
            if answers(*own) {
                questions.extend(self.host(to, asked(*own)));
            }
        }
        let loopback: IpAddr =
            if bound.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
        if answers(loopback) {
            questions.extend(self.host(to, asked(loopback)));
        }
        for bridge in self.networks.iter().filter(|bridge| answers(bridge.own.address)) {
            let from = From::Network { bridge: bridge.name.clone() };
            let packets = vec![packet(asked(bridge.own.address), Some(bridge.container), Some(&bridge.name))];
            questions.push(Question { from, to: to.clone(), packets });
        }
    }

    fn host(&self, to: &To, asked: Asked) -> Option<Question> {
        let v6 = asked.1.is_ipv6();
        // Without an address of that family there is nobody to ask.
        let able = asked.1.is_loopback()
            || self.outside.iter().any(|(_, own)| own.is_ipv6() == v6)
            || self.networks.iter().any(|bridge| bridge.container.is_ipv6() == v6);
        let packets = vec![packet(asked, None, None)];
        able.then(|| Question { from: From::Host, to: to.clone(), packets })
    }

    fn networks(&self, to: &To, asked: Asked) -> Vec<Question> {
        // Neighbours on one bridge speak without the host, unless it is the host that is asked.
        let crosses = |bridge: &&Bridge| {
            bridge.container.is_ipv4() == asked.1.is_ipv4()
                && (!bridge.own.holds(asked.1) || bridge.own.address == asked.1)
        };
        let one = |bridge: &Bridge| Question {
            from: From::Network { bridge: bridge.name.clone() },
            to: to.clone(),
            packets: vec![packet(asked, Some(bridge.container), Some(&bridge.name))],
        };
        self.networks.iter().filter(crosses).map(one).collect()
    }
}

fn packet((protocol, target, port): Asked, source: Option<IpAddr>, enters: Option<&str>) -> Packet {
    Packet { protocol, source, target, port, enters: enters.map(str::to_owned) }
}

/// Another address of the same network.
fn neighbour(own: IpAddr) -> IpAddr {
    match own {
        IpAddr::V4(own) => {
            let [a, b, c, d] = own.octets();
            Ipv4Addr::new(a, b, c, if d == 2 { 3 } else { 2 }).into()
        }
        IpAddr::V6(own) => {
            let mut parts = own.segments();
            parts[7] = if parts[7] == 2 { 3 } else { 2 };
            Ipv6Addr::from(parts).into()
        }
    }
}
