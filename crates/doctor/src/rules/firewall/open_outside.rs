//! FW015: a peer connected to what the rules close.

use super::live::{each, tried};
use super::{filter, named, with_filter};
use crate::facts::Facts;
use crate::facts::outside::Live;
use crate::firewall::Reach;
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "FW015",
    severity: Severity::Critical,
    outlook: Outlook::Failing,
    title: "a port is closed by the rules and open from outside",
    silent: "The rules read well, and so does `ufw status`. Nobody tries from outside what is believed to be closed.",
    cure: "Believe the peer: the port is open. See who answers with `ss -ltnp`, and whether the rules changed since with `iptables \
           -L -v -n`; examine the host again. If both stay as they are, muster reads the rules wrongly: report it with \
           --save-facts.",
    fix: Fix::Told,
    unless: "No peer was asked to look, some rule lets that peer in by its address, or it reached an address that is none of this \
             host's, so that a gateway may have answered.",
    judge,
    bad: Fixture::facts("ufw closes a container's port, and a peer connects to it", |facts| {
        with_filter(facts, true, &filter(BLOCK, "ACCEPT"));
        tried(facts, [(8080, Live::Open), (22, Live::Open)]);
    }),
    good: [
        Fixture::facts("closed, and silent from outside", |facts| {
            with_filter(facts, true, &filter(BLOCK, "ACCEPT"));
            tried(facts, [(8080, Live::Silent), (22, Live::Open)]);
        }),
        Fixture::facts("let in for this peer alone", |facts| {
            let own = format!("-A DOCKER-USER -s 198.51.100.9/32 -j RETURN\n{BLOCK}");
            with_filter(facts, true, &filter(&own, "ACCEPT"));
            tried(facts, [(8080, Live::Open), (22, Live::Open)]);
        }),
    ],
};

/// What closes the container's port.
const BLOCK: &str = "-A DOCKER-USER -i eth0 -m conntrack --ctstate NEW -j DROP\n-A DOCKER-USER -j RETURN\n";

fn judge(facts: &Facts) -> Answer {
    each(facts, |outside, comparison, answer| {
        let (peer, target) = (&outside.peer, outside.dialled.target);
        for row in &comparison.rows {
            if (&row.verdict.reach, row.live) != (&Reach::Closed, &Live::Open) {
                continue;
            }
            if comparison.translated {
                answer.blind(format!(
                    "{peer} connected to tcp {} at {target}, which is none of this host's addresses; the rules here close that \
                     port, and a gateway may have answered",
                    row.port
                ));
                continue;
            }
            let (who, place) = named(&row.to, &row.verdict);
            let observed = format!("{peer} connected to tcp {} ({who}) at {target}", row.port);
            answer.find(Finding::new(format!("tcp {}", row.port), place, observed));
        }
    })
}
