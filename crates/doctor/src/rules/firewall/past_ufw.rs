//! FW001: a published port is reachable past ufw.

use super::live::confirmed;
use super::{decided, each, filter, has_ufw, is_open_to_all, name, port, with_filter};
use crate::facts::firewall::{Firewall, RouteKind};
use crate::facts::{Fact, Facts};
use crate::firewall::To;
use crate::mend::Mend;
use crate::mend::order::Order;
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
           interface in after.rules and after6.rules, and open single ports with `ufw route allow` and the port of the \
           container. Keep ufw.",
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
            let finding = Finding::new(format!("{} {family}", port(crossing)), decided(crossing), observed);
            answer.find(finding.mended(mend(facts)));
        }
    })
}

/// A block in DOCKER-USER, where Docker asks before its own rules: what comes from outside is first shown to the rules of
/// `ufw route`, and else dropped if it is new. It trusts no address and knows no container.
///
/// None where it would not hold: without a way out to bind it to, where Docker has no such chain, and where a reload of ufw
/// empties the chains of others (MANAGE_BUILTINS).
fn mend(facts: &Facts) -> Option<Mend> {
    let (firewall, ufw) = (facts.firewall.known()?, facts.ufw.known()?);
    let has_chain = [&firewall.iptables, &firewall.iptables_legacy]
        .iter()
        .any(|tables| tables.known().is_some_and(|text| text.contains("\n:DOCKER-USER ")));
    let outside = outside(firewall, true);
    if ufw.manages_builtins || !has_chain || outside.is_empty() {
        return None;
    }
    // Closed also by IPv6 before the host gets an address of it.
    let six =
        Some(self::outside(firewall, false)).filter(|six| !six.is_empty()).unwrap_or_else(|| outside.clone());
    let append = |file: &str, text: String| Mend::Append {
        file: file.to_owned(),
        text,
        unless: "DOCKER-USER".to_owned(),
    };
    Some(Mend::All(vec![
        append("/etc/ufw/after.rules", block("ufw-user-forward", &outside)),
        append("/etc/ufw/after6.rules", block("ufw6-user-forward", &six)),
        Mend::Order(Order::ReloadUfw),
    ]))
}

/// The interfaces of the default routes of one family.
fn outside(firewall: &Firewall, four: bool) -> Vec<String> {
    /// Where routes stand that no rule chooses otherwise.
    const MAIN: u32 = 254;
    let Fact::Known(routes) = &firewall.routes else { return Vec::new() };
    let plain = |name: &str| {
        !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-@".contains(c))
            && name != "lo"
    };
    let mut names: Vec<String> = routes
        .iter()
        .filter(|route| route.kind == RouteKind::Unicast && route.table == MAIN && route.to.prefix == 0)
        .filter(|route| route.to.address.is_ipv4() == four && plain(&route.interface))
        .map(|route| route.interface.clone())
        .collect();
    names.sort();
    names.dedup();
    names
}

fn block(routed: &str, outside: &[String]) -> String {
    let mut text = format!(
        "\n# muster FW001: what Docker publishes is closed from outside; `ufw route allow` opens a container's port.\n\
         *filter\n:{routed} - [0:0]\n:DOCKER-USER - [0:0]\n\
         -A DOCKER-USER -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN\n"
    );
    for name in outside {
        text.push_str(&format!(
            "-A DOCKER-USER -i {name} -j {routed}\n\
             -A DOCKER-USER -i {name} -m conntrack --ctstate NEW -j DROP\n"
        ));
    }
    text.push_str("-A DOCKER-USER -j RETURN\nCOMMIT\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::tests::facts_of;

    fn known(facts: &mut Facts) -> &mut Firewall {
        match &mut facts.firewall {
            Fact::Known(firewall) => firewall,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_block_is_bound_to_the_way_out_of_each_family() {
        let facts = facts_of(&RULE.bad);
        let Some(Mend::All(parts)) = mend(&facts) else { panic!("no mend") };
        for (part, wanted) in
            parts.iter().zip(["-i eth0 -j ufw-user-forward", "-i eth0 -j ufw6-user-forward"])
        {
            assert!(matches!(part, Mend::Append { text, .. } if text.contains(wanted)), "{part:?}");
        }
        assert_eq!(parts.last(), Some(&Mend::Order(Order::ReloadUfw)));
    }

    #[test]
    fn there_is_no_block_where_it_would_not_hold() {
        let hosts: [fn(&mut Facts); 3] = [
            |facts| known(facts).routes = Fact::Known(Vec::new()),
            |facts| known(facts).iptables = Fact::Known("*filter\n:DOCKER - [0:0]\nCOMMIT\n".to_owned()),
            |facts| {
                if let Fact::Known(ufw) = &mut facts.ufw {
                    ufw.manages_builtins = true;
                }
            },
        ];
        for change in hosts {
            let mut facts = facts_of(&RULE.bad);
            change(&mut facts);
            assert_eq!(mend(&facts), None);
        }
    }
}
