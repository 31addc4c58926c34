//! IMG003: a health check whose program is not in the image.

use super::{base, each_recipe, place};
use crate::facts::Facts;
use crate::facts::containers::Health;
use crate::facts::recipes::Recipe;
use crate::rules::answer::{Answer, Finding};
use crate::rules::container;
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "IMG003",
    severity: Severity::High,
    outlook: Outlook::Failing,
    title: "a health check's program is not in the image",
    silent: "The check fails for ever, the container is called unhealthy for ever, and people learn to look away.",
    cure: "Install the program, or ask with what is there: python -c, node -e, wget of busybox, or the server's own client.",
    fix: Fix::Told,
    unless: "A step installs it, or copies it in.",
    judge,
    bad: Fixture::files(
        "curl in a slim image",
        &[file(
            "/opt/api/Dockerfile",
            "FROM python:3.12-slim\nUSER 1000\nHEALTHCHECK --interval=30s CMD curl -f http://localhost:8000/ || exit 1\nCMD [\"python\", \"x.py\"]\n",
        )],
    ),
    good: [
        Fixture::files(
            "curl in the large image of the same language",
            &[file(
                "/opt/api/Dockerfile",
                "FROM python:3.12\nUSER 1000\nHEALTHCHECK CMD curl -f http://localhost:8000/\nCMD [\"python\", \"x.py\"]\n",
            )],
        ),
        Fixture::files(
            "curl that was installed",
            &[file(
                "/opt/api/Dockerfile",
                "FROM python:3.12-slim\nRUN apt-get update && \\\n    apt-get install -y curl\nUSER 1000\nHEALTHCHECK CMD curl -f http://localhost:8000/\nCMD [\"python\", \"x.py\"]\n",
            )],
        ),
    ],
};

/// Programs that small images have not.
const CALLERS: [&str; 3] = ["curl", "wget", "nc"];

fn judge(facts: &Facts) -> Answer {
    let mut answer = each_recipe(facts, |recipe, answer| {
        let Some(step) = recipe.last("HEALTHCHECK") else { return };
        let Some((_, command)) = step.words.split_once("CMD") else { return };
        let words = |word: &str| command.split([' ', '"', '[', ',', '(']).any(|piece| piece == word);
        let missing = CALLERS.iter().find(|caller| words(caller) && lacks(base(recipe.last_stage()), caller));
        if let Some(caller) = missing.filter(|caller| !brings(recipe, caller)) {
            let observed = format!("{} has no {caller}, and no step brings it", base(recipe.last_stage()));
            answer.find(Finding::new(&recipe.path, place(recipe, step), observed));
        }
    });
    let running = container::each(facts, |container, answer| {
        let Some(health) = container.health.known().filter(|health| is_absent(health)) else { return };
        let mut place = container::place(container);
        place.text.clone_from(&health.output);
        let observed =
            format!("the engine cannot find what its health check starts: {}", health.test.join(" "));
        answer.find(Finding::new(&container.name, place, observed));
    });
    container::join(&mut answer, running);
    answer
}

fn is_absent(health: &Health) -> bool {
    let said = health.output.contains("not found") || health.output.contains("no such file");
    health.status != "healthy"
        && said
        && matches!(health.exit_code, Some(-1 | 126 | 127 | 1))
        && (health.exit_code != Some(1)
            || CALLERS.iter().any(|caller| health.output.contains(&format!("{caller}: not found"))))
}

/// An image of which it is known that it has not this program.
fn lacks(base: &str, caller: &str) -> bool {
    let name = base.rsplit('/').next().unwrap_or(base);
    if base.contains("distroless") || base == "scratch" {
        return true;
    }
    if name.contains("alpine") {
        // Busybox brings wget and nc.
        return caller == "curl" && !name.starts_with("nginx");
    }
    let debian = ["debian:", "ubuntu:"].iter().any(|start| name.starts_with(start))
        || ["debian", "ubuntu"].contains(&name);
    debian || name.contains("-slim")
}

/// A step of the last stage may bring it: it is named in one, or a script of our own runs.
fn brings(recipe: &Recipe, caller: &str) -> bool {
    let all = recipe.last_stage();
    let caller = if caller == "nc" { "netcat" } else { caller };
    all.iter().filter(|step| matches!(step.verb.as_str(), "RUN" | "COPY" | "ADD")).any(|step| {
        step.words.contains(caller)
            || step.words.contains("<<")
            || (step.verb == "RUN" && step.words.contains(".sh"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_images_lack_what_large_ones_have() {
        for (base, caller) in [
            ("python:3.12-slim", "curl"),
            ("node:22-alpine", "curl"),
            ("debian:12", "wget"),
            ("gcr.io/distroless/nodejs22", "wget"),
            ("registry.example.com:5000/ubuntu", "curl"),
        ] {
            assert!(lacks(base, caller), "{base} {caller}");
        }
        for (base, caller) in [
            ("python:3.12", "curl"),
            ("node:22-alpine", "wget"),
            ("nginx:1.27-alpine", "curl"),
            ("registry.example.com/ours:1", "curl"),
        ] {
            assert!(!lacks(base, caller), "{base} {caller}");
        }
    }

    #[test]
    fn what_the_engine_says_is_enough() {
        let health = |exit_code, output: &str| Health {
            status: "unhealthy".to_owned(),
            streak: 9,
            test: vec!["CMD".to_owned(), "curl".to_owned()],
            exit_code: Some(exit_code),
            output: output.to_owned(),
        };
        let engine = "OCI runtime exec failed: exec failed: \"curl\": executable file not found in $PATH";
        assert!(is_absent(&health(-1, engine)));
        assert!(is_absent(&health(1, "/bin/sh: 1: curl: not found")));
        assert!(!is_absent(&health(1, "404 page not found")), "what a server answers");
        assert!(!is_absent(&health(22, "curl: (22) The requested URL returned error: 404 not found")));
    }
}
