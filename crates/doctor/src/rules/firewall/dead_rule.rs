//! FW013: rules in DOCKER-USER that nothing reaches, or that ufw left behind.

use super::no_effect::place;
use super::written::{self, Written};
use super::{filter, with_filter};
use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "FW013",
    severity: Severity::High,
    outlook: Outlook::Failing,
    title: "rules in DOCKER-USER do not do what they say",
    silent: "A rule is taken and listed wherever it stands. One behind a RETURN, or in a chain that nobody jumps to, is dead \
             text; a block of ufw's stays when ufw is disabled, and closes ports that are thought open.",
    cure: "Put it before the RETURN (`iptables -I DOCKER-USER 1 …`), and in the file that restores it, /etc/ufw/after.rules. If \
           nothing jumps to the chain, restart Docker. If ufw is meant to be off, take the block out of the chain.",
    fix: Fix::Disruptive,
    unless: "The chain holds nothing but Docker's own RETURN.",
    judge,
    bad: Fixture::facts("a DROP behind the RETURN", |facts| {
        let user = "-A DOCKER-USER -j RETURN\n-A DOCKER-USER -i eth0 -j DROP\n";
        with_filter(facts, true, &filter(user, "ACCEPT"));
    }),
    good: [
        Fixture::facts("the DROP before the RETURN", |facts| {
            let user = "-A DOCKER-USER -i eth0 -j DROP\n-A DOCKER-USER -j RETURN\n";
            with_filter(facts, true, &filter(user, "ACCEPT"));
        }),
        Fixture::facts("ufw's block while ufw is enabled", |facts| {
            let user = "-A DOCKER-USER -i eth0 -j ufw-user-forward\n\
                        -A DOCKER-USER -i eth0 -m conntrack --ctstate NEW -j DROP\n-A DOCKER-USER -j RETURN\n";
            with_filter(facts, true, &filter(user, "ACCEPT"));
        }),
    ],
};

const CHAIN: &str = "DOCKER-USER";

fn judge(facts: &Facts) -> Answer {
    Answer::of(&facts.firewall, |firewall, answer| {
        if let Some(why) = written::why_unseen(firewall) {
            answer.blind(why);
        }
        let rules = written::all(firewall);
        let mut any = false;
        for family in ["ip", "ip6"] {
            let of_family = |rule: &&Written<'_>| rule.family == family && rule.table == "filter";
            let own: Vec<&Written<'_>> =
                rules.iter().filter(of_family).filter(|rule| rule.chain == CHAIN).collect();
            let says = |rule: &&&Written<'_>| rule.target() != Some("RETURN");
            any |= !own.is_empty();
            let Some(first) = own.iter().find(says) else { continue };
            let is_called = rules.iter().filter(of_family).any(|rule| rule.target() == Some(CHAIN));
            if is_called {
                behind(facts, &own, answer);
                left(facts, &own, answer);
            } else {
                let observed = format!(
                    "no rule of {family} filter jumps to {CHAIN}: none of its rules is ever looked at"
                );
                answer.find(Finding::new(format!("{family} {CHAIN}"), place(facts, first), observed));
            }
        }
        if !any {
            answer.nothing = Some("there is no chain DOCKER-USER with rules".to_owned());
        }
    })
}

/// What stands behind a rule that ends the chain for every packet.
fn behind(facts: &Facts, own: &[&Written<'_>], answer: &mut Answer) {
    let ends = |rule: &&&Written<'_>| {
        rule.is_unconditional() && matches!(rule.target(), Some("RETURN" | "ACCEPT" | "DROP" | "REJECT"))
    };
    let Some(end) = own.iter().find(ends) else { return };
    let dead = own.iter().filter(|rule| rule.number > end.number);
    for rule in dead.filter(|rule| !(rule.is_unconditional() && rule.target() == Some("RETURN"))) {
        let observed = format!(
            "rule {} of {CHAIN} stands behind rule {} (`{}`), which ends the chain for every packet",
            rule.number, end.number, end.text
        );
        answer.find(Finding::new(format!("{CHAIN} {}", rule.text), place(facts, rule), observed));
    }
}

/// A block that belongs to ufw, while ufw is disabled.
fn left(facts: &Facts, own: &[&Written<'_>], answer: &mut Answer) {
    match &facts.ufw {
        Fact::Known(ufw) if ufw.enabled => {}
        Fact::Unknown { why } => answer.blind(why.clone()),
        Fact::Known(_) | Fact::Nothing { .. } => {
            let of_ufw = |rule: &&&Written<'_>| rule.target().is_some_and(|target| target.starts_with("ufw"));
            let Some(rule) = own.iter().find(of_ufw) else { return };
            let closes = own.iter().any(|rule| matches!(rule.target(), Some("DROP" | "REJECT")));
            let what = if closes { "still drops packets to published ports" } else { "is still asked" };
            let observed = format!("ufw is not enabled, and its block in {CHAIN} {what}");
            answer.find(Finding::new(format!("{CHAIN} after ufw"), place(facts, rule), observed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::tests::facts_of;

    #[test]
    fn a_block_outlives_ufw_and_a_chain_its_callers() {
        let left = Fixture::facts("", |facts| {
            let user = "-A DOCKER-USER -i eth0 -j ufw-user-forward\n-A DOCKER-USER -i eth0 -j DROP\n";
            with_filter(facts, true, &filter(user, "ACCEPT"));
            if let Fact::Known(ufw) = &mut facts.ufw {
                ufw.enabled = false;
            }
        });
        let answer = judge(&facts_of(&left));
        assert_eq!(answer.findings.len(), 1, "{answer:?}");
        let alone = Fixture::facts("", |facts| {
            let filter = filter("-A DOCKER-USER -i eth0 -j DROP\n", "ACCEPT");
            with_filter(facts, true, &filter.replace("-A FORWARD -j DOCKER-USER\n", ""));
        });
        let answer = judge(&facts_of(&alone));
        assert!(answer.findings[0].observed.contains("no rule of ip filter jumps"), "{answer:?}");
    }
}
