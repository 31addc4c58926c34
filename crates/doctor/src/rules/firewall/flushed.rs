//! FW003: Docker's rules were taken away under it.

use super::{each, filter, host, with_filter};
use crate::facts::Facts;
use crate::facts::firewall::Firewall;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "FW003",
    severity: Severity::Critical,
    outlook: Outlook::Failing,
    title: "Docker's packet rules are gone",
    silent: "Something emptied the chains: `nft flush ruleset`, a restored rule set, ufw with MANAGE_BUILTINS=yes. The \
             published port still answers on this host, through docker-proxy; containers reach nothing outside.",
    cure: "Restart Docker once, which puts its rules back, and stop what empties them: no `flush ruleset` in \
           /etc/nftables.conf, no netfilter-persistent, MANAGE_BUILTINS=no.",
    fix: Fix::Disruptive,
    unless: "Docker is told to keep out of it (`\"iptables\": false`), or no container publishes a port.",
    judge,
    bad: Fixture::facts("a container that publishes a port, and no rules at all", |facts| {
        host(facts, false, "")
    }),
    good: [
        Fixture::facts("Docker's rules in place", |facts| {
            with_filter(facts, true, &filter("-A DOCKER-USER -j RETURN\n", "ACCEPT"));
        }),
        Fixture::facts("Docker's rules, and no ufw", |facts| {
            with_filter(facts, false, &filter("-A DOCKER-USER -j RETURN\n", "ACCEPT"));
        }),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each(facts, |firewall, _, answer| {
        let publishes = firewall.proxies.known().is_some_and(|proxies| !proxies.is_empty());
        if !publishes {
            answer.nothing = Some("no container publishes a port".to_owned());
        } else if has_docker(firewall) == Some(false) {
            let place = Place::of("packet filters");
            let observed = "containers publish ports, and no table has a chain of Docker's".to_owned();
            answer.find(Finding::new("docker", place, observed));
        }
    })
}

/// Some table has Docker's chains; none where not all tables could be seen.
fn has_docker(firewall: &Firewall) -> Option<bool> {
    let mut all = true;
    for tables in [&firewall.iptables, &firewall.iptables_legacy] {
        all &= tables.why_unknown().is_none();
        if tables.known().is_some_and(|text| {
            text.lines().any(|line| line.starts_with("-A DOCKER ") || line.contains("-j DOCKER"))
        }) {
            return Some(true);
        }
    }
    all &= firewall.nftables.why_unknown().is_none();
    let native = firewall.nftables.known().is_some_and(|objects| {
        objects
            .iter()
            .any(|object| object["table"]["name"].as_str().is_some_and(|name| name.starts_with("docker")))
    });
    if native { Some(true) } else { all.then_some(false) }
}
