//! FW014: closed by IPv4 and open by IPv6.

use std::net::{IpAddr, Ipv6Addr};

use super::{ALL_SIX, decided, each, filter, is_open_to_all, name, port, with_filter};
use crate::facts::firewall::{Firewall, Listener, Protocol, Route, RouteKind, Subnet};
use crate::facts::{Fact, Facts};
use crate::firewall::{From, Reach};
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "FW014",
    severity: Severity::High,
    outlook: Outlook::Failing,
    title: "a port is closed by IPv4 and open by IPv6",
    silent: "It was tried by IPv4, and was closed.",
    cure: "Give ip6tables the same rules (`IPV6=yes` in /etc/default/ufw, after6.rules beside after.rules), or bind the program to \
           an address of IPv4.",
    fix: Fix::Disruptive,
    unless: "Nothing listens by IPv4 on that port, or this host has no address of IPv6.",
    judge,
    bad: Fixture::facts("a program on both, rules for one", |facts| six(facts, "")),
    good: [
        Fixture::facts("rules for both", |facts| {
            six(facts, "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n")
        }),
        Fixture::facts("no address of IPv6", |facts| {
            six(facts, "");
            if let Fact::Known(Firewall {
                interfaces: Fact::Known(interfaces),
                routes: Fact::Known(routes),
                ..
            }) = &mut facts.firewall
            {
                for interface in interfaces {
                    interface.addresses.retain(|own| own.address.is_ipv4());
                }
                routes.retain(|route| route.to.address.is_ipv4());
            }
        }),
    ],
};

/// The host of the fixtures with an address of IPv6 and a program on port 9000 of both.
fn six(facts: &mut Facts, ip6tables: &str) {
    with_filter(facts, true, &filter("-A DOCKER-USER -i eth0 -j DROP\n", "ACCEPT"));
    let Fact::Known(firewall) = &mut facts.firewall else { return };
    if !ip6tables.is_empty() {
        firewall.ip6tables = Fact::Known(ip6tables.to_owned());
    }
    let own = IpAddr::V6(Ipv6Addr::new(0x2a01, 0x4f8, 1, 2, 0, 0, 0, 1));
    if let Fact::Known(interfaces) = &mut firewall.interfaces {
        for interface in interfaces.iter_mut().filter(|one| one.name == "eth0") {
            interface.addresses.push(Subnet { address: own, prefix: 64 });
        }
    }
    if let Fact::Known(routes) = &mut firewall.routes {
        let gateway = Some(IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1)));
        let to = Subnet { address: ALL_SIX, prefix: 0 };
        let interface = "eth0".to_owned();
        routes.push(Route {
            to,
            kind: RouteKind::Unicast,
            gateway,
            interface,
            metric: 0,
            table: 254,
            source: None,
        });
    }
    if let Fact::Known(listeners) = &mut firewall.listeners {
        for address in [IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), ALL_SIX] {
            let program = Some("app".to_owned());
            listeners.push(Listener {
                protocol: Protocol::Tcp,
                address,
                port: 9000,
                inode: 0,
                pid: Some(2),
                program,
            });
        }
    }
}

fn judge(facts: &Facts) -> Answer {
    each(facts, |_, table, answer| {
        for open in table.iter().filter(|crossing| is_open_to_all(crossing) && crossing.address.is_ipv6()) {
            let closed = table.iter().find(|other| {
                other.from == From::Internet
                    && other.address.is_ipv4()
                    && (other.protocol, other.port) == (open.protocol, open.port)
                    && other.verdict.reach == Reach::Closed
            });
            if let Some(closed) = closed {
                let who = name(&open.to);
                let observed = format!("{who} answers at {} and not at {}", open.address, closed.address);
                answer.find(Finding::new(format!("{who} {}", port(open)), decided(open), observed));
            }
        }
    })
}
