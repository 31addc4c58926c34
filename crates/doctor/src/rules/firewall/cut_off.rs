//! FW002: the host itself does not reach its containers.

use super::{decided, each, filter, is_shut, name, port, with_filter};
use crate::facts::Facts;
use crate::firewall::{From, To};
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "FW002",
    severity: Severity::Critical,
    outlook: Outlook::Failing,
    title: "this host does not reach its own container",
    silent: "The connection to 127.0.0.1 opens at once, because docker-proxy takes it; what it forwards is dropped, and the \
             answer never comes. A check of the port is green while every request hangs.",
    cure: "Let the host out to every network of Docker: `ufw allow out to` the subnet of each bridge, not to 127.0.0.1.",
    fix: Fix::Disruptive,
    unless: "No container publishes a port.",
    judge,
    bad: Fixture::facts("`ufw default deny outgoing`", |facts| {
        with_filter(facts, true, &filter("-A DOCKER-USER -j RETURN\n", "DROP"));
    }),
    good: [
        Fixture::facts("outgoing allowed", |facts| {
            with_filter(facts, true, &filter("-A DOCKER-USER -j RETURN\n", "ACCEPT"));
        }),
        Fixture::facts("outgoing denied, but for the containers' network", |facts| {
            let out = "-A DOCKER-USER -j RETURN\n-A OUTPUT -d 172.17.0.0/16 -o docker0 -j ACCEPT\n";
            with_filter(facts, true, &filter(out, "DROP"));
        }),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each(facts, |_, table, answer| {
        let shut = |crossing: &&crate::firewall::Crossing| {
            crossing.from == From::Host && matches!(crossing.to, To::Published { .. }) && is_shut(crossing)
        };
        for crossing in table.iter().filter(shut) {
            let observed = format!(
                "a request from this host to {} at {} gets no answer ({})",
                port(crossing),
                crossing.address,
                name(&crossing.to)
            );
            answer.find(Finding::new(
                format!("{} at {}", port(crossing), crossing.address),
                decided(crossing),
                observed,
            ));
        }
        if !table.iter().any(|crossing| matches!(crossing.to, To::Published { .. })) {
            answer.nothing = Some("no container publishes a port".to_owned());
        }
    })
}
