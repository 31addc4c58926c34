//! DNS002: one name server, and none in its place.

use crate::facts::Facts;
use crate::facts::system::Resolver;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "DNS002",
    severity: Severity::Low,
    outlook: Outlook::Hygiene,
    title: "all names hang on one server",
    silent: "As long as it answers nothing is amiss. When it does not, each lookup waits ten seconds and fails, and everything \
             seems slow or down at once.",
    cure: "Add a second `nameserver` of another provider, or DNS= with two addresses for systemd-resolved.",
    fix: Fix::Told,
    unless: "The one is a resolver of this host itself, or the address of a cloud that stands for several (169.254.0.0/16).",
    judge,
    bad: Fixture::files("one server", &[file("/etc/resolv.conf", "nameserver 192.0.2.1\n")]),
    good: [
        Fixture::files(
            "a resolver of the host itself",
            &[file("/etc/resolv.conf", "search shop.test\nnameserver 127.0.0.1\n")],
        ),
        Fixture::files(
            "one, and another in a line of its own",
            &[file(
                "/etc/resolv.conf",
                "nameserver 192.0.2.1\n# nameserver 192.0.2.9\nnameserver 2001:db8::1\n",
            )],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    Answer::of(&facts.system, |system, answer| {
        let inner = Answer::of(&system.resolver, |resolver, answer| {
            if let Some((line, server)) = only(resolver) {
                let place = Place::line("/etc/resolv.conf", line, format!("nameserver {server}"));
                answer.find(Finding::new("/etc/resolv.conf", place, format!("{server} is the only server")));
            }
        });
        *answer = inner;
    })
}

/// The one server of a host that has no other.
fn only(resolver: &Resolver) -> Option<(u32, String)> {
    let [(line, first)] = resolver.servers.as_slice() else { return None };
    let server = match resolver.behind.as_deref() {
        Some([one]) => one,
        Some(_) => return None,
        None => first,
    };
    let own = server.starts_with("127.") || server == "::1" || server.starts_with("169.254.");
    (!own).then(|| (*line, server.clone()))
}
