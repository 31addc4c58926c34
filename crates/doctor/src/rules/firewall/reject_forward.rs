//! FW016: Docker 28.0 beside ufw that rejects what passes through.

use super::need_closed::in_container;
use super::{filter, with_filter};
use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "FW016",
    severity: Severity::High,
    outlook: Outlook::Failing,
    title: "Docker 28.0 loses its way out beside ufw that rejects",
    silent: "With DROP it works: a policy comes after all rules. REJECT is a rule of ufw's, and Docker 28.0 puts its own behind it, \
             so containers are refused and published ports are closed once ufw was loaded.",
    cure: "Upgrade Docker to 28.1, or write DEFAULT_FORWARD_POLICY=\"DROP\" to /etc/default/ufw, `ufw reload`, and restart Docker.",
    fix: Fix::Disruptive,
    unless: "Docker is of another version, ufw is not enabled, or drops.",
    judge,
    bad: Fixture::facts("Docker 28.0.1, and ufw that rejects", |facts| rejecting(facts, "28.0.1", "REJECT")),
    good: [
        Fixture::facts("ufw drops", |facts| rejecting(facts, "28.0.1", "DROP")),
        Fixture::facts("a later Docker", |facts| rejecting(facts, "28.1.0", "REJECT")),
    ],
};

fn rejecting(facts: &mut Facts, version: &str, policy: &str) {
    with_filter(facts, true, &filter("-A DOCKER-USER -j RETURN\n", "ACCEPT"));
    in_container(facts, "/opt/shop");
    if let Fact::Known(containers) = &mut facts.containers {
        version.clone_into(&mut containers.version);
    }
    if let Fact::Known(ufw) = &mut facts.ufw {
        policy.clone_into(&mut ufw.forward);
        ufw.forward_line = Some(19);
    }
}

fn judge(facts: &Facts) -> Answer {
    Answer::of(&facts.ufw, |ufw, answer| {
        if !ufw.enabled || !ufw.forward.eq_ignore_ascii_case("REJECT") {
            answer.nothing = Some("ufw does not reject what passes through".to_owned());
            return;
        }
        match &facts.containers {
            Fact::Known(engine) if engine.version.starts_with("28.0.") => {
                let place = Place {
                    line: ufw.forward_line,
                    text: format!("DEFAULT_FORWARD_POLICY=\"{}\"", ufw.forward),
                    ..Place::of("/etc/default/ufw")
                };
                let observed = format!("Docker {} puts its rules behind ufw's REJECT", engine.version);
                answer.find(Finding::new("docker", place, observed));
            }
            Fact::Known(_) => {}
            Fact::Unknown { why } => answer.blind(why.clone()),
            Fact::Nothing { why } => answer.nothing = Some(why.clone()),
        }
    })
}
