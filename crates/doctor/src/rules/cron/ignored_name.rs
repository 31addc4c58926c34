//! CRON005: a file in `/etc/cron.d` whose name cron does not take.

use muster_host::discover::ignored_name;

use super::{each_table, whole};
use crate::facts::Facts;
use crate::mend::Mend;
use crate::rules::answer::Answer;
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CRON005",
    severity: Severity::Critical,
    outlook: Outlook::Failing,
    title: "cron ignores a file because of its name",
    silent: "A file in /etc/cron.d whose name has a dot or another odd letter is passed over without a line in any log.",
    cure: "Give it a name of letters, digits, `-` and `_` only.",
    fix: Fix::Safe,
    unless: "The file is left over from an upgrade (.dpkg-old, .rpmnew, ~), or another cron reads the folder: cronie takes dots.",
    judge,
    bad: Fixture::files(
        "a file with an ending",
        &[file("/etc/cron.d/backup.sh", "0 2 * * * root muster run b -- /bin/true\n")],
    ),
    good: [
        Fixture::files(
            "a plain name",
            &[file("/etc/cron.d/backup_sh", "0 2 * * * root muster run b -- /bin/true\n")],
        ),
        Fixture::files(
            "what an upgrade left behind",
            &[file("/etc/cron.d/backup.dpkg-old", "0 2 * * * root muster run b -- /bin/true\n")],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each_table(facts, |cron, table, answer| {
        let Some(name) = table.path.strip_prefix("/etc/cron.d/") else { return };
        let Some(why) = ignored_name(name, cron.daemon) else { return };
        if why.starts_with("left over") || table.lines.is_empty() {
            return;
        }
        let plain: String = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' })
            .collect();
        let to = format!("/etc/cron.d/{}", plain.trim_matches('-'));
        let taken = cron.tables.iter().any(|other| other.path == to) || to.ends_with('/');
        let mend = (!taken).then(|| Mend::Rename { from: table.path.clone(), to });
        let jobs = match table.lines.len() {
            1 => "1 job does".to_owned(),
            count => format!("{count} jobs do"),
        };
        answer
            .find(whole(table, format!("cron does not take the name {name:?}: {jobs} not run")).mended(mend));
    })
}
