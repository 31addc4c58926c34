//! FW009: a container does not reach a service of its host.

use super::need_closed::in_container;
use super::reach::{Asker, Met, each_way};
use super::{filter, with_filter};
use crate::facts::firewall::{Listener, Protocol};
use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::{Fixture, Planted, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "FW009",
    severity: Severity::High,
    outlook: Outlook::Failing,
    title: "the firewall keeps containers from a service of this host",
    silent: "On the host the service answers, and from outside it is meant to be closed. From the container it looks like a \
             database that is down.",
    cure: "Let the bridge in: `ufw allow in on <bridge> to any port N proto tcp`. A rule that allows a range of addresses, such \
           as 10.0.0.0/8, does not reach Docker's networks.",
    fix: Fix::Disruptive,
    unless: "Nobody listens on that port, or no container is known to need it.",
    judge,
    bad: Fixture::with("a database on the host, and ufw that denies", DATABASE, |facts| {
        database(facts, "-A DOCKER-USER -j RETURN\n", [0, 0, 0, 0]);
    }),
    good: [
        Fixture::with("the bridge is let in", DATABASE, |facts| {
            let user = "-A DOCKER-USER -j RETURN\n-A ufw-user-input -i docker0 -p tcp -m tcp --dport 5432 -j ACCEPT\n";
            database(facts, user, [0, 0, 0, 0]);
        }),
        Fixture::with("it listens on loopback only: another trap", DATABASE, |facts| {
            database(facts, "-A DOCKER-USER -j RETURN\n", [127, 0, 0, 1]);
        }),
    ],
};

const DATABASE: &[Planted] =
    &[file("/opt/shop/.env", "DATABASE_URL=postgres://shop:hunter2@host.docker.internal:5432/shop\n")];

fn database(facts: &mut Facts, user: &str, address: [u8; 4]) {
    with_filter(facts, true, &filter(user, "ACCEPT"));
    in_container(facts, "/opt/shop");
    if let Fact::Known(firewall) = &mut facts.firewall
        && let Fact::Known(listeners) = &mut firewall.listeners
    {
        listeners.push(Listener {
            protocol: Protocol::Tcp,
            address: address.into(),
            port: 5432,
            inode: 0,
            pid: Some(3),
            program: Some("postgres".to_owned()),
        });
    }
}

fn judge(facts: &Facts) -> Answer {
    each_way(facts, |firewall, ways, answer| {
        for way in ways.iter().filter(|way| way.is_here) {
            let Asker::Bridges(names) = &way.asker else { continue };
            let need = way.need;
            let (port, protocol) = (need.port, need.protocol);
            let Some(listeners) = firewall.listeners.known() else {
                answer.blind("who listens on this host could not be read");
                continue;
            };
            for (bridge, met) in way.bridges.iter().filter(|(name, _)| names.contains(name)) {
                let shut = match met {
                    Met::No(shut) => shut,
                    Met::Unclear(why) => {
                        answer.blind(format!("who reaches what: {why}"));
                        continue;
                    }
                    Met::Yes => continue,
                };
                let listener = listeners.iter().find(|one| {
                    (one.port, one.protocol) == (port, protocol)
                        && (one.address.is_unspecified() || one.address == shut.address)
                });
                let Some(listener) = listener else { continue };
                let who = listener.program.as_deref().unwrap_or("a program");
                let observed = format!(
                    "{who} listens on {}:{port}, and containers on {bridge} do not reach it at {}: {}",
                    listener.address, shut.address, shut.verdict.by
                );
                answer.find(Finding::new(format!("{} {bridge}", way.target()), way.place(), observed));
            }
        }
        if !ways.iter().any(|way| way.is_here) {
            answer.nothing = Some("no container is known to need a service of this host".to_owned());
        }
    })
}
