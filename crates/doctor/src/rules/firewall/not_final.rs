//! FW012: Docker lets packets pass in a table of its own, and another table drops them.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use serde_json::json;

use super::reach::used;
use super::{decided, host, is_shut};
use crate::facts::firewall::{Firewall, Protocol};
use crate::facts::{Fact, Facts};
use crate::firewall::{Crossing, From, Need, Reach, needed, published_by_proxies};
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "FW012",
    severity: Severity::Critical,
    outlook: Outlook::Failing,
    title: "what Docker lets pass is dropped by another table",
    silent: "With nftables an accept ends one table only. Docker's own rules look right and count packets; those of iptables, ufw \
             among them, drop the same packets later. DOCKER-USER is read by nobody.",
    cure: "Allow it in the other table too: `ufw route allow in on <bridge> out on <outside>` for containers, and `ufw route allow \
           in on <outside> out on <bridge> to any port N` for published ports; or let Docker use iptables again \
           (`\"firewall-backend\": \"iptables\"`).",
    fix: Fix::Disruptive,
    unless: "Docker uses iptables, or no container runs.",
    judge,
    bad: Fixture::facts("Docker with nftables, and ufw that drops what passes through", |facts| {
        native(facts, "DROP", "")
    }),
    good: [
        Fixture::facts("the other table lets it pass", |facts| native(facts, "ACCEPT", "")),
        Fixture::facts("`ufw route allow` for the bridge", |facts| {
            native(facts, "DROP", "-A FORWARD -i docker0 -o eth0 -j ACCEPT\n");
        }),
    ],
};

/// Docker's own table on the host of the fixtures, beside a FORWARD of iptables.
fn native(facts: &mut Facts, policy: &str, more: &str) {
    let text = format!(
        "*filter\n:INPUT ACCEPT\n:FORWARD {policy}\n:OUTPUT ACCEPT\n\
         -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n{more}COMMIT\n"
    );
    host(facts, true, &text);
    if let Fact::Known(firewall) = &mut facts.firewall {
        firewall.nftables = Fact::Known(docker_table());
    }
}

/// The part of Docker's table that lets containers out.
fn docker_table() -> Vec<serde_json::Value> {
    let chain = |name: &str, kind: &str, hook: &str, priority: i32| {
        json!({"chain": {"family": "ip", "table": "docker-bridges", "name": name, "handle": 1, "type": kind,
            "hook": hook, "prio": priority, "policy": "accept"}})
    };
    let rule = |chain: &str, expr: serde_json::Value| json!({"rule": {"family": "ip", "table": "docker-bridges", "chain": chain, "handle": 2, "expr": expr}});
    let interface = |key: &str, op: &str| json!({"match": {"op": op, "left": {"meta": {"key": key}}, "right": "docker0"}});
    vec![
        json!({"table": {"family": "ip", "name": "docker-bridges", "handle": 1}}),
        chain("filter-FORWARD", "filter", "forward", 0),
        chain("nat-POSTROUTING", "nat", "postrouting", 100),
        rule("filter-FORWARD", json!([interface("iifname", "=="), {"accept": null}])),
        rule("nat-POSTROUTING", json!([interface("oifname", "!="), {"masquerade": null}])),
    ]
}

/// Somewhere far away.
const OUTSIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(91, 64, 33, 7));

fn judge(facts: &Facts) -> Answer {
    Answer::of(&facts.firewall, |firewall, answer| {
        match is_native(firewall) {
            Some(true) => {}
            Some(false) => {
                answer.nothing = Some("Docker has no table of nftables".to_owned());
                return;
            }
            None => return answer.blind("tables of nftables could not be read"),
        }
        let asked = [443, 80].map(|port| Need {
            name: port.to_string(),
            protocol: Protocol::Tcp,
            address: OUTSIDE,
            port,
        });
        let bridges = used(facts, firewall);
        let table = needed(firewall, &published_by_proxies(firewall), &asked, &bridges);
        let mut seen = BTreeSet::new();
        for crossing in table.iter().filter(|one| comes_from(one, &bridges).is_some()) {
            let bridge = comes_from(crossing, &bridges).unwrap_or_default();
            if let Reach::Unknown { why } = &crossing.verdict.reach {
                answer.blind(format!("who reaches what: {why}"));
            }
            let all = |other: &&Crossing| comes_from(other, &bridges) == Some(bridge);
            let by = &crossing.verdict.by;
            if is_shut(crossing)
                && table.iter().filter(all).all(is_shut)
                && !by.table.is_empty()
                && !by.table.contains("docker")
                && seen.insert(bridge)
            {
                let observed = format!("Docker lets containers on {bridge} out, and {by} stops them");
                answer.find(Finding::new(bridge, decided(crossing), observed));
            }
        }
    })
}

/// The bridge that asks, if containers are on it.
fn comes_from<'c>(crossing: &'c Crossing, bridges: &BTreeSet<String>) -> Option<&'c str> {
    match &crossing.from {
        From::Network { bridge } if bridges.contains(bridge) => Some(bridge),
        From::Network { .. } | From::Host | From::Internet => None,
    }
}

/// Docker keeps a table of its own.
fn is_native(firewall: &Firewall) -> Option<bool> {
    match &firewall.nftables {
        Fact::Known(objects) => Some(objects.iter().any(|object| {
            object["table"]["name"].as_str().is_some_and(|name| name.starts_with("docker-bridges"))
        })),
        Fact::Nothing { .. } => Some(false),
        Fact::Unknown { .. } => None,
    }
}
