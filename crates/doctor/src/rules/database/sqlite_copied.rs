//! SQL001: a SQLite database that is copied like any other file.

use super::backups;
use crate::facts::database::Copied;
use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file, program};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "SQL001",
    severity: Severity::Critical,
    outlook: Outlook::Failing,
    title: "a SQLite database in use is copied with cp",
    silent: "What was written last stands in the -wal file beside it, and pages may change while they are copied. The copy has the \
             right size and cp ends well; that it is old or broken shows when it is needed.",
    cure: "Let SQLite copy: `sqlite3 FILE \".backup 'COPY'\"` or VACUUM INTO.",
    fix: Fix::Told,
    unless: "There is no -wal file, or what writes to it is stopped first.",
    judge,
    bad: Fixture::files(
        "a script that copies a database with its log beside it",
        &[
            file("/etc/cron.d/backup", "0 2 * * * root muster run backup -- /opt/shop/backup.sh\n"),
            program("/opt/shop/backup.sh", "#!/bin/sh\nDATA=/srv/shop\ncp -a \"$DATA/shop.db\" /backup/\n"),
            file("/srv/shop/shop.db", "SQLite"),
            file("/srv/shop/shop.db-wal", "newer"),
        ],
    ),
    good: [
        Fixture::files(
            "SQLite makes the copy",
            &[
                file("/etc/cron.d/backup", "0 2 * * * root muster run backup -- /opt/shop/backup.sh\n"),
                program(
                    "/opt/shop/backup.sh",
                    "#!/bin/sh\nsqlite3 /srv/shop/shop.db \".backup '/tmp/copy.db'\"\ncp /tmp/copy.db /backup/\n",
                ),
                file("/srv/shop/shop.db", "SQLite"),
                file("/srv/shop/shop.db-wal", "newer"),
            ],
        ),
        Fixture::files(
            "what writes to it is stopped, and one that nobody writes to",
            &[
                file(
                    "/etc/cron.d/backup",
                    "0 2 * * * root muster run b -- cp /srv/old/old.db /backup/\n0 3 * * * root muster run c -- /opt/shop/backup.sh\n",
                ),
                program(
                    "/opt/shop/backup.sh",
                    "#!/bin/sh\nsystemctl stop shop\ncp /srv/shop/shop.db /backup/\nsystemctl start shop\n",
                ),
                file("/srv/old/old.db", "SQLite"),
                file("/srv/shop/shop.db", "SQLite"),
                file("/srv/shop/shop.db-wal", "newer"),
            ],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    backups(facts, |backups, answer| {
        for copied in backups.copies.iter().filter(|copied| !copied.after_stop) {
            match &copied.wal {
                Fact::Known(bytes) => answer.find(found(copied, *bytes)),
                Fact::Unknown { why } => answer.blind(format!("{}-wal: {why}", copied.file)),
                Fact::Nothing { .. } => {}
            }
        }
    })
}

fn found(copied: &Copied, bytes: u64) -> Finding {
    let place = Place::line(&copied.source, copied.line, &copied.text);
    let observed = format!("{}-wal is there with {bytes} bytes: the database is in use", copied.file);
    Finding::new(format!("{}: {}", copied.source, copied.file), place, observed)
}
