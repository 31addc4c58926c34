//! CTR002: a container that is "up" as long as its first process lives.

use super::{each, is_service, place, tell};
use crate::facts::Fact;
use crate::facts::Facts;
use crate::facts::containers::Container;
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CTR002",
    severity: Severity::Medium,
    outlook: Outlook::Hygiene,
    title: "nobody asks a container whether it works",
    silent: "Docker calls a container up as long as its first process lives, whether it answers or hangs.",
    cure: "Give it a HEALTHCHECK with a program that is in the image, and let muster look at what it serves: Docker itself \
           only writes the answer down.",
    fix: Fix::Told,
    unless: "A check of muster, or another watchman, looks at what it serves from outside.",
    judge,
    bad: Fixture::facts("an image without a health check", |facts| {
        let health = Fact::nothing("nobody asks for its health");
        tell(facts, vec![Container { health, ..Container::sound("api", "api:1") }]);
    }),
    good: [
        Fixture::facts("one that has just been started", |facts| {
            let mut container = Container::sound("api", "api:1");
            if let Fact::Known(health) = &mut container.health {
                health.status = "starting".to_owned();
            }
            tell(facts, vec![container]);
        }),
        Fixture::facts("a job that goes when it ends", |facts| {
            let health = Fact::nothing("nobody asks for its health");
            tell(facts, vec![Container { health, passing: true, ..Container::sound("job", "job:1") }]);
        }),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each(facts, |container, answer| match &container.health {
        Fact::Nothing { .. } if is_service(container) => {
            answer.find(Finding::new(&container.name, place(container), "it has no health check"));
        }
        Fact::Unknown { why } => answer.blind(why.clone()),
        _ => {}
    })
}
