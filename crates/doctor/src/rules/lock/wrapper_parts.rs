//! LOCK007: a wrapper that cannot start what it wraps.

use muster_host::discover::command::{SHELLS, basename};

use super::{each, in_step};
use crate::facts::cron::{Step, Wrapper};
use crate::facts::{Fact, Facts};
use crate::rules::answer::Answer;
use crate::rules::fixture::{Fixture, file, program};
use crate::rules::{Fix, Outlook, Rule, Severity};

const CRON: &str = "0 2 * * * root /opt/shop/wrap.sh nightly /opt/shop/nightly.sh 'a b'\n";

pub(in crate::rules) const RULE: Rule = Rule {
    id: "LOCK007",
    severity: Severity::High,
    outlook: Outlook::Failing,
    title: "a wrapper breaks the jobs behind it",
    silent: "A program that it needs is not installed, so each job behind it ends with 127; or it joins its arguments and has a shell \
             read them again, so that blanks, quotes and `$` in them mean something else.",
    cure: "Install the program (GNU time is a package of its own), or do without; start the job with \"$@\" and nothing around it.",
    fix: Fix::Told,
    unless: "The script tests for the program first, or hands \"$@\" on as arguments (`sh -c '…' sh \"$@\"`).",
    judge,
    bad: Fixture::files(
        "GNU time on a host that has none",
        &[
            program("/bin/sh", ""),
            file("/etc/cron.d/shop", CRON),
            program("/opt/shop/wrap.sh", "#!/bin/sh\n/usr/bin/time -v \"$@\" 2>> /var/log/time.log\n"),
        ],
    ),
    good: [
        Fixture::files(
            "the same after a test, and arguments handed on",
            &[
                program("/bin/sh", ""),
                file("/etc/cron.d/shop", CRON),
                program(
                    "/opt/shop/wrap.sh",
                    "#!/bin/sh\nif [ -x /usr/bin/time ]; then\n  exec /usr/bin/time -v \"$@\"\nfi\nsh -c 'exec \"$@\"' sh \"$@\"\n",
                ),
            ],
        ),
        Fixture::files(
            "a wrapper that starts what it is given",
            &[
                program("/bin/sh", ""),
                file("/etc/cron.d/shop", CRON),
                program("/opt/shop/wrap.sh", "#!/bin/sh\nname=$1; shift\nexec \"$@\"\n"),
            ],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    let has_programs = matches!(facts.entry("/bin/sh"), Fact::Known(_));
    each(
        facts,
        |_, _, _| {},
        |wrapper, answer| {
            for step in &wrapper.steps {
                if has_programs && let Some(path) = absent(facts, wrapper, step) {
                    answer.find(in_step(
                        wrapper,
                        step,
                        format!("{path} is not there: the script ends with 127 or goes on without it"),
                    ));
                } else if let Some(what) = joins(step) {
                    answer.find(in_step(
                        wrapper,
                        step,
                        format!("{what} has a shell read the arguments a second time"),
                    ));
                }
            }
        },
    )
}

/// A program by its whole path that is not there and that the script does not test for.
fn absent<'s>(facts: &Facts, wrapper: &Wrapper, step: &'s Step) -> Option<&'s str> {
    let path = step.words.first().filter(|word| word.starts_with('/'))?;
    let tested = |other: &Step| {
        let first = other.words.iter().find(|word| !["if", "!", "elif", "while"].contains(&word.as_str()));
        let tests = first.is_some_and(|word| {
            ["[", "[[", "test", "command", "which", "type", "hash"].contains(&word.as_str())
        });
        tests && other.words.iter().any(|word| word.trim_matches(['"', '\'']) == path)
    };
    let excused = step.after == "||" || step.before == "&&" || wrapper.steps.iter().any(tested);
    (!excused && matches!(facts.entry(path), Fact::Nothing { .. })).then_some(path)
}

/// `eval "$@"` and `sh -c "$*"`.
fn joins(step: &Step) -> Option<String> {
    let all = |word: &String| ["$@", "$*"].contains(&word.trim_matches('"'));
    let at = step.words.iter().position(|word| word == "eval" || SHELLS.contains(&basename(word)))?;
    let program = basename(&step.words[at]);
    let rest = &step.words[at + 1..];
    let given = match program {
        "eval" => rest.first(),
        _ => {
            let option = rest.iter().position(|word| word.starts_with('-') && word.ends_with('c'))?;
            rest.get(option + 1)
        }
    };
    given.filter(|word| all(word)).map(|word| format!("`{program} {word}`"))
}
