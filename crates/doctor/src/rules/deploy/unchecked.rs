//! DEP004: a deploy that is green whatever came of it.

use muster_host::discover::command::basename;

use super::deploys;
use crate::facts::Facts;
use crate::facts::cron::{Step, Wrapper};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, program};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "DEP004",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "a deploy script ends well when the deploy did not",
    silent: "A start returns before the program has begun to work, a reload that is refused keeps the old one, and without `set -e` the \
             script goes on after a build that failed. Its last word is success each time.",
    cure: "Begin with `set -euo pipefail`; after the start wait for an answer (`docker compose up -d --wait`, or `curl -fsS --retry 10 \
           --retry-connrefused URL`), and put the version before back when none comes.",
    fix: Fix::Told,
    unless: "Something in the script looks at the result: curl, wget, nc, is-active, inspect, --wait, a test, or a function or script named \
             for a check.",
    judge,
    bad: Fixture::files(
        "pull, build, restart, and no look back",
        &[program(
            "/opt/shop/deploy.sh",
            "#!/bin/bash\ncd /opt/shop\ngit pull\nnpm ci\nsystemctl restart shop\necho deployed\n",
        )],
    ),
    good: [
        Fixture::files(
            "one that waits for an answer",
            &[program(
                "/opt/shop/deploy.sh",
                "#!/bin/bash\nset -euo pipefail\ngit pull --ff-only\ndocker compose up -d --build\nnginx -t && nginx -s reload\n\
                 curl -fsS --retry 10 --retry-connrefused http://127.0.0.1:3000/health\n",
            )],
        ),
        Fixture::files(
            "one in a single chain, with a check of its own",
            &[program(
                "/opt/shop/scripts/deploy",
                "#!/bin/sh\ngit pull && npm ci && pm2 reload shop && ./scripts/smoke-test.sh\n",
            )],
        ),
    ],
};

/// Words before a command that are none of it.
const BEFORE: [&str; 12] =
    ["if", "!", "then", "else", "elif", "do", "while", "until", "sudo", "exec", "time", "{"];
/// Programs that look at something.
const LOOKS: [&str; 16] = [
    "curl",
    "wget",
    "nc",
    "ncat",
    "http",
    "httpie",
    "pg_isready",
    "muster",
    "goss",
    "[",
    "[[",
    "test",
    "timeout",
    "jq",
    "k6",
    "xh",
];
/// Parts of the names of functions and scripts that look at something.
const CHECKS: [&str; 7] = ["check", "health", "smoke", "verify", "wait", "probe", "test"];

fn judge(facts: &Facts) -> Answer {
    deploys(
        facts,
        |_| false,
        |deploys, answer| {
            if deploys.scripts.is_empty() {
                answer.nothing = Some("no script is named for a deploy".to_owned());
            }
            deploys.scripts.iter().for_each(|script| look(script, answer));
        },
    )
}

fn look(script: &Wrapper, answer: &mut Answer) {
    let steps: Vec<(&Step, Vec<&str>)> = script.steps.iter().map(|step| (step, bare(step))).collect();
    let mut find = |what: &str, step: &Step, observed: &str| {
        let place = Place::line(&script.path, step.line, step.text());
        answer.find(Finding::new(format!("{}: {what}", script.path), place, observed));
    };
    let by_image = |step: &Step| {
        let has = |part: &str| step.words.iter().any(|word| word.contains(part));
        has("docker") && has("ancestor=")
    };
    if let Some((step, _)) = steps.iter().find(|(step, _)| by_image(step)) {
        let observed = "the container is picked by its image: after a build or a pull that name stands for another image, \
                        and the old container is not found";
        find("ancestor", step, observed);
    }
    let ends = ends_at_failure(script);
    let reload = (0..steps.len()).find(|at| reloads(&steps[*at].1) && ignored(&steps, *at, ends));
    if let Some(at) = reload {
        let observed = "nobody looks whether the reload was refused; then the old configuration goes on";
        find("reload", steps[at].0, observed);
    }
    let Some(last) = steps.iter().rposition(|(_, words)| starts(words)) else { return };
    let goes_on = (0..last).find(|at| {
        let next = steps.get(at + 1).map(|(step, _)| step.text()).unwrap_or_default();
        prepares(&steps[*at].1) && alone(steps[*at].0) && !next.contains("$?")
    });
    if let Some(at) = goes_on.filter(|_| !ends) {
        let observed =
            "when this fails the script goes on, and starts what was there before or half of the new";
        find("goes on", steps[at].0, observed);
    }
    // A function stands above the place where it is called.
    let has_functions = steps.iter().any(|(step, _)| step.words.len() == 1 && step.after == "(");
    let first = if has_functions { 0 } else { last };
    if !steps[first..].iter().any(|(step, words)| looks(step, words)) {
        find("no look back", steps[last].0, "nothing in the script looks whether this came up");
    }
}

