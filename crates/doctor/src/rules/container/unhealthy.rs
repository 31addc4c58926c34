//! CTR008: Docker knows that a container does not work, and lets it be.

use super::{each, is_service, place, tell};
use crate::facts::Fact;
use crate::facts::Facts;
use crate::facts::containers::Container;
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CTR008",
    severity: Severity::High,
    outlook: Outlook::Failing,
    title: "a container is unhealthy and nobody acts on it",
    silent: "Docker asks for the health and writes the answer down. It restarts nothing for it: the word (unhealthy) in `docker ps` is all.",
    cure: "Look at what the check says (`docker inspect NAME`), mend it, and let something act: a check of muster, or Swarm.",
    fix: Fix::Told,
    unless: "An orchestrator keeps it, which replaces it.",
    judge,
    bad: Fixture::facts("unhealthy for a while", |facts| {
        let mut container = Container::sound("api", "api:1");
        if let Fact::Known(health) = &mut container.health {
            (health.status, health.streak) = ("unhealthy".to_owned(), 40);
        }
        tell(facts, vec![container]);
    }),
    good: [
        Fixture::facts("one failure, which is not yet unhealthy", |facts| {
            let mut container = Container::sound("api", "api:1");
            if let Fact::Known(health) = &mut container.health {
                health.streak = 1;
            }
            tell(facts, vec![container]);
        }),
        Fixture::facts("unhealthy when it was stopped", |facts| {
            let mut container = Container { status: "exited".to_owned(), ..Container::sound("api", "api:1") };
            if let Fact::Known(health) = &mut container.health {
                health.status = "unhealthy".to_owned();
            }
            tell(facts, vec![container]);
        }),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each(facts, |container, answer| {
        let Some(health) = container.health.known() else { return };
        if is_service(container) && health.status == "unhealthy" {
            let code = health.exit_code.map(|code| format!(", the last with {code}")).unwrap_or_default();
            let observed = format!("unhealthy: {} failures in a row{code}", health.streak);
            let mut place = place(container);
            place.text.clone_from(&health.output);
            answer.find(Finding::new(&container.name, place, observed));
        }
    })
}
