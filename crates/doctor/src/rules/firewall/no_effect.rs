//! FW007: a rule that no packet can match.

use std::net::{IpAddr, Ipv4Addr};

use super::reach::used;
use super::written::{self, Written};
use super::{DOCKER, filter, host};
use crate::facts::firewall::{Firewall, RouteKind, Subnet, within};
use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, Planted, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "FW007",
    severity: Severity::Medium,
    outlook: Outlook::Hygiene,
    title: "a firewall rule matches nothing",
    silent: "It is listed like all others, and whoever wrote it believes that the case is settled. What it was meant for is \
             decided elsewhere.",
    cure: "Delete it (`ufw status numbered`, `ufw delete N`), and write what was meant: the networks of Docker are those that \
           `docker network inspect` shows, by default 172.17.0.0/16 and others of 172.16.0.0/12; to reach a published port from \
           this host, let out to the bridge's network.",
    fix: Fix::Told,
    unless: "An address or a route of this host lies in the range, or this host itself has a private address outside: its \
             neighbours may use the range.",
    judge,
    bad: Fixture::with(
        "`ufw allow from 10.0.0.0/8` for containers, which have 172.17.0.0/16",
        RANGE,
        |facts| {
            live(facts, "-A ufw-user-input -s 10.0.0.0/8 -j ACCEPT\n");
        },
    ),
    good: [
        Fixture::with("the same with a network of that range", RANGE, |facts| {
            live(facts, "-A ufw-user-input -s 10.0.0.0/8 -j ACCEPT\n");
            if let Fact::Known(firewall) = &mut facts.firewall
                && let Fact::Known(interfaces) = &mut firewall.interfaces
            {
                let address = IpAddr::from([10, 8, 0, 1]);
                interfaces.push(crate::facts::firewall::Interface {
                    name: "wg0".to_owned(),
                    addresses: vec![Subnet { address, prefix: 24 }],
                    ..Default::default()
                });
            }
        }),
        Fixture::with("the networks of Docker", &[], |facts| {
            live(facts, "-A ufw-user-input -s 172.16.0.0/12 -p tcp -m tcp --dport 5432 -j ACCEPT\n");
        }),
    ],
};

const RANGE: &[Planted] = &[file(
    "/etc/ufw/user.rules",
    "*filter\n### tuple ### allow any any 0.0.0.0/0 any 10.0.0.0/8 in\n-A ufw-user-input -s 10.0.0.0/8 -j ACCEPT\nCOMMIT\n",
)];

/// ufw's chains with these rules of the operator.
fn live(facts: &mut Facts, user: &str) {
    host(facts, true, &format!("{DOCKER}*filter\n{}COMMIT\n", filter(user, "ACCEPT")));
}

const PRIVATE: [(Ipv4Addr, u8); 3] = [
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
];

fn judge(facts: &Facts) -> Answer {
    Answer::of(&facts.firewall, |firewall, answer| {
        if let Some(why) = written::why_unseen(firewall) {
            answer.blind(why);
        }
        let rules = written::all(firewall);
        if rules.is_empty() && answer.unknown.is_empty() {
            answer.nothing = Some("there are no rules of iptables".to_owned());
            return;
        }
        let ours = |rule: &&Written<'_>| {
            rule.table == "filter"
                && matches!(rule.target(), Some("ACCEPT" | "RETURN"))
                && rule.family == "ip"
        };
        for rule in rules.iter().filter(ours) {
            let observed = loopback(&rules, rule).or_else(|| strangers(facts, firewall, rule));
            if let Some(observed) = observed {
                let subject = format!("{} {}", rule.chain, rule.text);
                answer.find(Finding::new(subject, place(facts, rule), observed));
            }
        }
    })
}

/// The line of a file that is this rule, or the chain.
pub(super) fn place(facts: &Facts, rule: &Written<'_>) -> Place {
    let restored = facts.filters.known().map(|files| files.restored.as_slice()).unwrap_or_default();
    let is_it = |line: &&crate::facts::filters::Line| {
        let six = line.file.contains("6.rules") || line.file.ends_with(".v6");
        six == (rule.family == "ip6")
            && Written::of_line(&line.text)
                .is_some_and(|(chain, text)| chain == rule.chain && written::same(text, rule.text))
    };
    match restored.iter().find(is_it) {
        Some(line) => Place::line(&line.file, line.line, &line.text),
        None => Place { text: format!("rule {}: {}", rule.number, rule.text), ..Place::of(rule.source()) },
    }
}

