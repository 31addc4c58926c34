//! FW021: a peer could not connect to what the rules leave open.

use super::live::{each, tried};
use super::{filter, named, with_filter};
use crate::facts::Facts;
use crate::facts::outside::Live;
use crate::firewall::Reach;
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "FW021",
    severity: Severity::Medium,
    outlook: Outlook::Failing,
    title: "a port is open by the rules and does not answer from outside",
    silent: "The program listens and the rules let it answer, so everything on this host says that it is reachable.",
    cure: "If it is meant to be reached, look at the firewall of the provider, then at what the peer itself may do (its rules for \
           what goes out), then at the program. If the provider's firewall is meant to close it, allow this with that as the \
           reason.",
    fix: Fix::Told,
    unless: "No peer was asked to look, or some rule of this host shuts that peer out by its address.",
    judge,
    bad: Fixture::facts("a web server that is let in, and no answer", |facts| {
        with_filter(facts, true, &filter("-A DOCKER-USER -j RETURN\n", "ACCEPT"));
        tried(facts, [(8080, Live::Silent), (22, Live::Open)]);
    }),
    good: [
        Fixture::facts("let in, and it answers", |facts| {
            with_filter(facts, true, &filter("-A DOCKER-USER -j RETURN\n", "ACCEPT"));
            tried(facts, [(8080, Live::Open), (22, Live::Open)]);
        }),
        Fixture::facts("this peer is shut out by a rule", |facts| {
            let own = "-A DOCKER-USER -s 198.51.100.9/32 -j DROP\n-A DOCKER-USER -j RETURN\n";
            with_filter(facts, true, &filter(own, "ACCEPT"));
            tried(facts, [(8080, Live::Silent), (22, Live::Open)]);
        }),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each(facts, |outside, comparison, answer| {
        let (peer, target) = (&outside.peer, outside.dialled.target);
        for row in comparison.rows.iter().filter(|row| row.verdict.reach == Reach::Open) {
            let what = match row.live {
                Live::Silent => "got no answer".to_owned(),
                Live::Refused => "was refused".to_owned(),
                Live::Unreachable { why } => format!("did not get there ({why})"),
                Live::Open | Live::Untried { .. } => continue,
            };
            let (who, place) = named(&row.to, &row.verdict);
            let observed = format!(
                "{peer} {what} from tcp {} ({who}) at {target}: blocked on the way, or nobody answers; it cannot be told which",
                row.port
            );
            answer.find(Finding::new(format!("tcp {}", row.port), place, observed));
        }
    })
}
