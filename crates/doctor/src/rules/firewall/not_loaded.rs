//! FW011: ufw is enabled and not in force.

use super::{filter, host, with_filter};
use crate::facts::{Fact, Facts};
use crate::mend::Mend;
use crate::mend::order::Order;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "FW011",
    severity: Severity::Critical,
    outlook: Outlook::Failing,
    title: "ufw is enabled and its rules are not loaded",
    silent: "The file says yes, so everybody believes it. `ufw status` would say inactive, and ends with 0.",
    cure: "`ufw reload`, and stop what empties the rules.",
    fix: Fix::Disruptive,
    unless: "It is disabled in its file.",
    judge,
    bad: Fixture::facts("enabled, and somebody emptied the rules", |facts| host(facts, true, "")),
    good: [
        Fixture::facts("enabled and loaded", |facts| {
            with_filter(facts, true, &filter("-A DOCKER-USER -j RETURN\n", "ACCEPT"));
        }),
        Fixture::facts("disabled, and no rules", |facts| {
            host(facts, true, "");
            if let Fact::Known(ufw) = &mut facts.ufw {
                ufw.enabled = false;
            }
        }),
    ],
};

fn judge(facts: &Facts) -> Answer {
    Answer::of(&facts.ufw, |ufw, answer| {
        if !ufw.enabled {
            answer.nothing = Some("ufw is not enabled".to_owned());
            return;
        }
        let loaded = |text: &String| text.contains(":ufw-user-input ");
        match &facts.firewall {
            Fact::Known(firewall) => match (&firewall.iptables, &firewall.iptables_legacy) {
                (Fact::Known(text), _) | (_, Fact::Known(text)) if loaded(text) => {}
                (Fact::Unknown { why }, _) | (_, Fact::Unknown { why }) => answer.blind(why.clone()),
                _ => {
                    let place = Place { text: "ENABLED=yes".to_owned(), ..Place::of("/etc/ufw/ufw.conf") };
                    let observed = "no table of the kernel has a chain of ufw".to_owned();
                    // With MANAGE_BUILTINS=yes a reload would empty the chains of others.
                    let mend = (!ufw.manages_builtins).then_some(Mend::Order(Order::ReloadUfw));
                    answer.find(Finding::new("ufw", place, observed).mended(mend));
                }
            },
            Fact::Unknown { why } => answer.blind(why.clone()),
            Fact::Nothing { why } => answer.nothing = Some(why.clone()),
        }
    })
}
