//! DISK005: a file system that should be there and is not.

use super::{GIB, root};
use crate::facts::disks::{Disks, Space, Wanted};
use crate::facts::{Fact, Facts};
use crate::mend::Mend;
use crate::mend::order::Order;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "DISK005",
    severity: Severity::Critical,
    outlook: Outlook::Failing,
    title: "a file system of /etc/fstab is not mounted",
    silent: "With nofail the host starts without it. The folder is there, so backups and uploads succeed: on the root disk.",
    cure: "Mount it (`mount PLACE`), move what was written below it meanwhile, and let what needs it ask for it \
           (RequiresMountsFor=). Where nothing lies in the folder, `--fix` can mount it.",
    fix: Fix::Disruptive,
    unless: "The line says noauto, or systemd mounts it when it is used.",
    judge,
    bad: Fixture::facts("a backup disk that is not there", |facts| {
        with(facts, "/mnt/backup", &["defaults", "nofail"])
    }),
    good: [
        Fixture::facts("one that is mounted by hand", |facts| {
            with(facts, "/mnt/backup", &["noauto", "user"])
        }),
        Fixture::facts("the root itself", |facts| with(facts, "/", &["defaults"])),
    ],
};

fn with(facts: &mut Facts, place: &str, options: &[&str]) {
    let mount = root(facts, Space { used: 20 * GIB, free: 20 * GIB, inodes: 0, inodes_free: 0 });
    let line = Wanted {
        line: 2,
        device: "UUID=1234".to_owned(),
        place: place.to_owned(),
        kind: "ext4".to_owned(),
        options: options.iter().map(|&option| option.to_owned()).collect(),
        below: Some(3),
    };
    facts.disks = Fact::Known(Disks { mounts: Fact::Known(vec![mount]), wanted: Fact::Known(vec![line]) });
}

fn judge(facts: &Facts) -> Answer {
    Answer::of(&facts.disks, |disks, answer| {
        let (mounts, wanted) = match (&disks.mounts, &disks.wanted) {
            (Fact::Unknown { why }, _) | (_, Fact::Unknown { why }) => return answer.blind(why.clone()),
            (Fact::Nothing { why }, _) | (_, Fact::Nothing { why }) => {
                answer.nothing = Some(why.clone());
                return;
            }
            (Fact::Known(mounts), Fact::Known(wanted)) => (mounts, wanted),
        };
        for line in wanted {
            let place = line.place.trim_end_matches('/');
            let place = if place.is_empty() { "/" } else { place };
            let said = |name: &str| line.options.iter().any(|option| option == name);
            let by_itself =
                said("noauto") || said("x-systemd.automount") || said("bind") || line.kind == "swap";
            if by_itself || !place.starts_with('/') || mounts.iter().any(|mount| mount.place == place) {
                continue;
            }
            let below = match line.below {
                Some(0) => "; the folder is empty".to_owned(),
                Some(count) => format!("; {count} names lie in the folder, on the disk below it"),
                None => "; the folder is not there either".to_owned(),
            };
            // Mounted over files, it would hide what was written meanwhile.
            let order = Order::Mount { place: place.to_owned() };
            let mend = (line.below == Some(0) && order.check().is_ok()).then_some(Mend::Order(order));
            let place =
                Place::line("/etc/fstab", line.line, format!("{} {} {}", line.device, line.place, line.kind));
            let observed = format!("{} is not mounted{below}", line.place);
            answer.find(Finding::new(&line.place, place, observed).mended(mend));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::tests::facts_of;

    #[test]
    fn it_is_mounted_only_over_an_empty_folder() {
        let mut facts = facts_of(&RULE.bad);
        assert!(judge(&facts).findings.iter().all(|finding| finding.mend.is_none()));
        for (place, mended) in [("/mnt/backup", true), ("/mnt/my\\040backup", false)] {
            if let Fact::Known(Disks { wanted: Fact::Known(lines), .. }) = &mut facts.disks {
                lines[0].below = Some(0);
                lines[0].place = place.to_owned();
            }
            assert_eq!(judge(&facts).findings[0].mend.is_some(), mended, "{place}");
        }
    }
}
