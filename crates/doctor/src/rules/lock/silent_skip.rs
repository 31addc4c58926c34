//! LOCK002: a run that gave way and does not say so.

use muster_host::discover::command::basename;

use super::{each, flocks, in_line, in_step, with_options};
use crate::facts::Facts;
use crate::rules::answer::Answer;
use crate::rules::fixture::{Fixture, file, program};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "LOCK002",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "a run that is skipped cannot be told from one that ran or failed",
    silent: "`flock -n` exits 1 when the lock is held, as a failing job does; `flock -n 9 || exit 0` even exits well. Nights are \
             skipped, and nobody can count them.",
    cure: "Let muster hold the lock: `muster run --lock FILE NAME -- …` counts a skip as a skip. Else give it a code of its own: \
           `flock -n -E 75`.",
    fix: Fix::Safe,
    unless: "The code is set with -E, or a skip is what is wanted and something else checks that the job runs at all.",
    judge,
    bad: Fixture::files(
        "flock -n as the manuals have it",
        &[file(
            "/etc/cron.d/shop",
            "*/5 * * * * root muster run s -- flock -n /run/lock/s.lock /opt/shop/sync.sh\n",
        )],
    ),
    good: [
        Fixture::files(
            "a code of its own",
            &[file(
                "/etc/cron.d/shop",
                "*/5 * * * * root muster run s -- flock -xnE 75 /run/lock/s.lock /opt/shop/sync.sh\n",
            )],
        ),
        Fixture::files(
            "a lock that is waited for, and a script that fails when it is held",
            &[
                file(
                    "/etc/cron.d/shop",
                    "5 * * * * root flock -w 60 /run/lock/s.lock /opt/shop/sync.sh\n6 * * * * root /opt/shop/b.sh\n",
                ),
                program("/opt/shop/b.sh", "#!/bin/sh\nexec 9>/run/lock/b.lock\nflock -n 9 || exit 75\n"),
            ],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each(
        facts,
        |table, line, answer| {
            for flock in
                flocks(&line.shell).iter().filter(|flock| flock.at_once && !flock.tells && !flock.other)
            {
                let observed = format!("exits 1 when {} is held, as if the job had failed", flock.file);
                let mend = with_options(table, line, "-E 75");
                answer.find(in_line(table, line, observed).mended(mend));
            }
        },
        |wrapper, answer| {
            for pair in wrapper.steps.windows(2) {
                let [lock, then] = pair else { continue };
                let gives_way = lock.words.first().is_some_and(|word| basename(word) == "flock")
                    && lock
                        .words
                        .iter()
                        .any(|word| word == "-n" || word == "-xn" || word == "-nx" || word == "--nonblock");
                let exits_well = matches!(then.words.first().map(String::as_str), Some("exit" | "return"))
                    && then.words.get(1).is_none_or(|code| code == "0");
                if gives_way && then.before == "||" && exits_well {
                    answer.find(in_step(
                        wrapper,
                        lock,
                        "exits 0 when the lock is held: the skipped run looks like a good one",
                    ));
                }
            }
        },
    )
}
