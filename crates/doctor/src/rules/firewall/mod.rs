//! Traps in the way of packets: what is reachable and should not be, and the other way round.

pub(super) mod connections_full;
pub(super) mod cut_off;
pub(super) mod dead_rule;
pub(super) mod egress_differs;
pub(super) mod flushed;
pub(super) mod forwarding_off;
pub(super) mod hands_off;
pub(super) mod host_service;
mod live;
pub(super) mod need_closed;
pub(super) mod no_effect;
pub(super) mod none;
pub(super) mod not_final;
pub(super) mod not_kept;
pub(super) mod not_loaded;
pub(super) mod open_outside;
pub(super) mod past_ufw;
mod reach;
pub(super) mod reject_forward;
pub(super) mod shut_outside;
pub(super) mod six_open;
pub(super) mod two_owners;
mod written;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::answer::{Answer, Place};
use crate::facts::firewall::{Firewall, Interface, Listener, Protocol, Proxy, Route, RouteKind, Subnet};
use crate::facts::ufw::Ufw;
use crate::facts::{Fact, Facts};
use crate::firewall::{Cause, Crossing, From, Reach, To, Verdict, crossings, published_by_proxies};

/// Asks who reaches what, and judges the table of answers. What the walker cannot tell is passed on as unknown.
fn each(facts: &Facts, judge: impl FnOnce(&Firewall, &[Crossing], &mut Answer)) -> Answer {
    Answer::of(&facts.firewall, |firewall, answer| {
        let table = crossings(firewall, &published_by_proxies(firewall), &[]);
        for why in table.iter().filter_map(|crossing| match &crossing.verdict.reach {
            Reach::Unknown { why } => Some(why),
            Reach::Open | Reach::Closed => None,
        }) {
            answer.blind(format!("who reaches what: {why}"));
        }
        judge(firewall, &table, answer);
    })
}

/// ufw is to be in force.
fn has_ufw(facts: &Facts) -> bool {
    facts.ufw.known().is_some_and(|ufw| ufw.enabled)
}

/// What decided, as a place: the table and the rule.
fn decided(crossing: &Crossing) -> Place {
    place(&crossing.verdict)
}

/// Who is asked for, and what decided.
fn named(to: &To, verdict: &Verdict) -> (String, Place) {
    (name(to), place(verdict))
}

fn place(verdict: &Verdict) -> Place {
    let by = &verdict.by;
    let source = match by.table.is_empty() {
        true => "packet filters".to_owned(),
        false => format!("{} {}", by.table, by.chain),
    };
    let text = match by.number {
        0 => by.text.clone(),
        number => format!("rule {number}: {}", by.text),
    };
    Place { text, ..Place::of(source) }
}

/// `tcp 8080`, however the address is written.
fn port(crossing: &Crossing) -> String {
    let protocol = match crossing.protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    };
    format!("{protocol} {}", crossing.port)
}

