//! CRON008: a job of a user that is not there.

use super::no_user::is_program;
use super::{each_table, is_debian, place, subject, whole};
use crate::facts::Facts;
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CRON008",
    severity: Severity::Critical,
    outlook: Outlook::Failing,
    title: "a job belongs to a user that does not exist",
    silent: "Debian's cron says `bad username` once and ignores the whole file. In a user's own crontab, which has no column for \
             the user, the name is run as a program.",
    cure: "Create the user, correct the name, or take the name out of a user's own crontab.",
    fix: Fix::Told,
    unless: "Another directory, such as LDAP, knows the user: then nobody can tell from files.",
    judge,
    bad: Fixture::files(
        "a user that was removed",
        &[file("/etc/cron.d/shop", "0 2 * * * deploy muster run n -- /opt/shop/nightly.sh\n")],
    ),
    good: [
        Fixture::files(
            "a user that is there",
            &[file("/etc/cron.d/shop", "0 2 * * * app muster run n -- /opt/shop/nightly.sh\n")],
        ),
        Fixture::files(
            "a user that the directory knows",
            &[
                file("/etc/nsswitch.conf", "passwd: files sss\n"),
                file("/etc/cron.d/shop", "0 2 * * * deploy muster run n -- /opt/shop/nightly.sh\n"),
            ],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    let others = facts
        .accounts
        .known()
        .map(|accounts| accounts.directories.join(", "))
        .filter(|names| !names.is_empty());
    each_table(facts, |cron, table, answer| {
        let Some(users) = facts.users.known() else {
            return answer.blind("the users of the host are not known");
        };
        let is_known = |name: &str| users.iter().any(|user| user.name == name);
        let mut missing = |name: &str, finding: Finding| match &others {
            Some(directories) => answer.blind(format!("whether {directories} knows {name}")),
            None => answer.find(finding),
        };
        if let Some(owner) = table.owner.as_deref().filter(|owner| !is_known(owner)) {
            missing(owner, whole(table, format!("there is no user {owner}: cron does not run the file")));
        }
        for line in &table.lines {
            let finding = |observed: String| Finding::new(subject(table, line), place(table, line), observed);
            if let Some(user) = line.user.as_deref().filter(|user| !is_known(user) && !is_program(user)) {
                let lost =
                    if is_debian(cron) { "cron ignores the whole file" } else { "the job does not run" };
                missing(user, finding(format!("there is no user {user}: {lost}")));
            }
        }
        if let Some(owner) = &table.owner {
            for line in &table.lines {
                let first = line.command.split_whitespace().next().unwrap_or_default();
                if (first == owner || first == "root") && line.command.len() > first.len() {
                    let observed = format!(
                        "{first:?} is run as a program: a user's own crontab has no column for the user"
                    );
                    answer.find(Finding::new(subject(table, line), place(table, line), observed));
                }
            }
        }
    })
}
