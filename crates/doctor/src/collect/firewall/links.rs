//! The kernel's lists as facts: interfaces with their addresses, routes, and the names of nftables' tables.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::netlink::{List, Refused, attributes, list, text, word};
use crate::facts::firewall::{Interface, Route, RouteKind, Subnet};

const IPV4: u8 = 2;
const IPV6: u8 = 10;

/// Interfaces by their number.
pub(super) fn interfaces() -> Result<BTreeMap<u32, Interface>, Refused> {
    let mut interfaces = BTreeMap::new();
    let mut masters = BTreeMap::new();
    for entry in list(List::Links)? {
        let (Some(index), Some(rest)) = (word(&entry, 4), entry.get(16..)) else { continue };
        let mut interface = Interface::default();
        for (sort, value) in attributes(rest) {
            match sort {
                3 => interface.name = text(value),
                43 => {
                    let attached = attributes(value).into_iter().find(|(sort, _)| *sort == 2);
                    interface.xdp = attached.is_some_and(|(_, how)| how.first().is_some_and(|how| *how != 0));
                }
                10 => masters.extend(word(value, 0).map(|master| (index, master))),
                18 => {
                    let parts = attributes(value);
                    let part =
                        |wanted: u16| parts.iter().find(|(sort, _)| *sort == wanted).map(|(_, part)| *part);
                    interface.bridge = part(1).is_some_and(|kind| text(kind) == "bridge");
                    if part(4).is_some_and(|kind| text(kind) == "bridge") {
                        let of_port = attributes(part(5).unwrap_or_default());
                        let hairpin = of_port.iter().find(|(sort, _)| *sort == 4);
                        interface.hairpin = hairpin.map(|(_, on)| *on == [1]);
                    }
                }
                _ => {}
            }
        }
        interfaces.insert(index, interface);
    }
    for (index, master) in masters {
        let master = interfaces.get(&master).map(|master| master.name.clone());
        if let Some(interface) = interfaces.get_mut(&index) {
            interface.master = master;
        }
    }
    for entry in list(List::Addresses)? {
        let (Some(prefix), Some(index), Some(rest)) = (entry.get(1), word(&entry, 4), entry.get(8..)) else {
            continue;
        };
        let attributes = attributes(rest);
        let of = |wanted: u16| attributes.iter().find(|(sort, _)| *sort == wanted);
        // On a line between two points the first is the other's.
        let own = of(2).or(of(1)).and_then(|(_, value)| address(value));
        if let (Some(address), Some(interface)) = (own, interfaces.get_mut(&index)) {
            interface.addresses.push(Subnet { address, prefix: *prefix });
        }
    }
    Ok(interfaces)
}

/// Routes of all tables.
pub(super) fn routes(interfaces: &BTreeMap<u32, Interface>) -> Result<Vec<Route>, Refused> {
    let name = |index: u32| interfaces.get(&index).map(|one| one.name.clone()).unwrap_or_default();
    let mut routes = Vec::new();
    for entry in list(List::Routes)? {
        let [family, prefix, _, _, table, _, _, kind, ..] = entry.as_slice() else { continue };
        let (Some(flags), Some(rest)) = (word(&entry, 8), entry.get(12..)) else { continue };
        let kind = match kind {
            1 => RouteKind::Unicast,
            2 => RouteKind::Local,
            3 => RouteKind::Broadcast,
            6..=8 => RouteKind::Barred,
            _ => continue,
        };
        // A copy for one target, or a route over a link that is gone.
        if flags & 0x200 != 0 || flags & 1 != 0 {
            continue;
        }
        let any = match *family {
            IPV4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IPV6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            _ => continue,
        };
        let mut route = Route {
            to: Subnet { address: any, prefix: *prefix },
            kind,
            gateway: None,
            interface: String::new(),
            metric: 0,
            table: u32::from(*table),
            source: None,
        };
        let mut hops = Vec::new();
        for (sort, value) in attributes(rest) {
            match sort {
                1 => route.to.address = address(value).unwrap_or(any),
                4 => route.interface = word(value, 0).map(name).unwrap_or_default(),
                5 => route.gateway = address(value),
                6 => route.metric = word(value, 0).unwrap_or_default(),
                7 => route.source = address(value),
                9 => hops = next_hops(value),
                15 => route.table = word(value, 0).unwrap_or(route.table),
                // A gateway of the other family.
                18 => route.gateway = value.get(2..).and_then(address),
                _ => {}
            }
        }
        if hops.is_empty() {
            routes.push(route);
        } else {
            routes.extend(hops.into_iter().map(|(index, gateway)| Route {
                interface: name(index),
                gateway,
                ..route.clone()
            }));
        }
    }
    routes.sort();
    Ok(routes)
}

/// The parts of a route that leads over several routers.
fn next_hops(mut bytes: &[u8]) -> Vec<(u32, Option<IpAddr>)> {
    let mut hops = Vec::new();
    while let (Some(length), Some(index)) = (bytes.get(..2), word(bytes, 4)) {
        let length = usize::from(u16::from_ne_bytes([length[0], length[1]]));
        let Some(rest) = bytes.get(8..length) else { break };
        let gateway = attributes(rest).into_iter().find(|(sort, _)| *sort == 5);
        hops.push((index, gateway.and_then(|(_, value)| address(value))));
        bytes = bytes.get((length + 3) & !3..).unwrap_or_default();
    }
    hops
}

/// Rules beside the three that every host has, one line each.
pub(super) fn route_rules() -> Result<Vec<String>, Refused> {
    let mut lines = Vec::new();
    for (family, word_for) in [(IPV4, "ip"), (IPV6, "ip6")] {
        for entry in list(List::Rules(family))? {
            let (Some(short), Some(rest)) = (entry.get(4), entry.get(12..)) else { continue };
            let attributes = attributes(rest);
            let number = |wanted: u16| {
                attributes.iter().find(|(sort, _)| *sort == wanted).and_then(|(_, value)| word(value, 0))
            };
            let (priority, table) = (number(6).unwrap_or(0), number(15).unwrap_or(u32::from(*short)));
            if !matches!((priority, table), (0, 255) | (32766, 254) | (32767, 253)) {
                lines.push(format!("{word_for} rule {priority}: table {table}"));
            }
        }
    }
    lines.sort();
    Ok(lines)
}

/// A table of nftables, those of iptables included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TableName {
    /// The number of its address family.
    pub(super) family: u8,
    pub(super) name: String,
    /// It is there, and does nothing.
    pub(super) dormant: bool,
}

/// Every table of nftables.
pub(super) fn tables() -> Result<Vec<TableName>, Refused> {
    let entries = list(List::Tables)?;
    let table = |entry: &Vec<u8>| {
        let attributes = attributes(entry.get(4..)?);
        let part = |wanted: u16| attributes.iter().find(|(sort, _)| *sort == wanted).map(|(_, part)| *part);
        // Flags stand in the order of the network.
        let dormant = part(2).is_some_and(|flags| flags.last().is_some_and(|last| last & 1 != 0));
        Some(TableName { family: *entry.first()?, name: text(part(1)?), dormant })
    };
    Ok(entries.iter().filter_map(table).collect())
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => Some(IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?)),
        16 => Some(IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?)),
        _ => None,
    }
}
