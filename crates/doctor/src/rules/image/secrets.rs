//! IMG002: a secret that everybody gets who pulls the image.

use super::{each_recipe, place};
use crate::facts::Facts;
use crate::facts::recipes::{Recipe, Step};
use crate::rules::answer::Place;
use crate::rules::answer::{Answer, Finding};
use crate::rules::container;
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "IMG002",
    severity: Severity::Critical,
    outlook: Outlook::Failing,
    title: "a secret is baked into an image",
    silent: "ENV and ARG stay in the image's history, and a copied .env in its layers, even where a later step deletes it. Who may \
             pull the image has the secret, and nothing is logged.",
    cure: "Change the secret first: it is out. Then hand it over when the container is started, or with RUN --mount=type=secret, and put \
           .env into .dockerignore.",
    fix: Fix::Told,
    unless: "The value only fills a gap (dummy, placeholder) or comes from another variable.",
    judge,
    bad: Fixture::files(
        "a password and the whole folder",
        &[
            file(
                "/opt/api/Dockerfile",
                "FROM node:22\nENV DB_PASSWORD=hunter2\nCOPY . /app\nUSER node\nCMD [\"node\", \"x.js\"]\n",
            ),
            file("/opt/api/.env", "DB_PASSWORD=hunter2\n"),
        ],
    ),
    good: [
        Fixture::files(
            "names that only look like secrets, and a .env that is kept out",
            &[
                file(
                    "/opt/api/Dockerfile",
                    "FROM node:22\nARG NPM_TOKEN\nENV DB_PASSWORD_FILE=/run/secrets/db SECRET_KEY=dummy\nCOPY . /app\nUSER node\n",
                ),
                file("/opt/api/.env", "A=1\n"),
                file("/opt/api/.dockerignore", "node_modules\n.env\n"),
            ],
        ),
        Fixture::files(
            "a .env of the build only: a stage that is left behind",
            &[
                file(
                    "/opt/api/Dockerfile",
                    "FROM node:22 AS build\nCOPY . /src\nRUN make\nFROM nginx:1.27\nCOPY --from=build /src/dist /var/www\n",
                ),
                file("/opt/api/.env", "A=1\n"),
            ],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    let mut answer = each_recipe(facts, |recipe, answer| {
        // Of stages before the last only the build's own history knows.
        for step in recipe.last_stage() {
            if !step.sets.is_empty() {
                let observed = format!("{} gives a value to {}", step.verb, step.sets.join(", "));
                let subject = format!("{} {}", recipe.path, step.sets.join(","));
                answer.find(Finding::new(subject, place(recipe, step), observed));
            } else if let Some(observed) = copies_env(recipe, step) {
                answer.find(Finding::new(format!("{} .env", recipe.path), place(recipe, step), observed));
            }
        }
    });
    let images = Answer::of(&facts.containers, |containers, answer| {
        for image in &containers.images {
            let user = containers.all.iter().find(|container| container.image_id == image.id);
            let name = user.map_or(image.id.as_str(), |container| container.image.as_str());
            let mut found = |names: &[String], what: &str| {
                if !names.is_empty() {
                    let observed = format!("{what}: {}", names.join(", "));
                    answer.find(Finding::new(name, Place::of(format!("docker history {name}")), observed));
                }
            };
            found(&image.secrets, "values in its ENV");
            found(&image.build_secrets, "values of build arguments in its history");
        }
    });
    container::join(&mut answer, images);
    answer
}

/// What copies a `.env` into the image, and how.
fn copies_env(recipe: &Recipe, step: &Step) -> Option<String> {
    if !matches!(step.verb.as_str(), "COPY" | "ADD") || step.words.contains("--from=") {
        return None;
    }
    let words =
        step.exec_form().unwrap_or_else(|| step.words.split_whitespace().map(str::to_owned).collect());
    let words: Vec<&String> = words.iter().filter(|word| !word.starts_with("--")).collect();
    let (_, sources) = words.split_last()?;
    let plain = |word: &str| word.trim_start_matches("./").trim_end_matches('/').to_owned();
    if sources.iter().any(|source| plain(source) == ".env") {
        return Some("it copies .env".to_owned());
    }
    let whole = sources.iter().any(|source| matches!(plain(source).as_str(), "" | "." | "*"));
    (whole && recipe.env_file && !recipe.env_ignored)
        .then(|| "it copies the whole folder, .env with it: .dockerignore does not keep it out".to_owned())
}
