//! IMG005: a container that does not hear when it is asked to stop.

use super::{each_recipe, place};
use crate::facts::Facts;
use crate::facts::containers::Container;
use crate::facts::recipes::Recipe;
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};
use crate::rules::{container, memory};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "IMG005",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "a container does not hear SIGTERM and is killed at each stop",
    silent: "The first process of a container ignores every signal that it has no handler for, and a shell passes none on. Each \
             deploy waits ten seconds, then kills the program in the middle of what it does. It exits 137, and is started again.",
    cure: "Write CMD as a list ([\"node\", \"server.js\"]), begin the line of a script with exec, or run it with --init.",
    fix: Fix::Told,
    unless: "It runs behind an init (--init, tini), or a signal that it handles is set with STOPSIGNAL.",
    judge,
    bad: Fixture::files(
        "two commands in the form of a shell",
        &[file("/opt/api/Dockerfile", "FROM node:22\nUSER node\nCMD npm run migrate && node server.js\n")],
    ),
    good: [
        Fixture::files(
            "the same with exec, and a shell that gives its place to a single command",
            &[
                file(
                    "/opt/api/Dockerfile",
                    "FROM node:22\nUSER node\nCMD npm run migrate && exec node server.js\n",
                ),
                file("/opt/web/Dockerfile", "FROM node:22-alpine\nUSER node\nCMD node server.js\n"),
            ],
        ),
        Fixture::facts("a shell behind an init", |facts| {
            memory::tell(facts, |processes| processes.running[0].handled = 0);
            container::tell(facts, vec![Container { init: true, ..Container::sound("api", "api:1") }]);
        }),
    ],
};

fn judge(facts: &Facts) -> Answer {
    let mut answer = each_recipe(facts, |recipe, answer| {
        // The words of CMD are only arguments where an ENTRYPOINT in the form of a list stands before.
        let step = match (recipe.last("ENTRYPOINT"), recipe.last("CMD")) {
            (Some(entry), _) => entry,
            (None, Some(command)) => command,
            (None, None) => return,
        };
        if step.exec_form().is_some() || step.words.is_empty() {
            return;
        }
        let last = step.words.rsplit(['&', ';', '|']).next().unwrap_or_default().trim();
        let alone = !step.words.contains(['&', ';', '|']);
        let init = step.words.contains("tini") || step.words.contains("dumb-init");
        if last.starts_with("exec ") || last.starts_with("wait") || init || (alone && !stays(recipe)) {
            return;
        }
        let observed = "a shell stays the first process, and it passes no signal on";
        answer.find(Finding::new(&recipe.path, place(recipe, step), observed));
    });
    let running = container::each(facts, |container, answer| {
        let process = facts.processes.known().and_then(|processes| processes.of(container.pid));
        let Some(process) =
            process.filter(|_| container.status == "running" && !container.init && !container.passing)
        else {
            return;
        };
        let signal = number(&container.stop_signal);
        if let Some((name, number)) = signal.filter(|(_, number)| !process.handles(*number)) {
            let observed = format!(
                "its first process ({}) has no handler for {name} ({number}): each stop takes {} s and ends in a kill",
                process.name, container.stop_timeout
            );
            answer.find(Finding::new(&container.name, container::place(container), observed));
        }
    });
    container::join(&mut answer, running);
    answer
}

/// The shell of this image stays there even for a single command. That of Debian does (dash); bash and busybox give their
/// place to it.
fn stays(recipe: &Recipe) -> bool {
    const DEBIAN: [&str; 11] = [
        "debian",
        "ubuntu",
        "node",
        "python",
        "ruby",
        "php",
        "golang",
        "rust",
        "perl",
        "openjdk",
        "eclipse-temurin",
    ];
    let stage = recipe.last_stage();
    let base = super::base(stage);
    let name = base.rsplit('/').next().unwrap_or(base);
    let (image, tag) = name.split_once(':').unwrap_or((name, ""));
    let other = ["alpine", "ubi", "rocky", "alma", "windows"].iter().any(|word| tag.contains(word));
    let bash = stage.iter().any(|step| step.verb == "SHELL");
    DEBIAN.contains(&image) && !other && !bash
}

/// The signal that is to stop a container; none where it ends every process anyway, or is not known.
fn number(signal: &str) -> Option<(&'static str, u32)> {
    match signal.trim_start_matches("SIG") {
        "" | "TERM" | "15" => Some(("SIGTERM", 15)),
        "INT" | "2" => Some(("SIGINT", 2)),
        "QUIT" | "3" => Some(("SIGQUIT", 3)),
        "HUP" | "1" => Some(("SIGHUP", 1)),
        "USR1" | "10" => Some(("SIGUSR1", 10)),
        "WINCH" | "28" => Some(("SIGWINCH", 28)),
        _ => None,
    }
}