/// To or from 127.0.0.0/8, which another rule lets pass before: such packets never leave `lo`.
fn loopback(rules: &[Written<'_>], rule: &Written<'_>) -> Option<String> {
    let (option, interface, hook, before) = match rule.chain {
        "ufw-user-output" => ("-d", "-o lo", "OUTPUT", "ufw-before-output"),
        "ufw-user-input" => ("-s", "-i lo", "INPUT", "ufw-before-input"),
        "OUTPUT" => ("-d", "-o lo", "OUTPUT", "OUTPUT"),
        "INPUT" => ("-s", "-i lo", "INPUT", "INPUT"),
        _ => return None,
    };
    let (range, prefix) = subnet(rule.option(&[option])?)?;
    let is_loopback = within(IpAddr::from([127, 0, 0, 0]), 8, range) && prefix >= 8;
    let wanted = format!("{interface} -j ACCEPT");
    let earlier = rules.iter().find(|other| {
        let own = other.chain == rule.chain && other.number < rule.number;
        other.table == "filter"
            && other.family == rule.family
            && other.text == wanted
            && (own || (other.chain == before || other.chain == hook) && other.chain != rule.chain)
    })?;
    (is_loopback && !rule.text.contains("! ")).then(|| {
        format!(
            "every packet to and from {range} passes by rule {} of {} (`{wanted}`) before this one",
            earlier.number, earlier.chain
        )
    })
}

/// From a private range of which nobody is near, on a host whose containers use another one.
fn strangers(facts: &Facts, firewall: &Firewall, rule: &Written<'_>) -> Option<String> {
    if !matches!(rule.chain, "ufw-user-input" | "INPUT" | "DOCKER-USER") || rule.text.contains("! -s") {
        return None;
    }
    let (range, prefix) = subnet(rule.option(&["-s"])?)?;
    let is_private =
        PRIVATE.iter().any(|(network, bits)| prefix >= *bits && within(IpAddr::V4(*network), *bits, range));
    let (interfaces, routes) = (firewall.interfaces.known()?, firewall.routes.known()?);
    let overlaps = |other: &Subnet| {
        let short = prefix.min(other.prefix);
        other.prefix > 0 && within(range, short, other.address)
    };
    let near = interfaces.iter().flat_map(|one| &one.addresses).any(overlaps)
        || routes.iter().any(|route| route.kind == RouteKind::Unicast && overlaps(&route.to));
    if !is_private || near || rule.option(&["-i"]).is_some() {
        return None;
    }
    // With a private address outside, the networks of neighbours come by the default route.
    let default = routes.iter().find(|route| route.to.prefix == 0 && route.to.address.is_ipv4())?;
    let outside = interfaces.iter().find(|one| one.name == default.interface)?;
    let is_public = |own: &Subnet| match own.address {
        IpAddr::V4(address) => !(address.is_private() || address.is_link_local() || own_shared(address)),
        IpAddr::V6(_) => false,
    };
    let addresses = || outside.addresses.iter().filter(|own| own.address.is_ipv4());
    if addresses().next().is_none() || !addresses().all(is_public) {
        return None;
    }
    let bridges = used(facts, firewall);
    let network = interfaces.iter().find(|one| bridges.contains(&one.name)).and_then(|one| {
        let own = one.addresses.iter().find(|own| own.address.is_ipv4())?;
        Some(format!("containers on {} have {}/{}", one.name, own.address, own.prefix))
    })?;
    Some(format!("no address and no route of this host lies in {range}/{prefix}, and {network}"))
}

/// 100.64.0.0/10, which providers use inside (RFC 6598).
fn own_shared(address: Ipv4Addr) -> bool {
    within(IpAddr::from([100, 64, 0, 0]), 10, IpAddr::V4(address))
}

fn subnet(text: &str) -> Option<(IpAddr, u8)> {
    let (address, prefix) = text.split_once('/').unwrap_or((text, "32"));
    Some((address.parse().ok().filter(IpAddr::is_ipv4)?, prefix.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::tests::facts_of;

    #[test]
    fn a_way_out_to_loopback_is_no_way_out() {
        let fixture = |user| Fixture::facts("", user);
        let found = |user: fn(&mut Facts)| judge(&facts_of(&fixture(user))).findings;
        let useless = found(|facts| {
            live(facts, "-A ufw-user-output -d 127.0.0.1/32 -p tcp -m tcp --dport 8080 -j ACCEPT\n");
        });
        assert_eq!(useless.len(), 1, "{useless:?}");
        assert!(useless[0].observed.contains("-o lo -j ACCEPT"), "{useless:?}");
        assert!(found(|facts| live(facts, "-A ufw-user-output -d 172.17.0.0/16 -j ACCEPT\n")).is_empty());
    }

    #[test]
    fn a_private_address_outside_may_have_neighbours() {
        let fixture = Fixture::facts("", |facts| {
            live(facts, "-A ufw-user-input -s 10.0.0.0/8 -j ACCEPT\n");
            if let Fact::Known(firewall) = &mut facts.firewall
                && let Fact::Known(interfaces) = &mut firewall.interfaces
            {
                for one in interfaces.iter_mut().filter(|one| one.name == "eth0") {
                    one.addresses = vec![Subnet { address: IpAddr::from([172, 31, 5, 5]), prefix: 20 }];
                }
            }
        });
        assert!(judge(&facts_of(&fixture)).findings.is_empty());
    }
}
