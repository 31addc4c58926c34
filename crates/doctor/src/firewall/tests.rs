//! Rule sets of a real host with what really happened to ten connections each: see `tests/firewall/saved/README.md`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use super::crossings::{From, Need, To, crossings, published_by_proxies};
use super::verdict::{Cause, Packet, Reach, Verdict};
use super::walk::Walker;
use crate::facts::Fact;
use crate::facts::firewall::{Firewall, Interface, Listener, Protocol, Proxy, Route, RouteKind, Subnet};

fn file(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/firewall/saved").join(name);
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
        ipvs: Fact::nothing("the kernel has no IPVS"),
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

/// The host of state 18 (no UFW) with other rules.
fn with(iptables: &str) -> Firewall {
    Firewall { iptables: Fact::Known(iptables.to_owned()), ..host("18") }
}

fn filter(rules: &str) -> String {
    format!("*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n{rules}\nCOMMIT\n")
}

fn reach(facts: &Firewall, packet: &Packet) -> Reach {
    Walker::new(facts).walk(packet).reach
}

fn is_unknown(reach: &Reach) -> bool {
    matches!(reach, Reach::Unknown { .. })
}

#[test]
fn the_deciding_rule_is_named() {
    let facts = host("14");
    let verdict = Walker::new(&facts).walk(&connections()[0]);
    assert_eq!(verdict.reach, Reach::Closed);
    assert_eq!((verdict.by.table.as_str(), verdict.by.chain.as_str()), ("ip filter", "DOCKER-USER"));
    assert!(verdict.by.text.ends_with("-j DROP"), "{}", verdict.by);
    let facts = host("4");
    let verdict = Walker::new(&facts).walk(&connections()[3]);
    assert_eq!(verdict.by.cause, Cause::Proxy, "{}", verdict.by);
}

#[test]
fn a_test_that_is_not_understood_decides_nothing() {
    let packet = &connections()[2];
    for test in [
        "-m limit --limit 3/min",
        "-m nonsense --no sense",
        "-m set --match-set ghosts src",
        "-m owner --uid-owner 7",
    ] {
        for target in ["DROP", "ACCEPT\n-A INPUT -j DROP"] {
            let facts = with(&filter(&format!("-A INPUT -p tcp {test} -j {target}")));
            assert!(is_unknown(&reach(&facts, packet)), "{test} {target}");
        }
        let same = with(&filter(&format!("-A INPUT -p tcp {test} -j ACCEPT")));
        assert_eq!(reach(&same, packet), Reach::Open, "either way it passes: {test}");
        let other = with(&filter(&format!("-A INPUT -p udp {test} -j DROP")));
        assert_eq!(reach(&other, packet), Reach::Open, "it is for others: {test}");
    }
    assert!(is_unknown(&reach(&with(&filter("-A INPUT -p tcp -j NFQUEUE --queue-num 1")), packet)));
    let broken = filter("-A INPUT -j ACCEPT").replace("COMMIT\n", "");
    assert!(is_unknown(&reach(&with(&broken), packet)), "a dump that breaks off");
}

#[test]
fn what_could_not_be_read_is_unknown() {
    let packet = &connections()[0];
    let why = || Fact::unknown("no right to");
    let hosts = [
        Firewall { iptables: why(), ..host("14") },
        Firewall { iptables_legacy: why(), ..host("14") },
        Firewall { nftables: Fact::unknown("nft is not installed"), ..host("14") },
        Firewall { interfaces: Fact::unknown("no right to"), ..host("14") },
        Firewall { routes: Fact::unknown("no right to"), ..host("14") },
        Firewall::unseen("nobody looked"),
    ];
    for facts in hosts {
        assert!(is_unknown(&reach(&facts, packet)));
    }
    let listeners = Firewall { listeners: Fact::unknown("no right to"), ..host("18") };
    assert!(is_unknown(&reach(&listeners, &connections()[2])));
    let balanced = Firewall { ipvs: Fact::Known(vec!["TCP CB007101:1F91 rr".to_owned()]), ..host("18") };
    assert!(is_unknown(&reach(&balanced, &connections()[1])), "somebody else may take it");
    let mut programmed = host("18");
    let Fact::Known(interfaces) = &mut programmed.interfaces else { panic!("made above") };
    interfaces.iter_mut().for_each(|one| one.xdp = one.name == "wan0");
    assert!(is_unknown(&reach(&programmed, &connections()[0])));
    let proxies = Firewall { proxies: Fact::unknown("no right to"), ..host("18") };
    assert!(is_unknown(&reach(&proxies, &connections()[2])));
}

#[test]
fn every_asker_has_a_row() {
    let facts = host("4");
    let published = published_by_proxies(&facts);
    let need =
        Need { name: "mail".to_owned(), protocol: Protocol::Tcp, address: ip("198.51.100.25"), port: 587 };
    let rows = crossings(&facts, &published, &[need]);
    let find = |from: &From, to: &To, address: &str, port: u16| {
        let address = ip(address);
        let row = rows
            .iter()
            .find(|row| row.from == *from && row.to == *to && row.address == address && row.port == port);
        row.map(|row| row.verdict.reach.to_string())
    };
    let bridge = From::Network { bridge: "docker0".to_owned() };
    let published = To::Published { name: "172.18.0.2".to_owned() };
    let hidden = To::Published { name: "172.18.0.3".to_owned() };
    let mail = To::Need { name: "mail".to_owned() };
    let app = To::Listener { program: Some("app".to_owned()) };
    let row =
        |from: &From, to: &To, address: &str, port: u16| find(from, to, address, port).unwrap_or_default();
    assert_eq!(row(&From::Internet, &published, "203.0.113.1", 8080), "open");
    assert_eq!(row(&From::Internet, &hidden, "203.0.113.1", 8081), "closed");
    assert_eq!(row(&From::Host, &published, "127.0.0.1", 8080), "closed");
    assert_eq!(row(&From::Host, &mail, "198.51.100.25", 587), "closed");
    assert_eq!(row(&bridge, &mail, "198.51.100.25", 587), "open");
    assert_eq!(row(&bridge, &app, "172.18.0.1", 9000), "closed");
    assert_eq!(row(&From::Internet, &app, "203.0.113.1", 9000), "closed");
    assert_eq!(find(&bridge, &hidden, "203.0.113.1", 8081), None, "it is bound to loopback");
}

#[test]
fn who_asks_may_decide() {
    let facts = with(&filter("-A INPUT -s 52.0.0.0/8 -p tcp -m tcp --dport 9000 -j DROP"));
    let rows = crossings(&facts, &[], &[]);
    let row = rows.iter().find(|row| row.from == From::Internet && row.port == 9000).unwrap();
    assert!(is_unknown(&row.verdict.reach), "{}", told(&row.verdict));
}

#[test]
fn facts_are_the_same_when_read_again() {
    let facts = host("24");
    let text = serde_json::to_string(&facts).unwrap();
    assert_eq!(serde_json::from_str::<Firewall>(&text).unwrap(), facts);
}

fn known<T>(fact: &mut Fact<T>) -> &mut T {
    match fact {
        Fact::Known(known) => known,
        Fact::Unknown { why } | Fact::Nothing { why } => panic!("{why}"),
    }
}

/// The same host where all that is said of TCP is said of UDP, and the other way round.
fn mirrored(state: &str) -> Firewall {
    let swap = |text: &str| text.replace("tcp", "\0").replace("udp", "tcp").replace('\0', "udp");
    let mut host = host(state);
    if let Fact::Known(text) = &mut host.iptables {
        *text = swap(text);
    }
    if let Fact::Known(objects) = &mut host.nftables {
        let text = swap(&serde_json::to_string(objects).unwrap());
        *objects = serde_json::from_str(&text).unwrap();
    }
    for listener in known(&mut host.listeners) {
        listener.protocol = Protocol::Udp;
    }
    for proxy in known(&mut host.proxies) {
        proxy.protocol = Protocol::Udp;
    }
    host
}

#[test]
fn datagrams_fare_as_connections_do_where_rules_speak_of_them_alike() {
    for state in ["0", "2", "4", "6", "8", "9", "13", "14", "16", "17", "19", "21", "24", "26"] {
        let (plain, swapped) = (host(state), mirrored(state));
        let (plain, swapped) = (Walker::new(&plain), Walker::new(&swapped));
        for connection in connections() {
            let datagram = Packet { protocol: Protocol::Udp, ..connection.clone() };
            let (one, other) = (plain.walk(&connection), swapped.walk(&datagram));
            assert_eq!(one.reach, other.reach, "state {state}: {connection:?}: {} and {}", one.by, other.by);
        }
    }
}

#[test]
fn a_rule_for_one_protocol_says_nothing_of_the_other() {
    let mut denied = host("4");
    let rule = "-A ufw-user-output -p udp -m udp --dport 53 -j ACCEPT\n-A ufw-user-input -p tcp";
    let text = known(&mut denied.iptables);
    *text = text.replacen("-A ufw-user-input -p tcp", rule, 1);
    let walker = Walker::new(&denied);
    for (protocol, port, open) in
        [(Protocol::Udp, 53, true), (Protocol::Tcp, 53, false), (Protocol::Udp, 123, false)]
    {
        let asked = Packet { protocol, ..packet(None, None, "203.0.113.2", port) };
        let verdict = walker.walk(&asked);
        assert_eq!(verdict.reach == Reach::Open, open, "{protocol:?} {port}: {}", verdict.by);
        // Containers never pass OUTPUT.
        let inside = packet(Some("docker0"), Some("172.18.0.2"), "203.0.113.2", port);
        assert_eq!(walker.walk(&Packet { protocol, ..inside }).reach, Reach::Open);
    }
    // Nobody listens for datagrams on the port of a listener for connections.
    let asked = Packet { protocol: Protocol::Udp, ..packet(None, None, "127.0.0.1", 9000) };
    assert_eq!(walker.walk(&asked).by.cause, Cause::NoListener);
}

#[test]
fn a_container_that_asks_its_host_is_asked_for() {
    let facts = host("0");
    let need = Need { name: "db".to_owned(), protocol: Protocol::Tcp, address: ip("172.18.0.1"), port: 9000 };
    let bridges = std::collections::BTreeSet::from(["docker0".to_owned()]);
    let table = super::crossings::needed(&facts, &[], &[need], &bridges);
    let from = From::Network { bridge: "docker0".to_owned() };
    let crossing = table.iter().find(|one| one.from == from).expect("the bridge asks");
    assert_eq!(crossing.verdict.reach, Reach::Closed, "{}", crossing.verdict.by);
}
