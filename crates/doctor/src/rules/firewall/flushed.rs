//! FW003: Docker's rules were taken away under it.

use super::{each, filter, host, with_filter};
use crate::facts::Facts;
use crate::facts::firewall::Firewall;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file};
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
    bad: Fixture::facts("the chains are there and FORWARD leads past them", |facts| {
        let emptied = filter("-A DOCKER-USER -j RETURN\n", "ACCEPT");
        let kept: Vec<&str> = emptied.lines().filter(|line| !line.starts_with("-A FORWARD")).collect();
        with_filter(facts, true, &(kept.join("\n") + "\n"));
    }),
    good: [
        Fixture::facts("Docker's rules in place", |facts| {
            with_filter(facts, true, &filter("-A DOCKER-USER -j RETURN\n", "ACCEPT"));
        }),
        Fixture::with(
            "no rules, and Docker is told to make none",
            &[file("/etc/docker/daemon.json", "{\"iptables\": false}\n")],
            |facts| host(facts, false, ""),
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    let told = facts.docker.known().is_some_and(|docker| docker.hands_off.is_some());
    if told {
        return Answer::nothing("Docker is told to leave the packet filter alone");
    }
    each(facts, |firewall, _, answer| {
        let publishes = firewall.proxies.known().is_some_and(|proxies| !proxies.is_empty());
        if !publishes {
            answer.nothing = Some("no container publishes a port".to_owned());
        } else if let Some(gone) = gone(firewall) {
            if let Some(why) = facts.docker.why_unknown() {
                return answer.blind(format!("whether Docker is to have rules: {why}"));
            }
            let place = Place::of("packet filters");
            answer.find(Finding::new("docker", place, format!("containers publish ports, and {gone}")));
        }
    })
}

/// What is missing of Docker's rules; nothing where not all tables could be seen. A chain of Docker's that no built-in chain
/// leads to is missing as well: that is what ufw with MANAGE_BUILTINS=yes leaves behind.
fn gone(firewall: &Firewall) -> Option<&'static str> {
    let mut leads = (false, false);
    for tables in [&firewall.iptables, &firewall.iptables_legacy] {
        if tables.why_unknown().is_some() {
            return None;
        }
        let text = tables.known().map(String::as_str).unwrap_or_default();
        let jumps = |chain: &str| {
            let begin = format!("-A {chain} ");
            text.lines().any(|line| line.starts_with(&begin) && line.contains(" -j DOCKER"))
        };
        leads = (leads.0 || jumps("PREROUTING"), leads.1 || jumps("FORWARD"));
    }
    if firewall.nftables.why_unknown().is_some() {
        return None;
    }
    let native = firewall.nftables.known().is_some_and(|objects| {
        objects
            .iter()
            .any(|object| object["table"]["name"].as_str().is_some_and(|name| name.starts_with("docker")))
    });
    match leads {
        _ if native => None,
        (true, true) => None,
        (false, false) => Some("no table leads to a chain of Docker's"),
        (true, false) => Some("FORWARD leads to none of Docker's chains any more"),
        (false, true) => Some("PREROUTING leads to none of Docker's chains any more"),
    }
}
