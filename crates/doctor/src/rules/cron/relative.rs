//! CRON013: a path without its beginning.

use super::{each_line, place, reading, subject};
use crate::collect::targets::{below, home, relative};
use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::{Fixture, file, program};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CRON013",
    severity: Severity::High,
    outlook: Outlook::Failing,
    title: "a relative path in a job leads nowhere",
    silent: "Cron begins in the user's home folder, not where the line was tried. The shell answers 127, and cron throws it away.",
    cure: "Write the whole path, or begin with `cd /the/folder &&`.",
    fix: Fix::Told,
    unless: "The file is in the user's home folder, or the line goes to a folder first.",
    judge,
    bad: Fixture::files(
        "a script beside nothing",
        &[file("/etc/cron.d/shop", "0 2 * * * root muster run n -- ./nightly.sh\n")],
    ),
    good: [
        Fixture::files(
            "a script in the home folder",
            &[
                file("/etc/cron.d/shop", "0 2 * * * app muster run n -- bin/nightly.sh\n"),
                program("/home/app/bin/nightly.sh", "#!/bin/sh\n"),
            ],
        ),
        Fixture::files(
            "cd before it",
            &[file("/etc/cron.d/shop", "0 2 * * * root cd /opt/shop && ./nightly.sh\n")],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each_line(facts, |_, table, line, answer| {
        let whole = muster_host::discover::command::Reading::of(&line.shell);
        let moves = whole.commands().iter().any(|words| ["cd", "pushd"].contains(&words[0].as_str()));
        if table.package.is_some() || moves || whole.is_guarded() {
            return;
        }
        let Some(users) = facts.users.known() else {
            return answer.blind("the users of the host are not known");
        };
        let Some(home) = home(table, line, users) else { return };
        for path in relative(&reading(line)) {
            let full = below(&home, &path);
            match facts.entry(&full) {
                Fact::Known(_) => {}
                Fact::Unknown { why } => answer.blind(format!("{full}: {why}")),
                Fact::Nothing { .. } => {
                    let observed = format!("cron looks for {path} in {home}, where it is not");
                    answer.find(Finding::new(subject(table, line), place(table, line), observed));
                }
            }
        }
    })
}
