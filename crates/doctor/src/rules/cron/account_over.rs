//! CRON023: an account that has ended, or whose password has.

use super::{each_table, whole};
use crate::facts::Fact;
use crate::facts::Facts;
use crate::facts::accounts::{Accounts, Term};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

const SHOP: &str = "0 2 * * * app muster run n -- /bin/true\n";

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CRON023",
    severity: Severity::High,
    outlook: Outlook::Failing,
    title: "jobs of a user are refused because its account is over",
    silent: "Cron asks PAM before each job. Where the account or its password has expired the job is not started; only the log of \
             logins says so.",
    cure: "For an account of a service: `chage -E -1 -M -1 USER`.",
    fix: Fix::Told,
    unless: "The password is locked (`!`) or the shell is nologin: neither stops cron.",
    judge,
    bad: Fixture::files(
        "an account that ended on New Year's Day of 2020",
        &[file("/etc/cron.d/shop", SHOP), file("/etc/shadow", "app:!:18000:0:99999:7::18262:\n")],
    ),
    good: [
        Fixture::files(
            "a locked password",
            &[file("/etc/cron.d/shop", SHOP), file("/etc/shadow", "app:!:18000:0:99999:7:::\n")],
        ),
        Fixture::files(
            "an account that ends in ten years, and an old one without jobs",
            &[
                file("/etc/cron.d/shop", SHOP),
                file("/etc/shadow", "app:*:18000:0:99999:7::24000:\nold:*:18000:0:90:7::18262:\n"),
            ],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    let today = facts.at.seconds().div_euclid(86_400);
    each_table(facts, |_, table, answer| {
        let terms = match &facts.accounts {
            Fact::Known(Accounts { terms: Fact::Known(terms), .. }) => terms,
            Fact::Known(Accounts { terms: Fact::Unknown { why }, .. }) | Fact::Unknown { why } => {
                return answer.blind(why.clone());
            }
            _ => return,
        };
        let mut users: Vec<&str> = table.lines.iter().map(|line| table.user(line)).collect();
        users.sort_unstable();
        users.dedup();
        for user in users {
            let Some(why) = terms.iter().find(|term| term.user == user).and_then(|term| over(term, today))
            else {
                continue;
            };
            let finding = whole(table, format!("{why}: PAM refuses the jobs of {user}"));
            let line = table.lines.iter().find(|line| table.user(line) == user);
            let place = line.map_or_else(|| Place::of(&table.path), |line| super::place(table, line));
            answer.find(Finding { subject: format!("jobs of {user}"), place, ..finding });
        }
    })
}

/// As pam_unix(8) decides it.
fn over(term: &Term, today: i64) -> Option<String> {
    if let Some(day) = term.expires.filter(|day| *day > 0 && today >= *day) {
        return Some(format!("the account ended {} days ago", today - day));
    }
    let changed = term.changed?;
    if changed == 0 {
        return Some("a new password is asked for at the next login".to_owned());
    }
    let lasts = term.lasts.filter(|days| *days >= 0)?;
    let late = today - changed - lasts;
    (late > 0).then(|| format!("the password ran out {late} days ago"))
}
