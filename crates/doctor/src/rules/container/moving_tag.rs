//! CTR003: an image whose name means something else tomorrow.

use super::{is_service, place, tell};
use crate::facts::Facts;
use crate::facts::containers::Container;
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CTR003",
    severity: Severity::Medium,
    outlook: Outlook::Hygiene,
    title: "a container runs a tag that moves",
    silent: "`latest` is whatever was pushed last. The next pull brings another version, and nothing says which one ran before.",
    cure: "Name a version, or better the digest: IMAGE@sha256 and what follows.",
    fix: Fix::Told,
    unless: "The image was built on this host and never pulled.",
    judge,
    bad: Fixture::facts("latest, because no tag was named", |facts| {
        tell(facts, vec![Container::sound("db", "registry.example.com:5000/postgres")]);
    }),
    good: [
        Fixture::facts("a version at a registry with a port, and a digest", |facts| {
            let digest = "postgres@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
            let tagged = Container::sound("db", "registry.example.com:5000/postgres:16.4");
            tell(facts, vec![tagged, Container::sound("other", digest)]);
        }),
        Fixture::facts("an image that was built here", |facts| {
            let built =
                Container { image_id: "sha256:2".to_owned(), ..Container::sound("api", "api:latest") };
            tell(facts, vec![built]);
        }),
    ],
};

fn judge(facts: &Facts) -> Answer {
    Answer::of(&facts.containers, |containers, answer| {
        for (what, why) in &containers.unseen {
            answer.blind(format!("{what}: {why}"));
        }
        for container in containers.all.iter().filter(|container| is_service(container)) {
            let pulled = containers.images.iter().any(|image| image.id == container.image_id && image.pulled);
            let name = &container.image;
            let last = name.rsplit('/').next().unwrap_or(name);
            let tag = last.split_once(':').map(|(_, tag)| tag);
            let moves =
                tag.is_none_or(|tag| tag == "latest") && !name.contains('@') && !name.starts_with("sha256:");
            if moves && pulled {
                answer.find(Finding::new(&container.name, place(container), format!("its image is {name}")));
            }
        }
    })
}
