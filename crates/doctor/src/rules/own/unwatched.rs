//! CHK003: a watchman whom nobody watches, or whose bell nobody has heard.

use muster_core::time::Span;

use super::{hear, own, told};
use crate::facts::own::{Channel, Heard, Own};
use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CHK003",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "nobody would notice that muster itself, or its bell, is dead",
    silent: "A monitor that lives on the host it watches dies with it, and a channel whose key was revoked says so only when it is needed: \
             silence is all that either of them sends.",
    cure: "Set `beat` in [muster] to an outside address, or watch each other with [peer.NAME] on a second host. Prove each channel: \
           `muster notify test NAME`, once a month.",
    fix: Fix::Told,
    unless: "Somebody outside hears the agent already by another way: allow it with a reason. A channel is proven by any page or test \
             that it took within 30 days.",
    judge,
    bad: Fixture::facts("no beat, no peer", |facts| told(facts, |own| own.beat = false)),
    good: [
        Fixture::facts(
            "an outside address hears the agent, and the channel took a page this week",
            |facts| {
                let week_ago = facts.at - Span::days(7);
                told(facts, |own| bell(own, Some(week_ago)));
            },
        ),
        Fixture::facts("another agent watches this one", |facts| {
            told(facts, |own| {
                own.beat = false;
                own.peers.push("fra1".to_owned());
            });
        }),
    ],
};

/// A channel that took nothing for so long is not proven.
const PROVEN: Span = Span::days(30);

fn judge(facts: &Facts) -> Answer {
    own(facts, |own, answer| {
        if !own.beat && own.peers.is_empty() {
            let observed = "neither beat nor a peer is set: when this host or the agent ends, nobody is told";
            answer.find(Finding::new("the agent", Place::of(&own.file), observed));
        }
        match &own.ledger {
            Fact::Unknown { why } if !own.channels.is_empty() => answer.blind(why.clone()),
            Fact::Unknown { .. } | Fact::Nothing { .. } => {}
            Fact::Known(ledger) => {
                for channel in &own.channels {
                    let heard = ledger.get(&channel.id);
                    if let Some(how) = unproven(heard, facts) {
                        let observed = format!("{} {how}", channel.id);
                        let finding = Finding::new(&channel.id, Place::of(&own.file), observed);
                        let name = channel.id.strip_prefix("channel.").unwrap_or(&channel.id);
                        answer.find(finding.forecast(format!("`muster notify test {name}` proves it")));
                    }
                }
            }
        }
    })
}

fn unproven(heard: Option<&Heard>, facts: &Facts) -> Option<String> {
    let success = heard.and_then(|heard| heard.success);
    let failed = heard.is_some_and(|heard| matches!(heard.condition.as_str(), "firing" | "pending"));
    match success {
        Some(at) if facts.at.since(at) <= PROVEN => None,
        Some(at) => Some(format!("last took a page or a test {} ago", facts.at.since(at))),
        None if failed => Some("has never taken a page, and its last one failed".to_owned()),
        None => Some("has never taken a page or a test".to_owned()),
    }
}

/// A channel of a fixture, and when it last took something.
fn bell(own: &mut Own, success: Option<muster_core::time::Timestamp>) {
    own.channels.push(Channel { id: "channel.ops".to_owned(), kind: "mail".to_owned() });
    hear(own, "channel.ops", Heard { success, ..Heard::default() });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::tests::facts_of;

    #[test]
    fn a_channel_is_proven_for_thirty_days() {
        for (days, found) in [(None, 1), (Some(31), 1), (Some(30), 0)] {
            let mut facts = facts_of(&Fixture::files("an empty host", &[]));
            let at = facts.at;
            told(&mut facts, |own| bell(own, days.map(|days| at - Span::days(days))));
            assert_eq!(judge(&facts).findings.len(), found, "{days:?}");
            if let Fact::Known(own) = &mut facts.own {
                own.ledger = Fact::unknown("the agent did not answer");
            }
            let answer = judge(&facts);
            assert!(answer.findings.is_empty() && answer.unknown.len() == 1);
        }
    }
}
