//! CRON001: a job that never reports in.

use muster_host::discover::command::Reading;

use super::{each_line, place, subject};
use crate::facts::Facts;
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CRON001",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "a cron job reports to nobody",
    silent: "Cron throws the exit code away. A job that fails, hangs or is never started again looks like one that works.",
    cure: "Wrap it with `muster run NAME -- …`; `muster jobs adopt --dry-run` shows the change for all of them, and `muster jobs \
           release` takes it back to the byte.",
    fix: Fix::Told,
    unless: "The line belongs to a package of the system, runs a folder with run-parts, or reports to another watchman.",
    judge,
    bad: Fixture::files(
        "a nightly job on its own",
        &[file("/etc/cron.d/shop", "0 2 * * * root /opt/shop/nightly.sh\n")],
    ),
    good: [
        Fixture::files(
            "the same job behind muster",
            &[file("/etc/cron.d/shop", "0 2 * * * root muster run nightly -- /opt/shop/nightly.sh\n")],
        ),
        Fixture::files(
            "a line of a package, and one that an upgrade put aside",
            &[
                file("/etc/cron.d/shop.dpkg-old", "0 2 * * * root /opt/shop/nightly.sh\n"),
                file(
                    "/etc/cron.d/e2scrub_all",
                    "30 3 * * 0 root test -e /run/systemd/system || /sbin/e2scrub_all_cron\n",
                ),
                file(
                    "/var/lib/dpkg/status",
                    "Package: e2fsprogs\nConffiles:\n /etc/cron.d/e2scrub_all 4d7e\n",
                ),
            ],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each_line(facts, |_, table, line, answer| {
        let reading = Reading::of(&line.shell);
        let covered =
            reading.covered().is_some() || reading.watcher().is_some() || reading.run_parts().is_some();
        if table.package.is_none() && !covered && line.schedule != "@reboot" {
            let user = table.user(line);
            let name = reading.name();
            let observed =
                format!("runs as {user} with nobody to hear of it; `muster run {name} -- …` would tell");
            answer.find(Finding::new(subject(table, line), place(table, line), observed));
        }
    })
}