/// The words of a command, without quotes and what stands before it.
fn bare(step: &Step) -> Vec<&str> {
    let words = step.words.iter().map(|word| word.trim_matches(['"', '\'']));
    words.skip_while(|word| BEFORE.contains(word) || crate::shell::is_assignment(word)).collect()
}

/// The shell ends at the first failure.
fn ends_at_failure(script: &Wrapper) -> bool {
    let letters = |word: &str| word.starts_with('-') && !word.starts_with("--") && word.contains('e');
    let by_trap = |step: &Step| {
        step.words.first().is_some_and(|word| word == "trap") && step.words.iter().any(|word| word == "ERR")
    };
    let by_set = |step: &Step| {
        step.words.first().is_some_and(|word| word == "set")
            && step.words.iter().skip(1).any(|word| letters(word) || word == "errexit")
    };
    script.interpreter.split_whitespace().skip(1).any(letters)
        || script.steps.iter().any(|step| by_set(step) || by_trap(step))
}

/// Its failure changes nothing of what comes next.
fn alone(step: &Step) -> bool {
    let is_condition =
        step.words.first().is_some_and(|word| ["if", "elif", "while", "until", "!"].contains(&word.as_str()));
    ["\n", ";"].contains(&step.after.as_str()) && !is_condition
}

fn reloads(words: &[&str]) -> bool {
    let has = |word: &str| words.contains(&word);
    match words.first().map(|word| basename(word)) {
        Some("nginx") => has("-s") && has("reload"),
        Some("systemctl" | "service") => has("reload") && words.iter().any(|word| word.contains("nginx")),
        Some("docker" | "docker-compose") => has("nginx") && has("-s") && has("reload"),
        _ => false,
    }
}

/// Whether nobody learns how a step ended: the steps after it go on in any case.
fn ignored(steps: &[(&Step, Vec<&str>)], at: usize, ends: bool) -> bool {
    let Some((step, _)) = steps.get(at) else { return false };
    let Some((next, words)) = steps.get(at + 1) else { return false };
    let excused = words.first().is_some_and(|word| ["true", ":"].contains(word));
    (step.after == "||" && excused) || (!ends && alone(step) && !next.text().contains("$?"))
}

/// Starts the new version.
fn starts(words: &[&str]) -> bool {
    let has = |word: &str| words.contains(&word);
    let any = |all: &[&str]| all.iter().any(|word| has(word));
    match words.first().map(|word| basename(word)) {
        Some("docker") => {
            (has("compose") && any(&["up", "restart"]))
                || (has("run") && any(&["-d", "--detach"]))
                || has("restart")
        }
        Some("docker-compose") => any(&["up", "restart"]),
        Some("systemctl") => any(&["restart", "start", "reload-or-restart", "try-restart"]),
        Some("service") => has("restart"),
        Some("pm2") => any(&["restart", "reload", "start", "startOrReload", "startOrRestart"]),
        Some("supervisorctl") => any(&["restart", "start"]),
        _ => false,
    }
}

