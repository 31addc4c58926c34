//! What the rules say of a host beside what happens on it: needs, dead rules, owners that quarrel, and forwarding.

use std::collections::BTreeSet;
use std::time::Duration;

use muster_core::time::Timestamp;
use muster_doctor::collect::firewall::collect;
use muster_doctor::facts::containers::{Container, Containers};
use muster_doctor::facts::filters::Filters;
use muster_doctor::facts::firewall::{Firewall, Protocol};
use muster_doctor::facts::needs::{By, Need};
use muster_doctor::facts::ufw::Ufw;
use muster_doctor::facts::{Fact, Facts, Vantage};
use muster_doctor::rules::{Answer, rule};

use crate::lane::{From, Lane, run};
use crate::layouts::{Asks, Docker, Guard, State, Tables, build, states};

const WORLD: &str = "203.0.113.2";
const BRIDGE: &str = "172.18.0.1";

/// The lane's host as the doctor sees it, with a container `first` on `docker0`.
fn facts(lane: &Lane, needs: &[(By, &str, u16, Protocol)]) -> Facts {
    let vantage = Vantage { root: "/".to_owned(), live: true, uid: 0 };
    let mut facts = Facts::blank("lane".to_owned(), Timestamp::from_seconds(1_795_262_400), vantage);
    facts.firewall = lane.inside(From::Host, || collect(Duration::from_secs(5)));
    facts.ufw = Fact::Known(Ufw {
        enabled: true,
        manages_builtins: false,
        forward: "DROP".to_owned(),
        forward_line: None,
    });
    facts.projects = Fact::nothing("there are none");
    facts.filters = Fact::Known(Filters::default());
    let container = |name: &str, address: [u8; 4]| Container {
        addresses: vec![address.into()],
        ..Container::sound(name, "app:1")
    };
    facts.containers = Fact::Known(Containers {
        socket: "/run/docker.sock".to_owned(),
        version: "20.10.24".to_owned(),
        all: vec![container("first", [172, 18, 0, 2]), container("second", [172, 19, 0, 2])],
        images: Vec::new(),
        unseen: Vec::new(),
    });
    let need = |(by, host, port, protocol): &(By, &str, u16, Protocol)| Need {
        name: format!("{by:?}"),
        host: (*host).to_owned(),
        port: *port,
        protocol: *protocol,
        addresses: Fact::Known(vec![host.parse().unwrap()]),
        by: by.clone(),
        file: "/opt/app/.env".to_owned(),
        line: Some(1),
    };
    facts.needs = Fact::Known(needs.iter().map(need).collect());
    facts
}

fn ask(id: &str, facts: &Facts) -> Answer {
    let answer = (rule(id).unwrap().judge)(facts);
    assert!(answer.unknown.is_empty(), "{id}: {answer:?}");
    answer
}

fn found(id: &str, facts: &Facts) -> bool {
    !ask(id, facts).findings.is_empty()
}

