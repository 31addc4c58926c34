//! BAK003: copies that nobody reads back.

use super::{keeper, place, tools};
use crate::facts::Facts;
use crate::facts::database::Act;
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "BAK003",
    severity: Severity::Medium,
    outlook: Outlook::Hygiene,
    title: "copies are made, and nothing ever reads one back",
    silent: "A copy that cannot be read looks like one that can: the job ends well, the file grows. It is tried for the first time \
             when there is nothing else left.",
    cure: "Schedule a trial: pg_restore into a database of its own and one count of rows; `restic check --read-data-subset=5%`; \
           `borg check --verify-data`; `pgbackrest verify`.",
    fix: Fix::Told,
    unless: "The copies are tried on another machine: then allow it.",
    judge,
    bad: Fixture::files(
        "a repository that is written to and never checked",
        &[file("/etc/cron.d/backup", "0 2 * * * root restic -r sftp:store:/web1 backup /srv\n")],
    ),
    good: [
        Fixture::files(
            "the same, checked on Sundays",
            &[file(
                "/etc/cron.d/backup",
                "0 2 * * * root restic -r sftp:store:/web1 backup /srv\n0 5 * * 0 root restic -r sftp:store:/web1 check --read-data-subset=5%\n",
            )],
        ),
        Fixture::files(
            "a dump that is read back into another database",
            &[file(
                "/etc/cron.d/backup",
                "0 2 * * * postgres pg_dump -Fc -f /backup/shop shop\n0 5 * * 0 postgres pg_restore --clean --if-exists -d trial /backup/shop\n",
            )],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    let mut answer = Answer::default();
    let Some(tools) = tools(facts, &mut answer) else { return answer };
    let made = tools.iter().find(|tool| matches!(tool.act, Act::Dumps(_) | Act::Keeps));
    let Some(made) = made else {
        answer.nothing = Some("no copy that is understood is scheduled".to_owned());
        return answer;
    };
    let tried = tools.iter().any(|tool| matches!(tool.act, Act::Proves | Act::Named));
    if !tried && keeper(facts).is_none() {
        let observed = format!(
            "{} makes copies, and nothing that this host starts by itself reads one back",
            made.program
        );
        answer.find(Finding::new("copies: never tried", place(made), observed));
    }
    answer
}
