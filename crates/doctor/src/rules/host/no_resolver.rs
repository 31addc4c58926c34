//! DNS001: a host that cannot ask for names.

use crate::facts::Facts;
use crate::facts::system::Resolver;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file, link};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "DNS001",
    severity: Severity::High,
    outlook: Outlook::Failing,
    title: "the host has nobody to ask for names",
    silent: "Programs that run already keep the addresses that they know. What starts anew waits, and then says something about a \
             network or a host that is not known.",
    cure: "Put the link right (`ln -sf /run/systemd/resolve/stub-resolv.conf /etc/resolv.conf` with systemd-resolved) or write \
           two `nameserver` lines.",
    fix: Fix::Told,
    unless: "Only files were read and the file is made when the host runs.",
    judge,
    bad: Fixture::files(
        "a link to what a removed program made",
        &[link("/etc/resolv.conf", "/etc/resolvconf/resolv.conf")],
    ),
    good: [
        Fixture::files(
            "two servers",
            &[file("/etc/resolv.conf", "nameserver 192.0.2.1\nnameserver 192.0.2.2\n")],
        ),
        Fixture::files(
            "a link to what is made when the host runs",
            &[link("/etc/resolv.conf", "../run/systemd/resolve/stub-resolv.conf")],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    Answer::of(&facts.system, |system, answer| {
        let inner = Answer::of(&system.resolver, |resolver, answer| {
            if let Some(observed) = wrong(resolver) {
                answer.find(Finding::new("/etc/resolv.conf", Place::of("/etc/resolv.conf"), observed));
            }
        });
        *answer = inner;
    })
}

fn wrong(resolver: &Resolver) -> Option<String> {
    match (&resolver.link, resolver.is_there) {
        (Some(link), false) => Some(format!("the link leads to {link}, where nothing is")),
        (None, false) => Some("the file is missing".to_owned()),
        (_, true) if resolver.servers.is_empty() => {
            Some("it names no server, so that only this host itself is asked".to_owned())
        }
        _ if resolver.behind.as_ref().is_some_and(Vec::is_empty) => {
            Some("it names systemd-resolved, which has no server to ask".to_owned())
        }
        _ => None,
    }
}
