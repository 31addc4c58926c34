//! Rule sets of a real host with what really happened to ten connections each: see `tests/firewall/README.md`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use super::verdict::{Packet, Reach, Verdict};
use super::walk::Walker;
use crate::facts::Fact;
use crate::facts::firewall::{Firewall, Interface, Listener, Protocol, Proxy, Route, RouteKind, Subnet};

fn file(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/firewall").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn subnet(text: &str) -> Subnet {
    let (address, prefix) = text.split_once('/').unwrap();
    Subnet { address: ip(address), prefix: prefix.parse().unwrap() }
}

fn route(to: &str, interface: &str, gateway: Option<&str>) -> Route {
    Route {
        to: subnet(to),
        kind: RouteKind::Unicast,
        gateway: gateway.map(ip),
        interface: interface.to_owned(),
        metric: 0,
        table: 254,
        source: None,
    }
}

fn listener(address: &str, port: u16, program: &str) -> Listener {
    let program = Some(program.to_owned());
    Listener { protocol: Protocol::Tcp, address: ip(address), port, inode: 0, pid: Some(1), program }
}

fn proxy(host: &str, host_port: u16, container: &str) -> Proxy {
    let (host, container) = (ip(host), ip(container));
    Proxy { protocol: Protocol::Tcp, host, host_port, container, container_port: 8080, pid: 1 }
}

/// The host of the saved states.
fn host(state: &str) -> Firewall {
    let own = |name: &str, bridge, address: &str| Interface {
        name: name.to_owned(),
        bridge,
        addresses: vec![subnet(address)],
        ..Interface::default()
    };
    // In state 22 no container would start, and nothing was published.
    let runs = state != "22";
    let mut listeners = vec![listener("0.0.0.0", 9000, "app")];
    let mut proxies = Vec::new();
    if runs {
        listeners.push(listener("0.0.0.0", 8080, "docker-proxy"));
        listeners.push(listener("127.0.0.1", 8081, "docker-proxy"));
        proxies.push(proxy("0.0.0.0", 8080, "172.18.0.2"));
        proxies.push(proxy("127.0.0.1", 8081, "172.18.0.3"));
    }
    let native = match state {
        "24" | "25" | "26" => {
            let whole: serde_json::Value = serde_json::from_str(&file("c24.json")).unwrap();
            Fact::Known(whole["nftables"].as_array().unwrap().clone())
        }
        _ => Fact::nothing("no tables beside iptables"),
    };
    Firewall {
        iptables: Fact::Known(file(&format!("c{state}.txt"))),
        ip6tables: Fact::nothing("not kept"),
        iptables_legacy: Fact::nothing("no tables"),
        ip6tables_legacy: Fact::nothing("no tables"),
        nftables: native,
        ipsets: Fact::nothing("no sets"),
        interfaces: Fact::Known(vec![
            own("docker0", true, "172.18.0.1/16"),
            own("lo", false, "127.0.0.1/8"),
            own("wan0", false, "203.0.113.1/24"),
        ]),
        routes: Fact::Known(vec![
            route("0.0.0.0/0", "wan0", Some("203.0.113.2")),
            route("172.18.0.0/16", "docker0", None),
            route("203.0.113.0/24", "wan0", None),
        ]),
        route_rules: Fact::Known(Vec::new()),
        settings: Fact::Known(BTreeMap::from([("net.ipv4.ip_forward".to_owned(), "1".to_owned())])),
        listeners: Fact::Known(listeners),
        proxies: Fact::Known(proxies),
    }
}

fn packet(enters: Option<&str>, source: Option<&str>, target: &str, port: u16) -> Packet {
    let (source, enters) = (source.map(ip), enters.map(str::to_owned));
    Packet { protocol: Protocol::Tcp, source, target: ip(target), port, enters }
}

/// The ten connections, in the order of the results.
fn connections() -> [Packet; 10] {
    let world = |port| packet(Some("wan0"), Some("203.0.113.2"), "203.0.113.1", port);
    [
        world(8080),
        world(8081),
        world(9000),
        packet(None, None, "127.0.0.1", 8080),
        packet(None, None, "127.0.0.1", 8081),
        packet(None, None, "203.0.113.1", 8080),
        packet(None, None, "172.18.0.2", 8080),
        packet(None, None, "203.0.113.2", 587),
        packet(Some("docker0"), Some("172.18.0.2"), "203.0.113.2", 587),
        packet(Some("docker0"), Some("172.18.0.2"), "172.18.0.1", 9000),
    ]
}

/// What happened, by state; the later run of a state that was run twice.
fn results() -> BTreeMap<String, Vec<bool>> {
    let mut results: BTreeMap<String, Vec<bool>> = BTreeMap::new();
    let mut state = String::new();
    for line in file("results.txt").lines() {
        if let Some(title) = line.strip_prefix("== ") {
            state = title.split_whitespace().next().unwrap().trim_end_matches('b').to_owned();
            results.insert(state.clone(), Vec::new());
        } else {
            let outcome = line.rsplit_once("  ").map_or(line, |(_, outcome)| outcome).trim();
            let outcome = outcome.rsplit(' ').next().unwrap();
            results.get_mut(&state).unwrap().push(outcome.starts_with("ok"));
        }
    }
    results
}

fn told(verdict: &Verdict) -> String {
    let path: Vec<String> = verdict.path.iter().map(|hop| format!("  {}: {}", hop.place, hop.what)).collect();
    format!("{} by {}\n{}", verdict.reach, verdict.by, path.join("\n"))
}

#[test]
fn verdicts_are_what_happened_on_a_real_host() {
    let mut agreed = 0;
    let mut wrong = Vec::new();
    for (state, happened) in results() {
        let facts = host(&state);
        let walker = Walker::new(&facts);
        // In state 22 no container was there to ask from.
        let asked = if state == "22" { 6 } else { 10 };
        for (at, (packet, open)) in connections().iter().zip(happened).enumerate().take(asked) {
            let verdict = walker.walk(packet);
            let wanted = if open { Reach::Open } else { Reach::Closed };
            if verdict.reach == wanted {
                agreed += 1;
            } else {
                wrong.push(format!("state {state}, connection {at}, really {wanted}: {}", told(&verdict)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert_eq!(agreed, 24 * 10 + 6);
}
