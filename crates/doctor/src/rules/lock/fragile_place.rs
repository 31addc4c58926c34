//! LOCK005: a lock in a place where it does not last, or lasts too long.

use super::{each, flocks, in_line};
use crate::facts::{Fact, Facts};
use crate::rules::answer::Answer;
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "LOCK005",
    severity: Severity::Medium,
    outlook: Outlook::Waiting,
    title: "a lock file is in the wrong place, or was left behind",
    silent: "In /tmp anybody may take the lock, the file may be cleaned away while it is held, and root may not open one that another \
             user made. A file that is the lock by being there outlives a crash, and each later run gives way.",
    cure: "Keep locks in /run/lock or in the job's own folder, for all who share them at once; use flock, which the kernel lets go, \
           instead of testing for a file.",
    fix: Fix::Told,
    unless: "The lock is held with flock in a folder that only its users may write to.",
    judge,
    bad: Fixture::files(
        "a lock in /tmp",
        &[file(
            "/etc/cron.d/shop",
            "*/5 * * * * root muster run s -- flock -n -E 75 /tmp/s.lock /opt/shop/sync.sh\n",
        )],
    ),
    good: [
        Fixture::files(
            "a lock in /run/lock, work in /tmp",
            &[file(
                "/etc/cron.d/shop",
                "*/5 * * * * root muster run s -- flock -n -E 75 /run/lock/s.lock /opt/shop/sync.sh /tmp/in\n",
            )],
        ),
        Fixture::files(
            "a test for a file that is there only while the job runs",
            &[file(
                "/etc/cron.d/shop",
                "*/5 * * * * root [ -e /run/shop.pid ] || muster run s -- /opt/shop/sync.sh\n",
            )],
        ),
    ],
};

/// How old a file is that no run will take away any more, in hours.
const LEFT: u64 = 24;

fn judge(facts: &Facts) -> Answer {
    each(
        facts,
        |table, line, answer| {
            for flock in flocks(&line.shell) {
                if flock.file.starts_with("/tmp/") || flock.file.starts_with("/var/tmp/") {
                    answer.find(in_line(
                        table,
                        line,
                        format!("{} is in a folder that everybody may write to", flock.file),
                    ));
                } else if let Some(kind) = remote(facts, &flock.file) {
                    answer.find(in_line(
                        table,
                        line,
                        format!("{} is on {kind}: other hosts may see the lock, or not", flock.file),
                    ));
                }
            }
            if !line.shell.contains("flock")
                && let Some(path) = tested(&line.shell)
                && let Fact::Known(entry) = facts.entry(&path)
            {
                let hours = facts.at.since(entry.modified).as_millis() / 3_600_000;
                if hours >= LEFT {
                    let observed = format!(
                        "gives way while {path} exists, and it has been there for {} days",
                        hours / 24
                    );
                    answer.find(in_line(table, line, observed));
                }
            }
        },
        |_, _| {},
    )
}

/// The file system of a path, where it lies on another host.
fn remote<'f>(facts: &'f Facts, path: &str) -> Option<&'f str> {
    let mount = facts.disks.known()?.of(path)?;
    ["nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "ceph"]
        .contains(&mount.kind.as_str())
        .then_some(mount.kind.as_str())
}

/// A lock or pid file whose being there keeps the line from running.
fn tested(text: &str) -> Option<String> {
    let commands = crate::shell::commands(text);
    let tests = |command: &&crate::shell::Command| ["test", "["].contains(&command.program());
    let test = commands.iter().find(tests)?;
    let words: Vec<&str> = test.arguments().iter().map(|word| word.text.as_str()).collect();
    let denied = words.contains(&"!");
    let is_file = words.iter().any(|word| ["-e", "-f"].contains(word));
    let gives_way = (test.after == "||" && !denied) || (test.after == "&&" && denied);
    let path = words
        .iter()
        .find(|word| word.starts_with('/') && (word.ends_with(".lock") || word.ends_with(".pid")))?;
    (is_file && gives_way).then(|| (*path).to_owned())
}
