//! What the rules say of the connections that a peer really made. Its packets have a source of their own, which a rule may
//! know by name, so they are walked as they were sent and not as those of a stranger.

use std::net::IpAddr;

use super::crossings::{From, Question, To, answer, probes, published_by_proxies};
use super::network::{Network, Way, is_public};
use super::verdict::{Packet, Verdict};
use super::walk::Walker;
use crate::facts::firewall::{Firewall, Protocol};
use crate::facts::outside::{Dialled, Live};

/// The TCP ports that are worth a try from outside: published ones first, each once.
pub fn doors(facts: &Firewall) -> Vec<u16> {
    let mut ports = Vec::new();
    for packet in asked(facts).iter().filter_map(|question| question.packets.first()) {
        if !ports.contains(&packet.port) {
            ports.push(packet.port);
        }
    }
    ports
}

/// All that a peer was asked for, with what the rules say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison<'a> {
    /// Each port.
    pub rows: Vec<Row<'a>>,
    /// The address that was connected to is none of this host: somebody in front translates it, or answers in its place.
    pub translated: bool,
    /// Ports that raise a question and were not asked for.
    pub left_out: usize,
}

/// One port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<'a> {
    /// Who stands behind it.
    pub to: To,
    /// Its number.
    pub port: u16,
    /// What became of the connection.
    pub live: &'a Live,
    /// What the rules say.
    pub verdict: Verdict,
}

/// Puts what the rules say beside what was seen.
///
/// # Errors
/// In words, when what was seen is not about this host.
pub fn compare<'a>(facts: &Firewall, dialled: &'a Dialled) -> Result<Comparison<'a>, String> {
    let network = Network::new(facts)?;
    let target = dialled.target;
    let translated = !network.is_local(target);
    let questions: Vec<Question> = asked(facts)
        .into_iter()
        .filter(|question| {
            question.packets.first().is_some_and(|packet| packet.target.is_ipv4() == target.is_ipv4())
        })
        .collect();
    if questions.is_empty() {
        let family = if target.is_ipv4() { "IPv4" } else { "IPv6" };
        return Err(format!("it looked by {family}, and nothing on this host is asked for by that"));
    }
    let own = questions.iter().find_map(|question| question.packets.first()).map(|packet| packet.target);
    if translated && own.is_some_and(is_public) {
        return Err(format!(
            "it sees this host as {target}, which is none of its addresses: something in front asks in its place"
        ));
    }
    // A private source beside a public target was translated on the way: how it looked here is not known.
    let source = dialled
        .source
        .filter(|source| source.is_ipv4() == target.is_ipv4())
        .filter(|source| is_public(*source) || !is_public(target));
    let entry = source.map(|source| entry(&network, source)).transpose()?;
    let walker = Walker::new(facts);
    let mut comparison = Comparison { rows: Vec::new(), translated, left_out: 0 };
    for mut question in questions {
        let Some(port) = question.packets.first().map(|packet| packet.port) else { continue };
        if comparison.rows.iter().any(|row| row.port == port) {
            continue;
        }
        let Some(live) = dialled.live(port) else {
            comparison.left_out += 1;
            continue;
        };
        if let (Some(source), Some(enters)) = (source, &entry) {
            question.packets.truncate(1);
            for packet in &mut question.packets {
                (packet.source, packet.enters) = (Some(source), Some(enters.clone()));
            }
        }
        if !translated {
            question.packets.iter_mut().for_each(|packet| packet.target = target);
        }
        let Some(crossing) = answer(&walker, question) else { continue };
        comparison.rows.push(Row { to: crossing.to, port, live, verdict: crossing.verdict });
    }
    Ok(comparison)
}

/// The questions of the internet about TCP.
fn asked(facts: &Firewall) -> Vec<Question> {
    let of_tcp = |packet: &Packet| packet.protocol == Protocol::Tcp;
    probes(facts, &published_by_proxies(facts), &[])
        .into_iter()
        .filter(|question| question.from == From::Internet && question.packets.first().is_some_and(of_tcp))
        .collect()
}

/// The interface by which packets of this source come in: the one by which its answers leave.
fn entry(network: &Network<'_>, source: IpAddr) -> Result<String, String> {
    match network.way(source) {
        Way::Out { interface, .. } => Ok(interface.to_owned()),
        Way::Here => Err(format!("it looked from {source}, which is an address of this host")),
        Way::Nowhere => Err(format!("this host has no route to {source}, from where it looked")),
        Way::Unclear(why) => Err(why),
    }
}
