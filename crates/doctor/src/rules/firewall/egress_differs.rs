//! FW005: the host reaches what containers do not, or the other way round.

use super::need_closed::{MAIL, in_container};
use super::reach::{Asker, Met, Way, each_way};
use super::{filter, with_filter};
use crate::facts::Facts;
use crate::facts::needs::{By, Need};
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "FW005",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "host and containers differ in what they reach",
    silent: "Packets of the host pass OUTPUT, those of containers FORWARD. Whoever tries it on the host learns nothing about the \
             container, and a check that looks from the host is green while the application fails.",
    cure: "Try and check from where the program runs: `from = \"container:NAME\"` in the check. Then let both out, or none.",
    fix: Fix::Told,
    unless: "It is known who has the need and nothing checks it from elsewhere, or no container runs.",
    judge,
    bad: Fixture::with("a file of settings, and only containers get out", MAIL, |facts| {
        with_filter(facts, true, &filter("-A DOCKER-USER -j RETURN\n", "DROP"));
    }),
    good: [
        Fixture::with("everybody gets out", MAIL, |facts| {
            with_filter(facts, true, &filter("-A DOCKER-USER -j RETURN\n", "ACCEPT"));
        }),
        Fixture::with("only containers get out, and it is one of them that needs it", MAIL, |facts| {
            with_filter(facts, true, &filter("-A DOCKER-USER -j RETURN\n", "DROP"));
            in_container(facts, "/opt/shop");
        }),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each_way(facts, |_, ways, answer| {
        for way in ways.iter().filter(|way| !way.is_here) {
            if let Some(why) = way.unclear() {
                answer.blind(format!("who reaches what: {why}"));
            }
            let observed = match way.asker {
                Asker::Anybody => differs(way),
                Asker::Host | Asker::Bridges(_) => tested_elsewhere(way, ways),
            };
            if let Some(observed) = observed {
                answer.find(Finding::new(
                    format!("{} {}", way.need.name, way.target()),
                    way.place(),
                    observed,
                ));
            }
        }
        if facts.containers.known().is_none_or(|all| all.all.is_empty())
            && ways.iter().all(|way| way.bridges.is_empty())
        {
            answer.nothing = Some("no container runs".to_owned());
        }
    })
}

/// Open from the one and closed from the other, and nobody knows which of them counts.
fn differs(way: &Way<'_>) -> Option<String> {
    let target = way.target();
    let open = way.bridges.iter().find(|(_, met)| *met == Met::Yes);
    let shut = way.bridges.iter().find_map(|(name, met)| match met {
        Met::No(shut) => Some((name, shut)),
        Met::Yes | Met::Unclear(_) => None,
    });
    match (&way.host, open, shut) {
        (Some(Met::No(shut)), Some((bridge, _)), _) => Some(format!(
            "{target} is open for containers on {bridge} and closed for this host: {}",
            shut.verdict.by
        )),
        (Some(Met::Yes), _, Some((bridge, shut))) => Some(format!(
            "{target} is open for this host and closed for containers on {bridge}: {}",
            shut.verdict.by
        )),
        _ => None,
    }
}

/// A check of the same target from a place where it is open, while whoever needs it is shut out.
fn tested_elsewhere(way: &Way<'_>, ways: &[Way<'_>]) -> Option<String> {
    let (from, _) = way.shut()?;
    let same = |need: &Need| (&need.host, need.port) == (&way.need.host, way.need.port);
    let is_check = |need: &Need| !matches!(need.by, By::Folder(_));
    let other = ways.iter().find(|other| {
        same(other.need) && is_check(other.need) && other.asker != way.asker && is_open(other)
    })?;
    let (name, target) = (&other.need.name, way.target());
    Some(format!("{target} is closed for {from}, and {name} looks from where it is open"))
}

fn is_open(way: &Way<'_>) -> bool {
    match &way.asker {
        Asker::Host => way.host == Some(Met::Yes),
        Asker::Bridges(names) => {
            way.bridges.iter().any(|(name, met)| names.contains(name) && *met == Met::Yes)
        }
        Asker::Anybody => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Fact;
    use crate::facts::firewall::Protocol;
    use crate::rules::tests::facts_of;

    #[test]
    fn a_check_that_looks_from_elsewhere_is_found() {
        let fixture = Fixture::with("", MAIL, |facts| {
            let shut =
                "-A DOCKER-USER -i docker0 -p tcp -m tcp --dport 587 -j DROP\n-A DOCKER-USER -j RETURN\n";
            with_filter(facts, true, &filter(shut, "ACCEPT"));
            in_container(facts, "/opt/shop");
            if let Fact::Known(needs) = &mut facts.needs {
                needs.push(Need {
                    name: "check.mail-out".to_owned(),
                    host: "198.51.100.25".to_owned(),
                    port: 587,
                    protocol: Protocol::Tcp,
                    addresses: Fact::Known(vec!["198.51.100.25".parse().unwrap()]),
                    by: By::Host,
                    file: "/etc/muster/muster.toml".to_owned(),
                    line: Some(3),
                });
            }
        });
        let answer = judge(&facts_of(&fixture));
        assert_eq!(answer.findings.len(), 1, "{answer:?}");
        assert!(answer.findings[0].observed.contains("check.mail-out"), "{answer:?}");
    }
}
