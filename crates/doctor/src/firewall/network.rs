//! What the walker knows of addresses, routes and settings: which way the kernel sends a packet.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::rule::kind;
use crate::facts::firewall::{Firewall, Interface, Route, RouteKind};

const MAIN: u32 = 254;
const LOCAL: u32 = 255;

/// The host's place among networks.
#[derive(Debug)]
pub(crate) struct Network<'a> {
    interfaces: &'a [Interface],
    routes: &'a [Route],
    settings: &'a BTreeMap<String, String>,
    has_rules: bool,
}

/// Where a target lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way<'a> {
    Here,
    Out { interface: &'a str, beyond: bool, source: Option<IpAddr> },
    Nowhere,
    Unclear(String),
}

impl<'a> Network<'a> {
    /// # Errors
    /// In words, if the facts do not tell.
    pub(crate) fn new(facts: &'a Firewall) -> Result<Self, String> {
        let unseen = |what: &str| format!("{what} of this host could not be read");
        Ok(Self {
            interfaces: facts.interfaces.known().ok_or_else(|| unseen("the interfaces"))?,
            routes: facts.routes.known().ok_or_else(|| unseen("the routes"))?,
            settings: facts.settings.known().ok_or_else(|| unseen("the kernel's settings"))?,
            // Not to know of rules is to expect some.
            has_rules: match facts.route_rules.why_unknown() {
                Some(_) => true,
                None => facts.route_rules.known().is_some_and(|rules| !rules.is_empty()),
            },
        })
    }

    pub(crate) fn is_local(&self, address: IpAddr) -> bool {
        address.is_loopback()
            || self.interfaces.iter().any(|one| one.addresses.iter().any(|own| own.address == address))
            || self.routes.iter().any(|route| {
                route.kind == RouteKind::Local && route.table == LOCAL && route.to.holds(address)
            })
    }

    /// The kind of an address as bits.
    pub(crate) fn kind(&self, address: IpAddr, on: Option<&str>) -> u64 {
        if address.is_multicast() {
            return kind::MULTICAST;
        }
        if self.is_broadcast(address) {
            return kind::BROADCAST;
        }
        let local = self.is_local(address)
            && on.is_none_or(|name| match address.is_loopback() {
                true => name == "lo",
                false => self.addresses(name).any(|own| own == address),
            });
        if local { kind::LOCAL } else { kind::UNICAST }
    }

    fn is_broadcast(&self, address: IpAddr) -> bool {
        let IpAddr::V4(v4) = address else { return false };
        v4.is_broadcast()
            || self
                .routes
                .iter()
                .any(|route| route.kind == RouteKind::Broadcast && route.to.address == address)
    }

