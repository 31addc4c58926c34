//! LOG007: a journal that forgets.

use super::slug;
use crate::facts::Facts;
use crate::mend::Mend;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file, program};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "LOG007",
    severity: Severity::Medium,
    outlook: Outlook::Waiting,
    title: "the journal forgets what happened before the last boot",
    silent: "It looks whole until the day after a crash, when the hours before it are the ones that are missing.",
    cure: "Storage=persistent in a file below /etc/systemd/journald.conf.d, then `systemctl restart systemd-journald`.",
    fix: Fix::Safe,
    unless: "A syslog daemon writes the same to files, or the journal is kept elsewhere on purpose.",
    judge,
    bad: Fixture::files(
        "a journal in memory only",
        &[file("/etc/systemd/journald.conf", "[Journal]\n#Storage=auto\n")],
    ),
    good: [
        Fixture::files(
            "auto, with the folder that makes it persistent",
            &[file("/etc/systemd/journald.conf", "[Journal]\nStorage=auto\n"), file("/var/log/journal/", "")],
        ),
        Fixture::files(
            "volatile beside a syslog daemon",
            &[
                file("/etc/systemd/journald.conf", "[Journal]\nStorage=volatile\n"),
                program("/usr/sbin/rsyslogd", ""),
            ],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    Answer::of(&facts.journal, |journal, answer| {
        let (storage, said) = journal.setting("Storage").unwrap_or(("auto", "/etc/systemd/journald.conf"));
        let forgets = match storage {
            "persistent" => false,
            "auto" => !journal.folder,
            _ => true,
        };
        if !forgets || journal.syslog {
            return;
        }
        let observed = match storage {
            "auto" => "Storage=auto, and there is no /var/log/journal: it is kept in memory only".to_owned(),
            other => format!("Storage={other}: nothing of it is kept, and no syslog daemon writes it down"),
        };
        // A later file by its name wins, whatever stands in the others.
        let mend = Mend::Create {
            file: format!("/etc/systemd/journald.conf.d/zz-{}.conf", slug("muster/persistent")),
            mode: 0o644,
            text: "[Journal]\nStorage=persistent\n".to_owned(),
        };
        answer.find(Finding::new("journal", Place::of(said), observed).mended(mend));
    })
}
