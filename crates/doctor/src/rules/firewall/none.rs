//! FW010: no firewall, and more open than should be.

use super::live::confirmed;
use super::{each, filter, has_ufw, host, is_open_to_all, name, port, with_filter};
use crate::facts::Facts;
use crate::firewall::{Cause, Crossing, To};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

/// What is meant to be open.
const MEANT: [u16; 3] = [22, 80, 443];

pub(in crate::rules) const RULE: Rule = Rule {
    id: "FW010",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "a program is open to the internet and no firewall stands before it",
    silent: "Everybody believes that the provider's firewall closes it. Nothing on this host does.",
    cure: "Bind it to 127.0.0.1, a container's port as well, for ufw alone does not close those; then use ufw: `ufw allow OpenSSH`, \
           `ufw enable`. If the provider's firewall closes it, allow this with that as the reason.",
    fix: Fix::Told,
    unless: "The port is 22, 80 or 443, or some rule of this host other than Docker's own lets it in by name.",
    judge,
    bad: Fixture::facts("a container's port, and no rules but Docker's", |facts| {
        with_filter(facts, false, &filter("-A DOCKER-USER -j RETURN\n", "ACCEPT"));
    }),
    good: [
        Fixture::facts("ufw with nothing but ssh", |facts| {
            with_filter(facts, true, &filter("-A DOCKER-USER -i eth0 -j DROP\n", "ACCEPT"));
        }),
        Fixture::facts("only ssh listens", |facts| {
            host(facts, false, "");
            if let crate::facts::Fact::Known(firewall) = &mut facts.firewall {
                firewall.proxies = crate::facts::Fact::Known(Vec::new());
                if let crate::facts::Fact::Known(listeners) = &mut firewall.listeners {
                    listeners.retain(|one| one.port == 22);
                }
            }
        }),
    ],
};

/// Docker's own rules let it in: they follow from the port that was published, and nobody decided about the internet.
fn is_dockers(crossing: &Crossing) -> bool {
    let by = &crossing.verdict.by;
    matches!(crossing.to, To::Published { .. })
        && (by.chain.starts_with("DOCKER") || by.table.contains("docker"))
}

fn judge(facts: &Facts) -> Answer {
    // What goes past ufw is another rule's.
    let guarded = has_ufw(facts);
    each(facts, |_, table, answer| {
        let open = table.iter().filter(|crossing| {
            is_open_to_all(crossing)
                && matches!(crossing.to, To::Listener { .. } | To::Published { .. })
                && (matches!(crossing.verdict.by.cause, Cause::NoFilter | Cause::Policy)
                    || (!guarded && is_dockers(crossing)))
                && !MEANT.contains(&crossing.port)
        });
        for crossing in open {
            let who = name(&crossing.to);
            let observed = format!(
                "{who} answers the internet at {} port {}{}",
                crossing.address,
                crossing.port,
                confirmed(facts, crossing)
            );
            let family = if crossing.address.is_ipv4() { "IPv4" } else { "IPv6" };
            let place = Place { text: crossing.verdict.by.text.clone(), ..Place::of("listeners") };
            answer.find(Finding::new(format!("{who} {} {family}", port(crossing)), place, observed));
        }
    })
}
