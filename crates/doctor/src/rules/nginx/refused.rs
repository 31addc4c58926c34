//! NGX001: nginx refuses its own configuration.

use super::nginx;
use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "NGX001",
    severity: Severity::Critical,
    outlook: Outlook::Failing,
    title: "nginx would not start again",
    silent: "It goes on with what it read when it started. Reloads are refused in its log, and the next restart or reboot leaves \
             every site down.",
    cure: "Put right what `nginx -t` names, then reload.",
    fix: Fix::Told,
    unless: "It does not run here, or a warning is all that it has to say.",
    judge,
    bad: Fixture::with(
        "a certificate that is gone",
        &[file("/etc/nginx/nginx.conf", "http {}\n")],
        |facts| tell(facts, Fact::Known("[emerg] cannot load certificate \"/etc/ssl/shop.pem\"".to_owned())),
    ),
    good: [
        Fixture::with("nginx has nothing to say", &[file("/etc/nginx/nginx.conf", "http {}\n")], |facts| {
            tell(facts, Fact::Known(String::new()));
        }),
        Fixture::with("nginx does not run", &[file("/etc/nginx/nginx.conf", "http {\n")], |facts| {
            tell(facts, Fact::nothing("nginx does not run"));
        }),
    ],
};

fn tell(facts: &mut Facts, test: Fact<String>) {
    if let Fact::Known(nginx) = &mut facts.nginx {
        nginx.test = test;
    }
}

fn judge(facts: &Facts) -> Answer {
    nginx(facts, |nginx, answer| match &nginx.test {
        Fact::Known(said) if said.is_empty() => {}
        Fact::Known(said) => answer.find(Finding::new("nginx -t", Place::of("nginx -t"), said)),
        Fact::Unknown { why } => answer.blind(why),
        Fact::Nothing { why } => answer.nothing = Some(why.clone()),
    })
}
