//! CRON016: a crontab that others may write to.

use super::{each_table, is_debian, whole};
use crate::facts::{Fact, Facts};
use crate::mend::Mend;
use crate::rules::answer::Answer;
use crate::rules::fixture::{Fixture, file, moded};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CRON016",
    severity: Severity::Critical,
    outlook: Outlook::Failing,
    title: "cron refuses a crontab because of its permissions",
    silent: "Debian's cron passes over a file that its group or others may write to, or that somebody else owns, and says \
             `INSECURE MODE` to a log that nobody reads.",
    cure: "Use chmod 644 for files in /etc/cron.d, 600 for crontabs of users; owner root, or the user.",
    fix: Fix::Safe,
    unless: "Another cron reads the file, or the tree was copied: owners are judged on the running host only.",
    judge,
    bad: Fixture::files(
        "a file that the group may write to",
        &[moded("/etc/cron.d/shop", 0o664, "0 2 * * * root muster run n -- /bin/true\n")],
    ),
    good: [
        Fixture::files(
            "a file that its owner alone may read",
            &[moded("/etc/cron.d/shop", 0o600, "0 2 * * * root muster run n -- /bin/true\n")],
        ),
        Fixture::files(
            "the same bits under cronie",
            &[
                file("/etc/redhat-release", "Fedora\n"),
                file("/etc/debian_version", "\0absent"),
                moded("/etc/cron.d/shop", 0o664, "0 2 * * * root muster run n -- /bin/true\n"),
            ],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each_table(facts, |cron, table, answer| {
        let (mode, uid) = match &table.access {
            Fact::Known(access) => *access,
            Fact::Unknown { why } => return answer.blind(format!("{}: {why}", table.path)),
            Fact::Nothing { .. } => return,
        };
        if !is_debian(cron) || !table.path.starts_with('/') {
            return;
        }
        let to = match &table.owner {
            Some(_) => 0o600,
            None => mode & !0o022,
        };
        if mode != to {
            let mend = Mend::Mode { file: table.path.clone(), from: mode, to };
            let wanted = if table.owner.is_some() { "cron wants 0600" } else { "others may write to it" };
            answer.find(
                whole(table, format!("its mode is {mode:04o}, {wanted}: nothing in it runs")).mended(mend),
            );
        }
        let may_own = match &table.owner {
            Some(owner) => facts.user(owner).flatten().is_none_or(|user| user.uid == uid || uid == 0),
            None => uid == 0,
        };
        if facts.vantage.live && !may_own {
            answer.find(whole(
                table,
                format!("it belongs to user {uid}: cron takes it from root or its own user only"),
            ));
        }
    })
}
