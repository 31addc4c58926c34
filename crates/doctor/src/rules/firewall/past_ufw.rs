//! FW001: a published port is reachable past ufw.

use super::live::confirmed;
use super::{decided, each, filter, has_ufw, is_open_to_all, name, port, with_filter};
use crate::facts::Facts;
use crate::firewall::To;
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "FW001",
    severity: Severity::Critical,
    outlook: Outlook::Failing,
    title: "a container's port is open to the internet past ufw",
    silent: "`ufw status` says deny. Docker's own rules stand above those of ufw and let the packet through before ufw sees it.",
    cure: "Publish on 127.0.0.1 and put nginx in front; or close the rest with a DOCKER-USER block bound to the outside \
           interface in after.rules and after6.rules, and open single ports with `ufw route allow`. Keep ufw.",
    fix: Fix::Disruptive,
    unless: "A rule of ufw itself lets it in, or the port is published on the loopback address.",
    judge,
    bad: Fixture::facts("ufw in force, a port published on all addresses", |facts| {
        with_filter(facts, true, &filter("-A DOCKER-USER -j RETURN\n", "ACCEPT"));
    }),
    good: [
        Fixture::facts("the same behind a DOCKER-USER block", |facts| {
            let block = "-A DOCKER-USER -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN\n\
                         -A DOCKER-USER -i eth0 -m conntrack --ctstate NEW -j DROP\n-A DOCKER-USER -j RETURN\n";
            with_filter(facts, true, &filter(block, "ACCEPT"));
        }),
        Fixture::facts("let in by a rule of ufw", |facts| {
            let block = "-A DOCKER-USER -i eth0 -j ufw-user-forward\n-A DOCKER-USER -i eth0 -m conntrack --ctstate NEW -j DROP\n\
                         -A ufw-user-forward -i eth0 -p tcp -m tcp --dport 80 -j ACCEPT\n";
            with_filter(facts, true, &filter(block, "ACCEPT"));
        }),
    ],
};

fn judge(facts: &Facts) -> Answer {
    if !has_ufw(facts) {
        return Answer::of(&facts.ufw, |_, answer| answer.nothing = Some("ufw is not in force".to_owned()));
    }
    each(facts, |_, table, answer| {
        let past = |crossing: &&crate::firewall::Crossing| {
            is_open_to_all(crossing)
                && matches!(crossing.to, To::Published { .. })
                && !crossing.verdict.by.chain.starts_with("ufw")
        };
        for crossing in table.iter().filter(past) {
            let observed = format!(
                "{} of {} answers the internet at {}{}",
                port(crossing),
                name(&crossing.to),
                crossing.address,
                confirmed(facts, crossing)
            );
            let family = if crossing.address.is_ipv4() { "IPv4" } else { "IPv6" };
            answer.find(Finding::new(format!("{} {family}", port(crossing)), decided(crossing), observed));
        }
    })
}
