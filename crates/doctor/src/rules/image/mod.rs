//! Traps of images: in their Dockerfiles, and in what runs of them.

pub(super) mod absent_command;
pub(super) mod absent_health;
pub(super) mod deaf;
pub(super) mod root;
pub(super) mod secrets;

use super::answer::{Answer, Place};
use crate::facts::Facts;
use crate::facts::recipes::{Recipe, Step};

/// Judges each Dockerfile, and passes on what could not be read.
fn each_recipe(facts: &Facts, mut judge: impl FnMut(&Recipe, &mut Answer)) -> Answer {
    Answer::of(&facts.recipes, |recipes, answer| {
        for (what, why) in &recipes.unseen {
            answer.blind(format!("{what}: {why}"));
        }
        for recipe in &recipes.all {
            judge(recipe, answer);
        }
    })
}

/// Where an instruction stands.
fn place(recipe: &Recipe, step: &Step) -> Place {
    Place::line(&recipe.path, step.line, format!("{} {}", step.verb, step.words))
}

/// The image of a stage, without its tag's meaning: `python:3.12-slim`.
fn base(stage: &[Step]) -> &str {
    let words = stage.first().map(|step| step.words.as_str()).unwrap_or_default();
    words.split_whitespace().find(|word| !word.starts_with("--")).unwrap_or_default()
}

/// The programs that an instruction such as CMD starts first.
fn program(words: &[String]) -> Option<&str> {
    words.iter().map(String::as_str).find(|word| !word.contains('=') && *word != "exec")
}
