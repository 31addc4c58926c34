//! Name service and addresses.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Area, Rule};
use crate::scan::facts::{Address, Fact, Facts};
use crate::scan::facts_dns::{Authority, AuthoritySays};
use crate::scan::report::Weight;

pub(super) const DEAD_ADDRESS: Rule = Rule {
    id: "S60",
    area: Area::Dns,
    weight: Weight::Serious,
    title: "an address of the name takes no connections",
    why: "Part of the visitors is sent there and waits in vain; whoever looks once sees the good address and nothing else.",
    fix: "Bring the server back, or take its address out of the zone.",
    place: "zone",
    snippet: "; HOST. 300 IN A 192.0.2.1   <- delete the dead one",
    observe: |facts| dead(facts, |ip| ip.is_ipv4()),
};

pub(super) const DEAD_V6: Rule = Rule {
    id: "S61",
    area: Area::Dns,
    weight: Weight::Serious,
    title: "the IPv6 address does not work",
    why: "Browsers fall back to IPv4 after a wait, so it only seems slow; mail servers, webhooks and phones on IPv6 alone \
          fail for good.",
    fix: "Listen on IPv6 and open the firewall for it, or take the AAAA record out of the zone.",
    place: "nginx",
    snippet: "listen [::]:80;\nlisten [::]:443 ssl http2;",
    observe: |facts| dead(facts, |ip| ip.is_ipv6()),
};

pub(super) const LAME: Rule = Rule {
    id: "S62",
    area: Area::Dns,
    weight: Weight::Serious,
    title: "a name server does not answer for the zone",
    why: "Names resolve now and then only, slowly or not at all, depending on whom a resolver happens to ask; when the good \
          server goes, the site is gone.",
    fix: "Repair it (does it load the zone?), or take it out of the zone and of the registry.",
    place: "zone",
    snippet: "; ZONE. IN NS ...   <- delete the one that does not answer, here and at the registrar",
    observe: |facts| {
        let mut seen = Vec::new();
        for server in facts.zone.known().map_or(&[][..], |zone| zone.servers.as_slice()) {
            let Some(answers) = server.answers.known() else { continue };
            if answers.is_empty() {
                seen.push(format!("{} has no address", server.name));
            }
            for answer in answers {
                match &answer.says {
                    AuthoritySays::Lame { why } | AuthoritySays::Silent { why } => {
                        seen.push(format!("{} ({}): {why}", server.name, answer.ip));
                    }
                    AuthoritySays::Answers { .. } | AuthoritySays::Unseen { .. } => {}
                }
            }
        }
        seen
    },
};

pub(super) const DISAGREE_ADDRESSES: Rule = Rule {
    id: "S63",
    area: Area::Dns,
    weight: Weight::Serious,
    title: "name servers give different addresses",
    why: "Some visitors come to the old server, for as long as this lasts, and each look shows another truth. (Where answers \
          depend on the place by intention, this is no fault.)",
    fix: "Raise the serial number and see that every secondary fetches the zone.",
    place: "shell",
    snippet: "rndc retransfer ZONE",
    observe: |facts| {
        differing(facts, |says| match says {
            AuthoritySays::Answers { addresses: Some(addresses), .. } => {
                Some(addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(" "))
            }
            _ => None,
        })
    },
};

pub(super) const DISAGREE_SERIAL: Rule = Rule {
    id: "S64",
    area: Area::Dns,
    weight: Weight::Moderate,
    title: "name servers hold different versions of the zone",
    why: "A secondary does not follow: changes reach part of the world only, and when its copy is over it stops answering.",
    fix: "Look again in a minute; if it stays, allow the transfer and the notification.",
    place: "shell",
    snippet: "rndc retransfer ZONE",
    observe: |facts| {
        differing(facts, |says| match says {
            AuthoritySays::Answers { serial, .. } => Some(format!("serial {serial}")),
            _ => None,
        })
    },
};

pub(super) const ONE_SERVER: Rule = Rule {
    id: "S65",
    area: Area::Dns,
    weight: Weight::Moderate,
    title: "one name server only",
    why: "When it is down, site and mail are gone together, even those that run elsewhere.",
    fix: "Have a second one in another network (RFC 2182).",
    place: "zone",
    snippet: "ZONE. IN NS ns2.example.net.",
    observe: |facts| {
        let Some(zone) = facts.zone.known() else { return Vec::new() };
        match zone.servers.as_slice() {
            [one] => vec![format!("{} alone answers for {}", one.name, zone.name)],
            _ => Vec::new(),
        }
    },
};

pub(super) const NO_CAA: Rule = Rule {
    id: "S66",
    area: Area::Dns,
    weight: Weight::Minor,
    title: "any authority may sign for this name (no CAA)",
    why: "The weakest of a hundred authorities decides who can pass for you.",
    fix: "Name the one that you use.",
    place: "zone",
    snippet: "ZONE. IN CAA 0 issue \"letsencrypt.org\"",
    observe: |facts| match facts.zone.known().map(|zone| &zone.caa) {
        Some(Fact::Known(records)) if records.is_empty() => {
            vec![format!("neither {} nor a name above it names one", facts.host)]
        }
        Some(_) | None => Vec::new(),
    },
};

/// What could not be seen inside of what was seen.
pub(super) fn unseen(facts: &Facts) -> impl Iterator<Item = (&'static str, String)> {
    let addresses = facts.addresses.known().into_iter().flatten().filter_map(|address| {
        let why = address.took.why_unknown()?;
        Some(("an address", format!("{}: {why}", address.ip)))
    });
    let zone = facts.zone.known();
    let caa = zone.and_then(|zone| zone.caa.why_unknown()).map(|why| ("CAA records", why.to_owned()));
    let servers = zone.map_or(&[][..], |zone| zone.servers.as_slice());
    let servers = servers.iter().flat_map(|server| {
        let whole =
            server.answers.why_unknown().map(|why| ("a name server", format!("{}: {why}", server.name)));
        let parts = server.answers.known().into_iter().flatten().filter_map(|answer| match &answer.says {
            AuthoritySays::Unseen { why } => {
                Some(("a name server", format!("{} ({}): {why}", server.name, answer.ip)))
            }
            _ => None,
        });
        whole.into_iter().chain(parts)
    });
    addresses.chain(caa).chain(servers)
}

fn dead(facts: &Facts, is_meant: fn(&IpAddr) -> bool) -> Vec<String> {
    let all = facts.addresses.known().into_iter().flatten();
    let is_dead = |address: &&Address| is_meant(&address.ip) && address.took.known() == Some(&false);
    all.filter(is_dead).map(|dead| dead.why.clone().unwrap_or_else(|| dead.ip.to_string())).collect()
}

/// One line for each view that name servers have; none where all have the same.
fn differing(facts: &Facts, view: impl Fn(&AuthoritySays) -> Option<String>) -> Vec<String> {
    let mut views: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for server in facts.zone.known().map_or(&[][..], |zone| zone.servers.as_slice()) {
        for Authority { says, .. } in server.answers.known().into_iter().flatten() {
            if let Some(seen) = view(says) {
                let names = views.entry(seen).or_default();
                if !names.contains(&server.name.as_str()) {
                    names.push(&server.name);
                }
            }
        }
    }
    if views.len() < 2 {
        return Vec::new();
    }
    let lines = views.iter();
    lines
        .map(|(seen, names)| {
            let seen = if seen.is_empty() { "no address" } else { seen };
            format!("{}: {seen}", names.join(", "))
        })
        .collect()
}
