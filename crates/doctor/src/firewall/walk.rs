//! Follows a connection: its first packet, the answer, and the packet after that.
//!
//! Each packet passes the hooks of the kernel in their order, is routed, and comes to this host or leaves it. What a
//! listener of Docker's proxy takes is followed as a second connection. What is beyond this host is taken to answer, if
//! it can answer the address that it sees.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::chain::{Passed, Runner, Stop};
use super::network::{Network, Way, is_public};
use super::oracle::Oracle;
use super::packet::{Connection, Passing};
use super::rule::{Hook, state};
use super::rules::Rules;
use super::verdict::{Cause, Decision, Hop, Packet, Reach, Verdict};
use crate::facts::Fact;
use crate::facts::firewall::{Firewall, Protocol};

/// Facts that were read once, for many questions.
#[derive(Debug)]
pub struct Walker<'a> {
    facts: &'a Firewall,
    rules: Rules,
    network: Result<Network<'a>, String>,
}

/// Where a packet of this host ends.
pub fn walk(facts: &Firewall, packet: &Packet) -> Verdict {
    Walker::new(facts).walk(packet)
}

/// Where a packet came to.
enum Place {
    Here,
    Out,
}

/// One run of a walk.
pub(super) struct Walk<'w> {
    facts: &'w Firewall,
    pub(super) runner: Runner<'w>,
    path: Vec<Hop>,
    /// Who accepted the first packet.
    accepted: Option<Decision>,
    /// Interfaces on which neighbours were looked for.
    pub(super) neighbours: BTreeSet<String>,
}

impl<'a> Walker<'a> {
    /// Reads the rule sets of the facts.
    pub fn new(facts: &'a Firewall) -> Self {
        Self { facts, rules: Rules::read(facts), network: Network::new(facts) }
    }

    /// The facts that it walks on.
    pub fn facts(&self) -> &'a Firewall {
        self.facts
    }

    /// Where a packet ends.
    pub fn walk(&self, packet: &Packet) -> Verdict {
        let network = match &self.network {
            Ok(network) => network,
            Err(why) => return Verdict::unseen(why.clone()),
        };
        if let Some(why) = self.rules.why_unseen(packet.target.is_ipv6()) {
            return Verdict::unseen(why);
        }
        let mut oracle = Oracle::default();
        let mut first: Option<Verdict> = None;
        loop {
            let verdict = self.run(network, &mut oracle, packet);
            if matches!(verdict.reach, Reach::Unknown { .. }) {
                return verdict;
            }
            match &first {
                None => first = Some(verdict),
                Some(first) if first.reach != verdict.reach => {
                    let mut unseen = Verdict::unseen(oracle.turned().unwrap_or("a test is not understood"));
                    unseen.path = verdict.path;
                    return unseen;
                }
                Some(_) => {}
            }
            if oracle.is_weary() {
                return Verdict::unseen("too many tests in the rules are not understood");
            }
            if !oracle.turn() {
                return first.unwrap_or_else(|| Verdict::unseen("no run"));
            }
        }
    }

    fn run(&self, network: &Network<'_>, oracle: &mut Oracle, packet: &Packet) -> Verdict {
        let mut walk = Walk {
            facts: self.facts,
            runner: Runner { rules: &self.rules, network, oracle, looks: 0, orders: [None; 5] },
            path: Vec::new(),
            accepted: None,
            neighbours: BTreeSet::new(),
        };
        match walk.connection(packet) {
            Ok(by) => Verdict { reach: Reach::Open, by, path: walk.path },
            Err(stop) => Verdict { reach: stop.reach, by: stop.by, path: walk.path },
        }
    }
}

