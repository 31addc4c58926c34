//! LOCK006: an alert that `set -e` never reaches.

use super::{each, in_step};
use crate::facts::Facts;
use crate::facts::cron::{Step, Wrapper};
use crate::rules::answer::Answer;
use crate::rules::fixture::{Fixture, file, program};
use crate::rules::{Fix, Outlook, Rule, Severity};

const CRON: &str = "0 2 * * * root /opt/shop/wrap.sh\n";

pub(in crate::rules) const RULE: Rule = Rule {
    id: "LOCK006",
    severity: Severity::Critical,
    outlook: Outlook::Failing,
    title: "a wrapper's alert is dead code",
    silent: "Under `set -e` the shell ends at the first command that fails, so the line after it that reads `$?` only ever sees 0. The \
             alert behind it was never sent and never will be.",
    cure: "Write `status=0; the-command || status=$?`, or `if ! the-command; then …`; or let `muster run NAME -- …` do the telling.",
    fix: Fix::Told,
    unless: "The command stands in a condition, before `||` or in a pipe, the shell runs with set +e there, or a trap tells.",
    judge,
    bad: Fixture::files(
        "the wrapper that everybody copies",
        &[
            file("/etc/cron.d/shop", CRON),
            program(
                "/opt/shop/wrap.sh",
                "#!/bin/bash\nset -euo pipefail\n\n/opt/shop/nightly.sh\nstatus=$?\nif [ $status -ne 0 ]; then\n  mail -s failed ops\nfi\n",
            ),
        ],
    ),
    good: [
        Fixture::files(
            "the status taken where the shell goes on",
            &[
                file("/etc/cron.d/shop", CRON),
                program(
                    "/opt/shop/wrap.sh",
                    "#!/bin/bash\nset -e\nstatus=0\n/opt/shop/nightly.sh || status=$?\nset +e\n/opt/shop/more.sh\nrc=$?\n",
                ),
            ],
        ),
        Fixture::files(
            "no set -e, a condition, and a trap",
            &[
                file("/etc/cron.d/shop", "0 2 * * * root /opt/shop/wrap.sh\n0 3 * * * root /opt/shop/b.sh\n"),
                program(
                    "/opt/shop/wrap.sh",
                    "#!/bin/sh\n/opt/shop/nightly.sh\nrc=$?\nif [ $rc -ne 0 ]; then logger failed; fi\n",
                ),
                program(
                    "/opt/shop/b.sh",
                    "#!/bin/sh -e\ntrap 'rc=$?; logger $rc' EXIT\nif /opt/shop/x.sh; then\n  :\nfi\nrc=$?\n",
                ),
            ],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each(
        facts,
        |_, _, _| {},
        |wrapper, answer| {
            let mut ends = wrapper
                .interpreter
                .split_whitespace()
                .skip(1)
                .any(|word| word.starts_with('-') && word.contains('e'));
            let traps =
                wrapper.steps.iter().any(|step| step.words.first().is_some_and(|word| word == "trap"));
            let mut depth = 0_i32;
            for (at, step) in wrapper.steps.iter().enumerate() {
                let word = step.words.first().map_or("", String::as_str);
                // What stands in a function may be called where a failure is allowed.
                depth += i32::from(word == "{" || step.words.iter().any(|word| word == "{"))
                    - i32::from(word == "}");
                if word == "set" {
                    ends = option_e(step).unwrap_or(ends);
                }
                let Some(before) = at.checked_sub(1).and_then(|at| wrapper.steps.get(at)) else { continue };
                if ends && !traps && depth <= 0 && reads_status(step) && is_plain(wrapper, at - 1) {
                    let observed = format!(
                        "`$?` can only be 0 here: when `{}` fails, `set -e` has ended the script",
                        before.text()
                    );
                    answer.find(in_step(wrapper, step, observed));
                }
            }
        },
    )
}

/// What `set` says of its option `e`.
fn option_e(step: &Step) -> Option<bool> {
    let mut words = step.words.iter().skip(1);
    let mut said = None;
    while let Some(word) = words.next() {
        match word.as_str() {
            "-o" | "+o" => {
                let on = word == "-o";
                said = words.next().filter(|name| *name == "errexit").map(|_| on).or(said);
            }
            letters if letters.starts_with(['-', '+']) => {
                if letters.contains('e') {
                    said = Some(letters.starts_with('-'));
                }
                if letters.ends_with('o') {
                    words.next();
                }
            }
            _ => {}
        }
    }
    said
}

/// `status=$?`, or a test of `$?`.
fn reads_status(step: &Step) -> bool {
    let is_after_end = ["\n", ";"].contains(&step.before.as_str());
    let first = step.words.first().map_or("", String::as_str);
    let takes = first.split_once('=').is_some_and(|(_, value)| value == "$?" || value == "\"$?\"");
    let tests =
        ["if", "[", "[[", "test", "(("].contains(&first) && step.words.iter().any(|word| word.contains("$?"));
    is_after_end && (takes || tests)
}

/// A simple command on its own, whose failure ends the script.
fn is_plain(wrapper: &Wrapper, at: usize) -> bool {
    const NOT_WORK: [&str; 28] = [
        "fi", "done", "esac", "}", "{", "then", "else", "elif", "do", "if", "while", "until", "for", "case",
        "!", "wait", "set", "echo", "exit", "return", "local", "export", "trap", "true", ":", "[", "[[",
        "test",
    ];
    let step = &wrapper.steps[at];
    let first = step.words.first().map_or("", String::as_str);
    let alone = ["\n", ";", ""].contains(&step.before.as_str()) && ["\n", ";"].contains(&step.after.as_str());
    alone && !NOT_WORK.contains(&first) && !step.words.iter().any(|word| ["{", "}"].contains(&word.as_str()))
}
