//! IMG004: the program of an image is not in it.

use super::{each_recipe, place, program};
use crate::facts::Facts;
use crate::facts::recipes::Recipe;
use crate::rules::answer::{Answer, Finding};
use crate::rules::container;
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "IMG004",
    severity: Severity::Critical,
    outlook: Outlook::Failing,
    title: "the program that a container starts is not in its image",
    silent: "The build ends well: nothing in it starts the program. It fails where it is deployed, and a restart policy tries for ever.",
    cure: "Copy /usr/local/bin as well as site-packages, or better a whole virtual environment; or start it with python -m NAME.",
    fix: Fix::Told,
    unless: "The last stage installs it itself.",
    judge,
    bad: Fixture::files(
        "libraries without their programs",
        &[file(
            "/opt/api/Dockerfile",
            "FROM python:3.12 AS build\nRUN pip install gunicorn\nFROM python:3.12-slim\nCOPY --from=build /usr/local/lib/python3.12/site-packages /usr/local/lib/python3.12/site-packages\nUSER 1000\nCMD [\"gunicorn\", \"app:app\"]\n",
        )],
    ),
    good: [
        Fixture::files(
            "libraries and programs",
            &[file(
                "/opt/api/Dockerfile",
                "FROM python:3.12 AS build\nRUN pip install gunicorn\nFROM python:3.12-slim\nCOPY --from=build /usr/local/lib/python3.12/site-packages /usr/local/lib/python3.12/site-packages\nCOPY --from=build /usr/local/bin /usr/local/bin\nUSER 1000\nCMD [\"gunicorn\", \"app:app\"]\n",
            )],
        ),
        Fixture::files(
            "started as a module",
            &[file(
                "/opt/api/Dockerfile",
                "FROM python:3.12 AS build\nRUN pip install gunicorn\nFROM python:3.12-slim\nCOPY --from=build /usr/local/lib/python3.12/site-packages /usr/local/lib/python3.12/site-packages\nUSER 1000\nCMD [\"python\", \"-m\", \"gunicorn\", \"app:app\"]\n",
            )],
        ),
    ],
};

/// Programs that come with a Python package.
const SCRIPTS: [&str; 12] = [
    "gunicorn",
    "uvicorn",
    "celery",
    "flask",
    "alembic",
    "daphne",
    "hypercorn",
    "streamlit",
    "django-admin",
    "fastapi",
    "uwsgi",
    "granian",
];

fn judge(facts: &Facts) -> Answer {
    let mut answer = each_recipe(facts, |recipe, answer| {
        let Some(step) = recipe.last("ENTRYPOINT").or(recipe.last("CMD")) else { return };
        let words =
            step.exec_form().unwrap_or_else(|| step.words.split_whitespace().map(str::to_owned).collect());
        let Some(program) = program(&words).filter(|program| SCRIPTS.contains(program)) else { return };
        if copies_libraries_alone(recipe) {
            let observed =
                format!("{program} is a script of /usr/local/bin, and only the libraries were copied");
            answer.find(Finding::new(&recipe.path, place(recipe, step), observed));
        }
    });
    let running = container::each(facts, |container, answer| {
        let absent = container.error.contains("executable file not found")
            || (container.error.contains("exec:") && container.error.contains("no such file"));
        let gone =
            container.exit_code == 127 && ["restarting", "exited"].contains(&container.status.as_str());
        if absent || (gone && container.restart != "no") {
            let observed = match container.error.is_empty() {
                true => "it ended with 127: a program was not found".to_owned(),
                false => container.error.clone(),
            };
            answer.find(Finding::new(&container.name, container::place(container), observed));
        }
    });
    container::join(&mut answer, running);
    answer
}

/// The last stage takes site-packages of another stage, and nothing that could hold programs.
fn copies_libraries_alone(recipe: &Recipe) -> bool {
    let stage = recipe.last_stage();
    let copies = || stage.iter().filter(|step| step.verb == "COPY" && step.words.contains("--from="));
    let libraries =
        copies().any(|step| step.words.contains("site-packages") || step.words.contains("dist-packages"));
    let programs = copies().any(|step| {
        let sources = step.words.split_whitespace().filter(|word| !word.starts_with("--"));
        sources.into_iter().any(|path| {
            let path = path.trim_end_matches('/');
            path.ends_with("/bin")
                || path.contains("/bin/")
                || path.contains("venv")
                || path == "/usr/local"
                || path.contains(".local")
        })
    });
    let installs = stage.iter().any(|step| {
        step.verb == "RUN"
            && ["pip", "poetry", "uv ", "apt", "apk"].iter().any(|word| step.words.contains(word))
    });
    libraries && !programs && !installs
}
