//! BAK004: a dump whose failure a pipe hides.

use super::backups;
use crate::facts::Facts;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file, program};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "BAK004",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "a pipe hides that a dump failed",
    silent: "The shell takes the exit code of the last program. When the dump breaks off, gzip packs what came and ends well: exit \
             code 0, a sound archive, half a database.",
    cure: "Run it with bash and `set -o pipefail` (dash of Debian 12 has none), or let the dump write a file and pack it after.",
    fix: Fix::Told,
    unless: "Before it pipefail is set before it, PIPESTATUS is looked at, or the dump packs by itself (pg_dump -Fc -f FILE).",
    judge,
    bad: Fixture::files(
        "a nightly dump through gzip",
        &[
            file("/etc/cron.d/dump", "0 2 * * * root muster run dump -- /opt/shop/dump.sh\n"),
            program("/opt/shop/dump.sh", "#!/bin/bash\nset -eu\npg_dump shop | gzip > /backup/shop.gz\n"),
        ],
    ),
    good: [
        Fixture::files(
            "the same with pipefail",
            &[
                file("/etc/cron.d/dump", "0 2 * * * root muster run dump -- /opt/shop/dump.sh\n"),
                program(
                    "/opt/shop/dump.sh",
                    "#!/bin/bash\nset -euo pipefail\npg_dump shop | gzip > /backup/shop.gz\n",
                ),
            ],
        ),
        Fixture::files(
            "a dump that is packed afterwards, and a pipe that only looks",
            &[
                file("/etc/cron.d/dump", "0 2 * * * root muster run dump -- /opt/shop/dump.sh\n"),
                program(
                    "/opt/shop/dump.sh",
                    "#!/bin/sh\nset -eu\n# pg_dump shop | gzip\npg_dump --version | head -1\npg_dump shop > /backup/shop.sql || exit 1\ngzip -f /backup/shop.sql\n",
                ),
            ],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    backups(facts, |backups, answer| {
        for dump in backups.dumps.iter().filter(|dump| !dump.heard) {
            let place = Place::line(&dump.source, dump.line, &dump.text);
            let observed =
                format!("when {} fails, {} ends well and the failure is lost", dump.program, dump.into);
            answer.find(Finding::new(format!("{}: {}", dump.source, dump.text), place, observed));
        }
    })
}