    /// The way to a target.
    pub(crate) fn way(&self, target: IpAddr) -> Way<'a> {
        if self.is_local(target) {
            return Way::Here;
        }
        let mut best: Option<&Route> = None;
        let mut doubt = false;
        let fitting = |route: &&Route| {
            route.table != LOCAL && route.table <= MAIN && route.table >= 253 && route.to.holds(target)
        };
        for route in self.routes.iter().filter(fitting) {
            let rank = |route: &Route| (route.table == MAIN, route.to.prefix, u32::MAX - route.metric);
            match best.map(|best| rank(best).cmp(&rank(route))) {
                None | Some(std::cmp::Ordering::Less) => (best, doubt) = (Some(route), false),
                Some(std::cmp::Ordering::Equal) => {
                    doubt |= best.is_some_and(|best| best.interface != route.interface);
                }
                Some(std::cmp::Ordering::Greater) => {}
            }
        }
        let direct = best.is_some_and(|best| best.kind == RouteKind::Unicast && best.gateway.is_none());
        if self.has_rules && !direct {
            return Way::Unclear(format!("rules choose the routing table for {target}"));
        }
        match best {
            _ if doubt => Way::Unclear(format!("several routes lead to {target}")),
            None => Way::Nowhere,
            Some(route) => match route.kind {
                RouteKind::Unicast => Way::Out {
                    interface: &route.interface,
                    beyond: route.gateway.is_some() || route.to.prefix == 0,
                    source: route.source,
                },
                RouteKind::Local | RouteKind::Broadcast => Way::Here,
                RouteKind::Barred => Way::Nowhere,
            },
        }
    }

    /// The source that the kernel chooses for a packet of this host.
    pub(crate) fn own_source(&self, target: IpAddr) -> Option<IpAddr> {
        match self.way(target) {
            Way::Here => Some(target),
            Way::Out { source: Some(source), .. } => Some(source),
            Way::Out { interface, .. } => self.source_on(interface, target).or_else(|| {
                // An interface without addresses borrows one.
                self.interfaces.iter().find_map(|one| self.source_on(&one.name, target))
            }),
            Way::Nowhere | Way::Unclear(_) => None,
        }
    }

    /// The address of an interface that is used towards a target.
    pub(crate) fn source_on(&self, interface: &str, target: IpAddr) -> Option<IpAddr> {
        let own = self.interfaces.iter().find(|one| one.name == interface)?;
        let usable = |address: IpAddr| {
            address.is_ipv4() == target.is_ipv4()
                && !address.is_loopback()
                && (!is_link_local(address) || is_link_local(target))
        };
        let near = own.addresses.iter().find(|own| usable(own.address) && own.holds(target));
        let any = own.addresses.iter().find(|own| usable(own.address));
        near.or(any).map(|own| own.address)
    }

    /// What a masqueraded packet is given as its source.
    pub(crate) fn masquerade(&self, interface: &str, target: IpAddr) -> Option<IpAddr> {
        let anywhere = || self.interfaces.iter().find_map(|one| self.source_on(&one.name, target));
        self.source_on(interface, target).or_else(|| match target {
            // IPv6 prefers the target's own address, IPv4 takes any that is there.
            IpAddr::V6(_) if self.is_local(target) => Some(target),
            _ => anywhere(),
        })
    }

    fn addresses(&self, interface: &str) -> impl Iterator<Item = IpAddr> {
        self.interfaces
            .iter()
            .filter(move |one| one.name == interface)
            .flat_map(|one| one.addresses.iter().map(|own| own.address))
    }

    /// The interface's first address of a family, where a redirected packet is sent to.
    pub(crate) fn first_address(&self, interface: &str, v6: bool) -> Option<IpAddr> {
        self.addresses(interface).find(|own| own.is_ipv6() == v6 && !is_link_local(*own))
    }

    /// True if the interface is a bridge.
    pub(crate) fn is_bridge(&self, interface: &str) -> bool {
        self.interfaces.iter().any(|one| one.name == interface && one.bridge)
    }

    /// True if a program on the interface sees packets before all filters.
    pub(crate) fn is_programmed(&self, interface: &str) -> bool {
        self.interfaces.iter().any(|one| one.name == interface && one.xdp)
    }

    /// For each port of a bridge: whether it sends packets back that came by it.
    pub(crate) fn ports(&self, bridge: &str) -> Vec<Option<bool>> {
        let is_port = |one: &&Interface| one.master.as_deref() == Some(bridge);
        self.interfaces.iter().filter(is_port).map(|port| port.hairpin).collect()
    }

    /// True if an answer to the source would leave by the interface.
    pub(crate) fn is_reverse_path(&self, source: IpAddr, enters: &str, loose: bool) -> bool {
        if enters == "lo" || is_link_local(source) {
            return true;
        }
        match self.way(source) {
            Way::Out { interface, .. } => loose || interface == enters,
            Way::Unclear(_) => true,
            Way::Here | Way::Nowhere => false,
        }
    }

    fn setting(&self, name: &str) -> Option<i64> {
        self.settings.get(name)?.trim().parse().ok()
    }

    /// True if the kernel passes packets on that are not for this host.
    pub(crate) fn forwards(&self, v6: bool) -> Option<bool> {
        let name = if v6 { "net.ipv6.conf.all.forwarding" } else { "net.ipv4.ip_forward" };
        self.setting(name).map(|on| on != 0)
    }

    /// True if addresses of 127.0.0.0/8 may pass the interface.
    pub(crate) fn routes_loopback(&self, interface: &str) -> bool {
        ["all", interface]
            .iter()
            .any(|name| self.setting(&format!("net.ipv4.conf.{name}.route_localnet")) == Some(1))
    }

    /// True if the kernel drops what comes from the wrong side.
    pub(crate) fn filters_reverse_path(&self, interface: &str) -> bool {
        let on = |name: &str| self.setting(&format!("net.ipv4.conf.{name}.rp_filter")).unwrap_or(0);
        on("all").max(on(interface)) == 1
    }
}

pub(crate) fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

/// True if hosts on the internet can answer such an address.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            !(v4.is_private() || v4.is_loopback() || v4.is_link_local() || (a == 100 && b & 0xc0 == 64))
        }
        IpAddr::V6(v6) => !(v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local()),
    }
}