impl Walk<'_> {
    /// The whole connection: what let it pass, or what stopped it.
    fn connection(&mut self, packet: &Packet) -> Result<Decision, Stop> {
        let network = self.runner.network;
        let source = packet.source.or_else(|| network.own_source(packet.target));
        let Some(source) = source else { return Err(self.lost(packet.target)) };
        let mut syn = Passing {
            protocol: if packet.protocol == Protocol::Tcp { 6 } else { 17 },
            source,
            source_port: 40_000,
            target: packet.target,
            port: packet.port,
            enters: packet.enters.clone().unwrap_or_default(),
            leaves: String::new(),
            mark: 0,
            flags: 2,
            icmp: None,
            state: state::NEW,
            reply: false,
            tracked: false,
        };
        let mut connection = Connection {
            mark: 0,
            source,
            target: syn.target,
            port: syn.port,
            new_target: None,
            new_source: None,
            target_sought: false,
            source_sought: false,
            untracked: false,
        };
        self.accepted = None;
        let begin = syn.clone();
        let place = self.travel("first packet", &mut syn, &mut connection)?;
        let accepted = self.accepted.take();
        let proxy = match place {
            Place::Here => self.listener(packet.protocol, &syn)?,
            Place::Out => {
                self.far_side(&syn, &connection)?;
                None
            }
        };
        let mut answer = Passing {
            source: syn.target,
            source_port: syn.port,
            target: syn.source,
            port: syn.source_port,
            enters: if matches!(place, Place::Here) { String::new() } else { syn.leaves.clone() },
            leaves: String::new(),
            mark: 0,
            flags: 18,
            state: state::ESTABLISHED,
            reply: true,
            tracked: false,
            ..syn
        };
        let back = answer.clone();
        let untracked = std::mem::take(&mut connection.untracked);
        self.travel("answer", &mut answer, &mut connection)?;
        if untracked != connection.untracked {
            return Err(Stop::unknown("the connection is tracked in one direction only"));
        }
        if packet.protocol == Protocol::Tcp {
            // A rule for the flags of the first two packets does not let the others pass.
            let more = Passing { flags: 16, state: state::ESTABLISHED, ..begin };
            for (which, mut one) in [("next packet", more), ("next answer", Passing { flags: 24, ..back })] {
                connection.untracked = false;
                self.travel(which, &mut one, &mut connection)?;
            }
        }
        if let Some(second) = proxy {
            self.note("proxy", format!("docker-proxy connects to {}:{}", second.target, second.port));
            self.connection(&second).map_err(|stop| match stop.reach {
                Reach::Closed => Stop::closed(Decision {
                    cause: Cause::Proxy,
                    text: format!(
                        "docker-proxy takes the connection, but its own one to {}:{} is stopped by {}",
                        second.target, second.port, stop.by
                    ),
                    ..stop.by
                }),
                _ => stop,
            })?;
        }
        let nobody = || Decision::told(Cause::NoFilter, "no rule is in the way");
        Ok(accepted.unwrap_or_else(nobody))
    }

    fn note(&mut self, place: impl Into<String>, what: impl Into<String>) {
        self.path.push(Hop { place: place.into(), what: what.into() });
    }

    fn lost(&self, target: IpAddr) -> Stop {
        match self.runner.network.way(target) {
            Way::Unclear(why) => Stop::unknown(why),
            Way::Here | Way::Out { .. } | Way::Nowhere => {
                Stop::closed(Decision::told(Cause::NoRoute, format!("no route to {target}")))
            }
        }
    }

    fn hook(&mut self, which: &str, hook: Hook, p: &mut Passing, c: &mut Connection) -> Result<(), Stop> {
        let name = match hook {
            Hook::Prerouting => "prerouting",
            Hook::Input => "input",
            Hook::Forward => "forward",
            Hook::Output => "output",
            Hook::Postrouting => "postrouting",
        };
        let Passed { by, translated } = self.runner.hook(hook, p, c).inspect_err(|stop| {
            self.path.push(Hop { place: format!("{which}, {name}"), what: stop.by.to_string() });
        })?;
        if let Some(by) = translated {
            self.note(format!("{which}, {name}"), format!("{by}: {} → {}:{}", p.source, p.target, p.port));
        }
        if !matches!(hook, Hook::Prerouting | Hook::Postrouting) {
            let chosen = by.iter().rev().find(|by| by.cause == Cause::Rule).or(by.last());
            if let Some(chosen) = chosen {
                self.note(format!("{which}, {name}"), chosen.to_string());
                // What a rule allowed is told rather than what a policy let be.
                let keep = self.accepted.as_ref().is_some_and(|old| old.cause == Cause::Rule);
                if !keep || chosen.cause == Cause::Rule {
                    self.accepted = Some(chosen.clone());
                }
            }
        }
        Ok(())
    }

    /// One packet, from where it starts or enters to where it ends or leaves.
    fn travel(&mut self, which: &str, p: &mut Passing, c: &mut Connection) -> Result<Place, Stop> {
        if p.enters.is_empty() {
            self.route(p)?;
            // The interface that was chosen first is what later chains of this hook see, even if the target is changed.
            self.hook(which, Hook::Output, p, c)?;
            self.route(p)?;
            self.leave(p)?;
            self.hook(which, Hook::Postrouting, p, c)?;
            if p.leaves != "lo" {
                return Ok(Place::Out);
            }
            p.enters = "lo".to_owned();
            p.leaves = String::new();
        }
        self.see_neighbours(&p.enters.clone(), p.target)?;
        self.below(&p.enters)?;
        self.hook(which, Hook::Prerouting, p, c)?;
        self.arrive(p)?;
        match self.runner.network.way(p.target) {
            Way::Here => {
                self.hook(which, Hook::Input, p, c)?;
                Ok(Place::Here)
            }
            Way::Out { interface, .. } => {
                match self.runner.network.forwards(p.target.is_ipv6()) {
                    Some(true) => {}
                    Some(false) => {
                        let text = "the kernel forwards nothing (ip_forward is 0)";
                        return Err(Stop::closed(Decision::told(Cause::Kernel, text)));
                    }
                    None => return Err(Stop::unknown("whether the kernel forwards is not known")),
                }
                p.leaves = interface.to_owned();
                self.hook(which, Hook::Forward, p, c)?;
                self.leave(p)?;
                self.turn_back(p, c)?;
                self.hook(which, Hook::Postrouting, p, c)?;
                Ok(Place::Out)
            }
            Way::Nowhere | Way::Unclear(_) => Err(self.lost(p.target)),
        }
    }

    /// The interface by which a packet of this host leaves.
    fn route(&self, p: &mut Passing) -> Result<(), Stop> {
        p.leaves = match self.runner.network.way(p.target) {
            Way::Here => "lo".to_owned(),
            Way::Out { interface, .. } => interface.to_owned(),
            Way::Nowhere | Way::Unclear(_) => return Err(self.lost(p.target)),
        };
        Ok(())
    }

    /// Who takes the connection on this host: the second hop, if it is a proxy.
    fn listener(&mut self, protocol: Protocol, p: &Passing) -> Result<Option<Packet>, Stop> {
        let Some(listeners) = self.facts.listeners.known() else {
            return Err(Stop::unknown("who listens on this host could not be read"));
        };
        let fits = |address: IpAddr| {
            address == p.target
                || (address.is_unspecified() && address.is_ipv4() == p.target.is_ipv4())
                // A socket on all addresses of IPv6 takes IPv4 too, unless it says otherwise, which is not visible.
                || (address.is_unspecified() && address.is_ipv6())
        };
        let mut found: Vec<_> = listeners
            .iter()
            .filter(|one| one.protocol == protocol && one.port == p.port && fits(one.address))
            .collect();
        found.sort_by_key(|one| (one.address != p.target, one.address.is_ipv4() != p.target.is_ipv4()));
        let Some(listener) = found.first() else {
            let balances = match &self.facts.ipvs {
                Fact::Known(services) => !services.is_empty(),
                Fact::Unknown { .. } => true,
                Fact::Nothing { .. } => false,
            };
            if balances {
                return Err(Stop::unknown("whether the kernel's load balancer (IPVS) takes the connection"));
            }
            let text = format!("nobody listens on {}:{}", p.target, p.port);
            return Err(Stop::closed(Decision::told(Cause::NoListener, text)));
        };
        let name = listener.program.as_deref().unwrap_or("a process");
        self.path.push(Hop {
            place: "listener".to_owned(),
            what: format!("{name} on {}:{}", listener.address, listener.port),
        });
        let Some(proxies) = self.facts.proxies.known() else {
            return match self.facts.proxies.why_unknown() {
                Some(why) => Err(Stop::unknown(format!("whether a proxy listens is not known: {why}"))),
                None => Ok(None),
            };
        };
        let proxy = proxies.iter().find(|one| {
            one.protocol == protocol && one.host == listener.address && one.host_port == listener.port
        });
        Ok(proxy.map(|proxy| Packet {
            protocol,
            source: None,
            target: proxy.container,
            port: proxy.container_port,
            enters: None,
        }))
    }

    /// Whether the far side can answer the address that it sees.
    fn far_side(&self, p: &Passing, c: &Connection) -> Result<(), Stop> {
        let network = self.runner.network;
        if network.is_local(p.source) || p.enters.is_empty() || network.is_bridge(&p.leaves) {
            return Ok(());
        }
        let near = network.source_on(&p.leaves, p.target);
        let from_outside = matches!(network.way(p.source), Way::Out { beyond: true, .. });
        if from_outside {
            return Ok(());
        }
        if is_public(p.source) || !is_public(p.target) || !near.is_some_and(is_public) {
            let text = format!("whether the network beyond {} knows a way back to {}", p.leaves, p.source);
            return Err(Stop::unknown(text));
        }
        let text = format!("{} leaves by {} as it is: nobody out there can answer it", c.source, p.leaves);
        Err(Stop::closed(Decision::told(Cause::NoMasquerade, text)))
    }
}
