//! DEP001: code that was changed on the server, where git does not have it.

use super::deploys;
use crate::facts::deploys::Repository;
use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "DEP001",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "code that runs here was changed in place",
    silent: "It works, and only this host has it. The next `git pull` stops at it in the middle of a deploy, and `git reset` or a new \
             clone takes it away; what was mended here breaks again.",
    cure: "Look at `git diff`, commit what is meant to be so and give settings a file that git leaves alone; then `git status` is empty.",
    fix: Fix::Told,
    unless: "Nothing runs in the repository, only dates differ, or git is told to leave the file alone (skip-worktree, assume-unchanged).",
    judge,
    bad: Fixture::facts("a line that was changed on the server", |facts| {
        tell(facts, vec![("src/server.js".to_owned(), true), ("docs/old.md".to_owned(), false)]);
    }),
    good: [
        Fixture::facts("as git left it", |facts| tell(facts, Vec::new())),
        Fixture::files(
            "a folder without git in which something runs",
            &[
                crate::rules::fixture::file(
                    "/etc/systemd/system/shop.service",
                    "[Service]\nExecStart=/opt/shop/serve\n",
                ),
                crate::rules::fixture::program("/opt/shop/serve", "#!/bin/sh\n"),
            ],
        ),
    ],
};

fn tell(facts: &mut Facts, changed: Vec<(String, bool)>) {
    if let Fact::Known(deploys) = &mut facts.deploys {
        deploys.repositories.push(Repository {
            folder: "/opt/shop".to_owned(),
            runs: "node (process 812)".to_owned(),
            changed,
            more: 0,
        });
    }
}

/// Most files that are named.
const NAMED: usize = 4;

fn judge(facts: &Facts) -> Answer {
    deploys(
        facts,
        |what| what.ends_with("/.git/index"),
        |deploys, answer| {
            for repository in deploys.repositories.iter().filter(|one| !one.changed.is_empty()) {
                let shown = |(name, is_there): &(String, bool)| match is_there {
                    true => name.clone(),
                    false => format!("{name} (removed)"),
                };
                let names: Vec<String> = repository.changed.iter().take(NAMED).map(shown).collect();
                let count = repository.changed.len() + repository.more;
                let more = match count.saturating_sub(NAMED) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                let (folder, runs) = (&repository.folder, &repository.runs);
                let observed =
                    format!("not as git left them: {}{more}; {runs} works there", names.join(", "));
                answer.find(Finding::new(folder, Place::of(format!("{folder}/.git/index")), observed));
            }
        },
    )
}
