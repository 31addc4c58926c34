//! CRON006: a script that run-parts passes over.

use muster_host::discover::command::basename;
use muster_host::discover::{crontab::Daemon, ignored_name};

use crate::facts::{Fact, Facts};
use crate::mend::Mend;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file, program};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CRON006",
    severity: Severity::Critical,
    outlook: Outlook::Failing,
    title: "run-parts passes over a script",
    silent: "A script that is not executable, or whose name has a dot, is skipped without a word.",
    cure: "Make it executable (chmod +x) and name it with letters, digits, `-` and `_` only; `run-parts --test FOLDER` lists what runs.",
    fix: Fix::Safe,
    unless: "The file is no script, belongs to a package, is left over from an upgrade, or was switched off with chmod -x: allow it \
             with a reason then.",
    judge,
    bad: Fixture::files("a script without its bit", &[file("/etc/cron.daily/backup", "#!/bin/sh\ntrue\n")]),
    good: [
        Fixture::files("an executable script", &[program("/etc/cron.daily/backup", "#!/bin/sh\ntrue\n")]),
        Fixture::files(
            "a text that explains the folder, and an old version",
            &[
                file("/etc/cron.daily/README", "Scripts in here run each day.\n"),
                file("/etc/cron.daily/backup.dpkg-old", "#!/bin/sh\ntrue\n"),
            ],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    Answer::of(&facts.cron, |cron, answer| {
        cron.unseen.iter().for_each(|(what, why)| answer.blind(format!("{what}: {why}")));
        for script in cron.scripts.iter().filter(|script| script.package.is_none()) {
            let is_script =
                matches!(facts.entry(&script.path), Fact::Known(entry) if entry.interpreter.is_some());
            let odd = ignored_name(basename(&script.path), cron.daemon);
            let is_left = odd.as_deref().is_some_and(|why| why.starts_with("left over"));
            if !is_script || is_left || cron.daemon == Daemon::Busybox {
                continue;
            }
            let finding = |observed: &str| Finding::new(&script.path, Place::of(&script.path), observed);
            if odd.is_some() {
                answer.find(finding("its name is not one that run-parts takes: the script does not run"));
            } else if script.mode & 0o111 == 0 {
                let (from, to) = (script.mode, script.mode | ((script.mode & 0o444) >> 2));
                let mend = Mend::Mode { file: script.path.clone(), from, to };
                answer.find(
                    finding(&format!("its mode is {from:04o}: not executable, so it does not run"))
                        .mended(mend),
                );
            }
        }
    })
}
