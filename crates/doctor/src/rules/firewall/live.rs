//! What the rules say beside what a peer saw.

use std::net::{IpAddr, Ipv4Addr};

use muster_core::time::Timestamp;

use crate::facts::firewall::Protocol;
use crate::facts::outside::{Dialled, Live, Outside, Tried};
use crate::facts::{Fact, Facts};
use crate::firewall::outside::{Comparison, compare};
use crate::firewall::{Crossing, Reach};
use crate::rules::answer::Answer;

/// Judges each port that a peer tried. What was not tried, and what the walker cannot tell, is passed on as unknown.
pub(super) fn each(facts: &Facts, judge: impl FnOnce(&Outside, &Comparison<'_>, &mut Answer)) -> Answer {
    Answer::of(&facts.outside, |outside, answer| {
        let peer = &outside.peer;
        let Some(firewall) = facts.firewall.known() else {
            answer.blind(format!("{peer} tried the ports, and the packet filters could not be seen"));
            return;
        };
        let comparison = match compare(firewall, &outside.dialled) {
            Ok(comparison) => comparison,
            Err(why) => return answer.blind(format!("what {peer} saw cannot be compared: {why}")),
        };
        for row in &comparison.rows {
            if let Live::Untried { why } = row.live {
                answer.blind(format!("{peer} could not try tcp {}: {why}", row.port));
            } else if let Reach::Unknown { why } = &row.verdict.reach {
                answer.blind(format!("what the rules say to {peer} of tcp {}: {why}", row.port));
            }
        }
        if comparison.left_out > 0 {
            answer.blind(format!("{peer} was not asked to try {} more", comparison.left_out));
        }
        judge(outside, &comparison, answer);
    })
}

/// What a peer saw of something that is open by the rules, to be said behind it; empty where none tried it.
pub(super) fn confirmed(facts: &Facts, crossing: &Crossing) -> String {
    let Some(Outside { peer, dialled, .. }) = facts.outside.known() else { return String::new() };
    if crossing.protocol != Protocol::Tcp || crossing.address.is_ipv4() != dialled.target.is_ipv4() {
        return String::new();
    }
    match dialled.live(crossing.port) {
        Some(Live::Open) => format!("; {peer} connected to it"),
        Some(Live::Refused | Live::Silent | Live::Unreachable { .. }) => {
            format!("; {peer} could not connect to it, so something in front may still close it")
        }
        Some(Live::Untried { .. }) | None => String::new(),
    }
}

/// For fixtures: a peer at 198.51.100.9 tried the ports of the host at 203.0.113.1.
pub(super) fn tried<const N: usize>(facts: &mut Facts, ports: [(u16, Live); N]) {
    let v4 = |a, b, c, d| IpAddr::V4(Ipv4Addr::new(a, b, c, d));
    facts.outside = Fact::Known(Outside {
        peer: "fra1".to_owned(),
        at: Timestamp::from_seconds(1_795_262_400),
        dialled: Dialled {
            target: v4(203, 0, 113, 1),
            source: Some(v4(198, 51, 100, 9)),
            ports: ports.map(|(port, live)| Tried { port, live }).into(),
        },
    });
}

#[cfg(test)]
mod tests {
    use super::super::{filter, with_filter};
    use super::*;
    use crate::rules::fixture::Fixture;
    use crate::rules::tests::facts_of;
    use crate::rules::{RULES, Rule};

    fn rule(id: &str) -> &'static Rule {
        RULES.iter().find(|rule| rule.id == id).expect("a rule")
    }

    /// The host of the fixtures, its container closed from outside, and what a peer saw of it.
    fn closed(change: impl FnOnce(&mut Facts)) -> Facts {
        let mut facts = facts_of(&Fixture::facts("a closed port", |facts| {
            let block =
                "-A DOCKER-USER -i eth0 -m conntrack --ctstate NEW -j DROP\n-A DOCKER-USER -j RETURN\n";
            with_filter(facts, true, &filter(block, "ACCEPT"));
            tried(facts, [(8080, Live::Open), (22, Live::Open)]);
        }));
        change(&mut facts);
        facts
    }

    fn dialled(facts: &mut Facts) -> &mut Dialled {
        match &mut facts.outside {
            Fact::Known(outside) => &mut outside.dialled,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn whoever_translates_addresses_in_front_is_never_taken_for_this_host() {
        let strange = closed(|facts| dialled(facts).target = IpAddr::from([192, 0, 2, 80]));
        let answer = (rule("FW015").judge)(&strange);
        assert!(answer.findings.is_empty(), "{answer:?}");
        assert!(answer.unknown[0].contains("none of its addresses"), "{answer:?}");
        // A host that itself has a private address only: a router may answer in its place.
        let behind = closed(|facts| {
            let text = serde_json::to_string(&facts.firewall).expect("facts");
            facts.firewall = serde_json::from_str(&text.replace("203.0.113.1", "10.0.0.5")).expect("facts");
        });
        let answer = (rule("FW015").judge)(&behind);
        assert!(answer.findings.is_empty(), "{answer:?}");
        assert!(answer.unknown.iter().any(|why| why.contains("a gateway may have answered")), "{answer:?}");
    }

    #[test]
    fn a_peer_whose_own_address_is_not_known_is_walked_as_a_stranger() {
        for source in [None, Some(IpAddr::from([10, 0, 0, 9]))] {
            let facts = closed(|facts| dialled(facts).source = source);
            let answer = (rule("FW015").judge)(&facts);
            assert_eq!(answer.findings.len(), 1, "{source:?}: {answer:?}");
        }
    }

    #[test]
    fn what_could_not_be_tried_is_unknown_and_never_good() {
        let facts = closed(|facts| {
            let why = "no time".to_owned();
            dialled(facts).ports = vec![Tried { port: 8080, live: Live::Untried { why } }];
        });
        for id in ["FW015", "FW021"] {
            let answer = (rule(id).judge)(&facts);
            assert!(answer.findings.is_empty(), "{id}: {answer:?}");
            assert_eq!(answer.unknown.len(), 2, "{id}: port 22 was not asked for: {answer:?}");
        }
    }

    #[test]
    fn what_a_peer_saw_is_said_behind_other_findings() {
        let facts = facts_of(&Fixture::facts("past ufw", |facts| {
            with_filter(facts, true, &filter("-A DOCKER-USER -j RETURN\n", "ACCEPT"));
            tried(facts, [(8080, Live::Open), (22, Live::Open)]);
        }));
        let answer = (rule("FW001").judge)(&facts);
        assert!(answer.findings[0].observed.ends_with("; fra1 connected to it"), "{answer:?}");
    }
}