/// FW004, FW005, FW009 and FW012 on every layout: found exactly where connections fail.
pub(crate) fn needs() {
    let container = |name: &str| By::Container(name.to_owned());
    let mut lane = Lane::new();
    let (mut wrong, mut asked) = (Vec::new(), 0);
    let mut shut = BTreeSet::new();
    let states: Vec<State> = states().into_iter().filter(|state| state.asks != Asks::Six).collect();
    for state in &states {
        lane.proxy(state.proxy);
        lane.apply(state).unwrap();
        let probe = |from, target: &str, port| lane.probe(from, target.parse().unwrap(), port);
        let (host, first) = (probe(From::Host, WORLD, 587), probe(From::First, WORLD, 587));
        let service = probe(From::First, BRIDGE, 9000);
        let judge = |needs: &[(By, &str, u16, Protocol)]| facts(&lane, needs);
        let of_host = judge(&[(By::Host, WORLD, 587, Protocol::Tcp)]);
        let of_first = judge(&[(container("first"), WORLD, 587, Protocol::Tcp)]);
        let of_service = judge(&[(container("first"), BRIDGE, 9000, Protocol::Tcp)]);
        let of_both =
            judge(&[(container("first"), WORLD, 587, Protocol::Tcp), (By::Host, WORLD, 587, Protocol::Tcp)]);
        let native = state.nft.contains("docker-bridges");
        for (id, facts, is) in [
            ("FW004", &of_host, !host),
            ("FW004", &of_first, !first),
            ("FW009", &of_service, !service),
            ("FW005", &of_both, host != first),
        ] {
            asked += 1;
            let answer = (rule(id).unwrap().judge)(facts);
            let said = !answer.findings.is_empty();
            if said != is || !answer.unknown.is_empty() {
                wrong.push(format!("{id} on {}: it is {is}, {answer:?}", state.name));
            } else if said {
                shut.insert(id);
            }
        }
        // It asks for ports of the web, which some of the layouts tell from that of mail.
        let on_first = |answer: Answer| answer.findings.iter().any(|finding| finding.subject == "docker0");
        if native && on_first(ask("FW012", &of_first)) {
            shut.insert("FW012");
            if first {
                wrong.push(format!("FW012 on {}: containers get out", state.name));
            }
        }
    }
    println!("{} layouts, {asked} judgements, {} of them wrong", states.len(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(shut, BTreeSet::from(["FW004", "FW005", "FW009", "FW012"]), "every rule was needed once");
}

/// FW007: without the rule all is as before. FW013: the rule does nothing, or does what it should no longer do.
pub(crate) fn dead_rules() {
    let mut lane = Lane::new();
    lane.proxy(true);
    let ports = |lane: &Lane| {
        [
            (From::First, BRIDGE, 9000),
            (From::Host, "127.0.0.1", 8080),
            (From::Host, "172.18.0.2", 8080),
            (From::Host, WORLD, 587),
            (From::World, "203.0.113.1", 9000),
        ]
        .map(|(from, target, port)| lane.probe(from, target.parse().unwrap(), port))
    };
    for (guard, useless, useful) in [
        (
            Guard::Ufw,
            "-A ufw-user-input -s 10.0.0.0/8 -j ACCEPT",
            "-A ufw-user-input -s 172.16.0.0/12 -j ACCEPT",
        ),
        (
            Guard::UfwDenyOut,
            "-A ufw-user-output -d 127.0.0.1/32 -p tcp -m tcp --dport 8080 -j ACCEPT",
            "-A ufw-user-output -d 172.18.0.0/16 -o docker0 -j ACCEPT",
        ),
    ] {
        let plain = build(Docker::V20, guard, true);
        let with = |line: &str| {
            let four = plain.four.rsplit_once("COMMIT").unwrap().0;
            State { four: format!("{four}{line}\nCOMMIT\n"), ..plain.clone() }
        };
        lane.apply(&plain).unwrap();
        let before = ports(&lane);
        assert!(!found("FW007", &facts(&lane, &[])));
        lane.apply(&with(useless)).unwrap();
        assert_eq!(ports(&lane), before, "{useless}");
        assert!(found("FW007", &facts(&lane, &[])), "{useless}");
        lane.apply(&with(useful)).unwrap();
        assert_ne!(ports(&lane), before, "{useful}");
        assert!(!found("FW007", &facts(&lane, &[])), "{useful}");
    }
    let published = |lane: &Lane| lane.probe(From::World, "203.0.113.1".parse().unwrap(), 8080);
    let user = |rules: &str| {
        let mut tables = Tables::default();
        muster_docker(&mut tables, rules);
        State { four: tables.text(), proxy: true, ..State::default() }
    };
    lane.apply(&user("-A DOCKER-USER -j RETURN\n-A DOCKER-USER -i wan0 -j DROP")).unwrap();
    assert!(published(&lane) && found("FW013", &facts(&lane, &[])), "a rule behind the RETURN");
    lane.apply(&user("-A DOCKER-USER -i wan0 -j DROP\n-A DOCKER-USER -j RETURN")).unwrap();
    assert!(!published(&lane) && !found("FW013", &facts(&lane, &[])), "a rule before the RETURN");
    // What `ufw disable` leaves: its chains empty, its block in place.
    let block = "-A DOCKER-USER -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN\n\
                 -A DOCKER-USER -i wan0 -j ufw-user-forward\n\
                 -A DOCKER-USER -i wan0 -m conntrack --ctstate NEW -j DROP\n-A DOCKER-USER -j RETURN";
    lane.apply(&user(block)).unwrap();
    let mut left = facts(&lane, &[]);
    if let Fact::Known(ufw) = &mut left.ufw {
        assert!(!found("FW013", &facts(&lane, &[])));
        ufw.enabled = false;
    }
    assert!(!published(&lane) && found("FW013", &left), "a block that was left");
}

fn muster_docker(tables: &mut Tables, rules: &str) {
    crate::layouts::docker(tables, Docker::V20, true);
    tables.filter.chain("ufw-user-forward");
    tables.filter.add(rules);
}

/// FW017: what a flush takes away, and rules on both interfaces. FW018: forwarding off. FW019: connections counted.
pub(crate) fn owners() {
    let mut lane = Lane::new();
    lane.proxy(true);
    lane.apply(&build(Docker::V20, Guard::Ufw, true)).unwrap();
    let probe = |from, target: &str, port| lane.probe(from, target.parse().unwrap(), port);
    assert!(!probe(From::World, "203.0.113.1", 9000) && probe(From::First, WORLD, 587));
    lane.inside(From::Host, || run(&["nft", "-f", "-"], "flush ruleset\n")).unwrap();
    assert!(probe(From::World, "203.0.113.1", 9000), "a closed port is open after a flush");
    assert!(!probe(From::First, WORLD, 587), "containers lose their way out");

    let mut old = Tables::default();
    old.filter.add("-A INPUT -i wan0 -p tcp -m tcp --dport 9100 -j DROP");
    let both = State { legacy: old.text(), ..build(Docker::V20, Guard::None, true) };
    lane.apply(&both).unwrap();
    assert!(!probe(From::World, "203.0.113.1", 9100), "the old table is in force beside the new");
    assert!(found("FW017", &facts(&lane, &[])));
    lane.apply(&State { legacy: String::new(), ..both }).unwrap();
    assert!(probe(From::World, "203.0.113.1", 9100) && !found("FW017", &facts(&lane, &[])));

    let needed = [(By::Container("first".to_owned()), WORLD, 587, Protocol::Tcp)];
    assert!(probe(From::First, WORLD, 587) && !found("FW004", &facts(&lane, &needed)));
    let file = std::env::temp_dir().join(format!("muster-sysctl-{}.conf", std::process::id()));
    std::fs::write(&file, "net.ipv4.ip_forward = 0\n").unwrap();
    let load = ["sysctl", "-q", "-p", file.to_str().unwrap()];
    lane.inside(From::Host, || run(&load, "")).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(!probe(From::First, WORLD, 587), "containers are cut off once the file is loaded");
    assert!(found("FW004", &facts(&lane, &needed)));

    let mut full = facts(&lane, &[]);
    let Fact::Known(Firewall { settings: Fact::Known(settings), .. }) = &mut full.firewall else {
        panic!("no settings")
    };
    let count: u64 = settings["net.netfilter.nf_conntrack_count"].parse().unwrap();
    assert!(count > 0 && settings.contains_key("net.netfilter.nf_conntrack_max"));
    // Only the first namespace of a machine may set the limit.
    settings.insert("net.netfilter.nf_conntrack_max".to_owned(), (count * 10 / 9).to_string());
    assert!(found("FW019", &full) && !found("FW019", &facts(&lane, &[])));
}
