//! IMG001: a program that is root in its container.

use super::{each_recipe, place};
use crate::facts::Facts;
use crate::facts::containers::Container;
use crate::rules::answer::{Answer, Finding};
use crate::rules::container;
use crate::rules::fixture::{Fixture, file};
use crate::rules::memory;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "IMG001",
    severity: Severity::Medium,
    outlook: Outlook::Hygiene,
    title: "a program runs as root in its container",
    silent: "It works, and better than without. A hole in the program is then a hole in everything that is mounted.",
    cure: "Add USER with a number of its own after the last step that needs root, and chown what it writes to.",
    fix: Fix::Told,
    unless: "It begins as root and gives that up, as the images of databases do, or `user:` is set where it is run.",
    judge,
    bad: Fixture::files(
        "no USER",
        &[file(
            "/opt/api/Dockerfile",
            "FROM node:22-slim\nCOPY . /app\nCMD [\"node\", \"/app/server.js\"]\n",
        )],
    ),
    good: [
        Fixture::files(
            "a USER in the last stage, root before it",
            &[file(
                "/opt/api/Dockerfile",
                "FROM node:22-slim\nUSER root\nRUN apt-get update\nUSER 1000:1000\nCMD [\"node\", \"/app/server.js\"]\n",
            )],
        ),
        Fixture::facts("a database that gave root up", |facts| {
            memory::tell(facts, |processes| processes.running[0].uid = 999);
            container::tell(facts, vec![Container::sound("db", "postgres:16")]);
        }),
    ],
};

fn judge(facts: &Facts) -> Answer {
    let mut answer = each_recipe(facts, |recipe, answer| {
        let starts = recipe.last("CMD").or(recipe.last("ENTRYPOINT"));
        let Some(starts) = starts else { return };
        let base = super::base(recipe.last_stage());
        // Images that end as another user already.
        let other = base.contains("nonroot") || base.contains("unprivileged") || base.contains("rootless");
        let script = starts.words.contains("gosu")
            || starts.words.contains("su-exec")
            || starts.words.contains("entrypoint");
        let user =
            recipe.last("USER").map(|step| step.words.split(':').next().unwrap_or_default().to_owned());
        let root = user.as_deref().is_none_or(|user| user == "root" || user == "0");
        // A stage of ours goes on as the user of that stage: left to the one who reads it.
        let ours = recipe.steps.iter().any(|step| {
            step.verb == "FROM"
                && step.words.to_ascii_lowercase().ends_with(&format!(" as {}", base.to_ascii_lowercase()))
        });
        if root && !other && !script && !ours {
            let at = recipe.last("USER").unwrap_or(starts);
            let observed =
                if user.is_some() { "its last USER is root" } else { "there is no USER in its last stage" };
            answer.find(Finding::new(&recipe.path, place(recipe, at), observed));
        }
    });
    let running = container::each(facts, |container, answer| {
        let process = facts.processes.known().and_then(|processes| processes.of(container.pid));
        if container.status == "running"
            && !container.passing
            && process.is_some_and(|process| process.uid == 0)
        {
            let observed = "its first process is root of the host as well";
            answer.find(Finding::new(&container.name, container::place(container), observed));
        }
    });
    container::join(&mut answer, running);
    answer
}
