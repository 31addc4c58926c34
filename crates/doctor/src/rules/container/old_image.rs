//! CTR005: the new image is here, and the container runs the old one.

use super::{each, is_service, place, tell};
use crate::facts::Facts;
use crate::facts::containers::Container;
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CTR005",
    severity: Severity::High,
    outlook: Outlook::Failing,
    title: "a container runs an older image than its name stands for",
    silent: "A container keeps the image that it was made from. `docker pull`, `docker build` and `docker restart` all end well and change \
             nothing of what runs: the deploy did nothing.",
    cure: "Make the container anew: `docker compose up -d`, or `docker rm` and `docker run`. Look that its data is in a volume first.",
    fix: Fix::Told,
    unless: "The image was pulled ahead of a planned change.",
    judge,
    bad: Fixture::facts("built again, and not made anew", |facts| {
        let image_now = Some("sha256:2".to_owned());
        tell(facts, vec![Container { image_now, ..Container::sound("api", "api:latest") }]);
    }),
    good: [
        Fixture::facts("a tag that was removed", |facts| {
            tell(facts, vec![Container { image_now: None, ..Container::sound("api", "api:1") }]);
        }),
        Fixture::facts("an old container that was stopped", |facts| {
            let image_now = Some("sha256:2".to_owned());
            let status = "exited".to_owned();
            tell(facts, vec![Container { image_now, status, ..Container::sound("api-old", "api:latest") }]);
        }),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each(facts, |container, answer| {
        let Some(now) = container.image_now.as_deref().filter(|now| *now != container.image_id) else {
            return;
        };
        if is_service(container) {
            let short = |id: &str| id.trim_start_matches("sha256:").chars().take(12).collect::<String>();
            let (runs, now) = (short(&container.image_id), short(now));
            let observed = format!("it runs {runs}, and {} is {now} by now", container.image);
            answer.find(Finding::new(&container.name, place(container), observed));
        }
    })
}