/// Fetches or makes the new version.
fn prepares(words: &[&str]) -> bool {
    let has = |word: &str| words.contains(&word);
    let any = |all: &[&str]| all.iter().any(|word| has(word));
    match words.first().map(|word| basename(word)) {
        Some("git") => any(&["pull", "fetch", "checkout", "clone"]),
        Some("npm" | "yarn" | "pnpm" | "bun") => any(&["ci", "install", "build", "run"]),
        Some("pip" | "pip3" | "bundle" | "composer" | "poetry" | "uv") => any(&["install", "sync"]),
        Some("docker" | "docker-compose") => any(&["build", "pull"]),
        Some("cargo" | "go") => has("build"),
        Some("make") => true,
        Some("python" | "python3") => has("migrate"),
        _ => false,
    }
}

/// Looks at a result.
fn looks(step: &Step, words: &[&str]) -> bool {
    let waits = |word: &String| {
        ["--wait", "--atomic", "is-active", "--fail"].contains(&word.as_str()) || word.contains("curl ")
    };
    if step.words.iter().any(waits) {
        return true;
    }
    let Some(first) = words.first() else { return false };
    let (program, has) = (basename(first), |word: &str| words.contains(&word));
    let named = || CHECKS.iter().any(|word| program.to_ascii_lowercase().contains(word));
    match program {
        "docker" | "docker-compose" => has("inspect") || has("ps"),
        "systemctl" | "pm2" | "supervisorctl" | "service" => has("status") || has("describe"),
        // Their tests come before the start.
        "npm" | "yarn" | "pnpm" => false,
        other => LOOKS.contains(&other) || named(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell;

    fn told(text: &str) -> String {
        let step = |command: &shell::Command| Step {
            line: command.line,
            before: command.before.to_owned(),
            after: command.after.to_owned(),
            words: command.words.iter().map(|word| word.raw.clone()).collect(),
        };
        let (first, _) = text.split_once('\n').expect("a line");
        let script = Wrapper {
            path: "/d".to_owned(),
            interpreter: first.trim_start_matches("#!").to_owned(),
            steps: shell::commands(text).iter().map(step).collect(),
        };
        let mut answer = Answer::default();
        look(&script, &mut answer);
        let shown = |one: &Finding| {
            format!("{}@{}", one.subject.trim_start_matches("/d: "), one.place.line.unwrap_or(0))
        };
        answer.findings.iter().map(shown).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn scripts_are_told_apart_by_what_they_look_at() {
        for (text, found) in [
            ("#!/bin/sh -e\ngit pull\nsystemctl restart a\n", "no look back@3"),
            ("#!/bin/sh\ngit pull || exit 1\nsystemctl restart a\nsystemctl is-active a\n", ""),
            ("#!/bin/sh\ngit pull\nif [ $? -ne 0 ]; then exit 1; fi\npm2 reload a; curl -f x\n", ""),
            ("#!/bin/sh\nset -e\n[ -n \"$1\" ]\ndocker compose up -d\n", "no look back@4"),
            ("#!/bin/sh\nset -e\ndocker compose up -d --wait\n", ""),
            ("#!/bin/sh\nset -e\nok() {\n  curl -f x\n}\ndocker compose up -d\nok\n", ""),
            ("#!/bin/sh\nset -e\nuntil nc -z x 1; do sleep 1; done\n", ""),
            ("#!/bin/sh\nC=$(docker ps -q --filter ancestor=a:1)\ndocker stop $C\n", "ancestor@2"),
            ("#!/bin/sh\nnginx -s reload\necho done\n", "reload@2"),
            ("#!/bin/sh\nset -e\nnginx -s reload || true\n", "reload@3"),
            ("#!/bin/sh\nnginx -t && nginx -s reload\n", ""),
            ("#!/bin/sh\nset -e\nnpm test\nsystemctl restart a\n", "no look back@4"),
            ("#!/bin/sh\nset -e\nsystemctl restart a\ncode=$(curl -s x)\n", ""),
            ("#!/bin/sh\nnpm ci\nnpm run build\n", ""),
        ] {
            assert_eq!(told(text), found, "{text}");
        }
    }
}