/// The Debian host of the fixtures: `eth0` outside, `docker0` with one container whose port 80 is published on 8080.
fn host(facts: &mut Facts, ufw: bool, iptables: &str) {
    let own = |name: &str, bridge, address: IpAddr, prefix| Interface {
        name: name.to_owned(),
        bridge,
        addresses: vec![Subnet { address, prefix }],
        ..Interface::default()
    };
    let v4 = |a, b, c, d| IpAddr::V4(Ipv4Addr::new(a, b, c, d));
    let route = |address: IpAddr, prefix, interface: &str, gateway| Route {
        to: Subnet { address, prefix },
        kind: RouteKind::Unicast,
        gateway,
        interface: interface.to_owned(),
        metric: 0,
        table: 254,
        source: None,
    };
    facts.ufw = match ufw {
        true => Fact::Known(Ufw {
            enabled: true,
            manages_builtins: false,
            forward: "DROP".to_owned(),
            forward_line: None,
        }),
        false => Fact::nothing("there is no ufw"),
    };
    let none = || Fact::nothing("no tables");
    let listener = |port, program: &str| Listener {
        protocol: Protocol::Tcp,
        address: v4(0, 0, 0, 0),
        port,
        inode: 0,
        pid: Some(1),
        program: Some(program.to_owned()),
    };
    facts.firewall = Fact::Known(Firewall {
        iptables: if iptables.is_empty() { none() } else { Fact::Known(iptables.to_owned()) },
        ip6tables: none(),
        iptables_legacy: none(),
        ip6tables_legacy: none(),
        nftables: Fact::nothing("no tables"),
        ipsets: none(),
        interfaces: Fact::Known(vec![
            own("docker0", true, v4(172, 17, 0, 1), 16),
            own("eth0", false, v4(203, 0, 113, 1), 24),
            own("lo", false, v4(127, 0, 0, 1), 8),
        ]),
        routes: Fact::Known(vec![
            route(v4(0, 0, 0, 0), 0, "eth0", Some(v4(203, 0, 113, 2))),
            route(v4(172, 17, 0, 0), 16, "docker0", None),
            route(v4(203, 0, 113, 0), 24, "eth0", None),
        ]),
        route_rules: Fact::Known(Vec::new()),
        settings: Fact::Known(BTreeMap::from([("net.ipv4.ip_forward".to_owned(), "1".to_owned())])),
        listeners: Fact::Known(vec![listener(22, "sshd"), listener(8080, "docker-proxy")]),
        proxies: Fact::Known(vec![Proxy {
            protocol: Protocol::Tcp,
            host: v4(0, 0, 0, 0),
            host_port: 8080,
            container: v4(172, 17, 0, 2),
            container_port: 80,
            pid: 1,
        }]),
        ipvs: Fact::nothing("the kernel has no IPVS"),
    });
}

/// The part of Docker's rules that lets a published port in.
const DOCKER: &str = "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n\
    :DOCKER - [0:0]\n-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\n\
    -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER\n\
    -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\n-A DOCKER -i docker0 -j RETURN\n\
    -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80\nCOMMIT\n";

/// The host of the fixtures with these rules in the table `filter` beside Docker's own in `nat`.
fn with_filter(facts: &mut Facts, ufw: bool, filter: &str) {
    host(facts, ufw, &format!("{DOCKER}*filter\n{filter}COMMIT\n"));
}

/// A filter as ufw and Docker make it together; `user` goes into DOCKER-USER, `output` is the policy of OUTPUT.
fn filter(user: &str, output: &str) -> String {
    format!(
        ":INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT {output} [0:0]\n:DOCKER - [0:0]\n:DOCKER-USER - [0:0]\n\
         :ufw-user-input - [0:0]\n:ufw-user-forward - [0:0]\n-A INPUT -i lo -j ACCEPT\n\
         -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A INPUT -j ufw-user-input\n\
         -A FORWARD -j DOCKER-USER\n-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
         -A FORWARD -o docker0 -j DOCKER\n-A FORWARD -i docker0 ! -o docker0 -j ACCEPT\n\
         -A FORWARD -i docker0 -o docker0 -j ACCEPT\n-A OUTPUT -o lo -j ACCEPT\n\
         -A OUTPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
         -A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT\n{user}\
         -A ufw-user-input -p tcp -m tcp --dport 22 -j ACCEPT\n"
    )
}

/// From the internet and open.
fn is_open_to_all(crossing: &Crossing) -> bool {
    crossing.from == From::Internet && crossing.verdict.reach == Reach::Open
}

/// The rules of this host shut it out, not a missing listener or route.
fn is_shut(crossing: &Crossing) -> bool {
    crossing.verdict.reach == Reach::Closed
        && matches!(crossing.verdict.by.cause, Cause::Rule | Cause::Policy | Cause::Proxy)
}

/// The name of what is asked for.
fn name(to: &To) -> String {
    match to {
        To::Published { name } | To::Container { name } | To::Need { name } => name.clone(),
        To::Listener { program } => program.clone().unwrap_or_else(|| "a program".to_owned()),
    }
}

/// Every address of IPv6.
const ALL_SIX: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
