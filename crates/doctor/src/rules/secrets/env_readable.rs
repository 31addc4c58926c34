//! SEC001: a file of secrets that every user may read.

use super::{named, projects};
use crate::facts::projects::{Projects, SettingsFile, under};
use crate::facts::{Fact, Facts};
use crate::mend::Mend;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, Planted, file, folder};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "SEC001",
    severity: Severity::Critical,
    outlook: Outlook::Failing,
    title: "every user of the host may read a file of secrets",
    silent: "The application works the same. Any other account, and any hole in any other service, reads its passwords.",
    cure: "Take the rights of others away (chmod o= FILE). Where the application runs as a user who neither owns the file nor \
           is in its group, first give the file that user's group.",
    fix: Fix::Safe,
    unless: "A folder above the file is closed to others, or no value in it looks like a secret. It is mended without asking \
             only where all who are known to work in its folder keep their right to read it; PHP and containers may read as \
             somebody else, so their folders are left to a person.",
    judge,
    bad: Fixture::files(
        "a password in a file of mode 0644",
        &[
            folder("/opt/"),
            folder("/opt/shop/"),
            file("/opt/shop/.env", "PORT=3000\nDB_PASSWORD=correct-horse\n"),
            file(
                "/etc/systemd/system/shop.service",
                "[Service]\nEnvironmentFile=/opt/shop/.env\nExecStart=/opt/shop/bin/serve\n",
            ),
        ],
    ),
    good: [
        Fixture::files(
            "the same file in a folder that is closed to others",
            &[
                folder("/opt/"),
                Planted { path: "/opt/shop/", mode: 0o750, text: "" },
                file("/opt/shop/.env", "PORT=3000\nDB_PASSWORD=correct-horse\n"),
            ],
        ),
        Fixture::files(
            "settings without secrets, and an example",
            &[
                folder("/opt/"),
                folder("/opt/shop/"),
                file(
                    "/opt/shop/.env",
                    "PORT=3000\nSECRET_FILE=/run/secrets/shop\nDB_PASSWORD=${DB_PASSWORD}\n",
                ),
                file("/opt/shop/.env.example", "DB_PASSWORD=correct-horse\n"),
            ],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    projects(facts, |projects, answer| {
        for file in &projects.settings {
            if file.mode & 0o004 == 0 || file.behind.is_some() || file.secrets.is_empty() {
                continue;
            }
            let observed = format!("mode {:04o}; it holds {}", file.mode, named(file));
            let mend = is_safe(facts, projects, file).then(|| Mend::Mode {
                file: file.path.clone(),
                from: file.mode,
                to: file.mode & !0o007,
            });
            answer.find(Finding::new(&file.path, Place::of(&file.path), observed).mended(mend));
        }
    })
}

/// Somebody is known to work in the folder, and all who do may still read the file without the rights of others.
fn is_safe(facts: &Facts, projects: &Projects, file: &SettingsFile) -> bool {
    let folder = file.path.rsplit_once('/').map_or("/", |(folder, _)| folder);
    let project = folder.split('/').take(3).collect::<Vec<_>>().join("/");
    if under(folder, "/var/www") {
        return false;
    }
    if contained(facts, &project) {
        return false;
    }
    let keeps = |name: &str| match facts.user(name) {
        Some(Some(user)) => {
            user.uid == 0 || user.uid == file.uid || (user.gid == file.gid && file.mode & 0o040 != 0)
        }
        _ => false,
    };
    let units = projects.units.iter().filter(|unit| unit.works_in(&project));
    let mut readers: Vec<bool> =
        units.map(|unit| !unit.dynamic && keeps(unit.user.as_deref().unwrap_or("root"))).collect();
    let Some(cron) = facts.cron.known() else {
        return !readers.is_empty() && facts.cron.why_unknown().is_none() && all(&readers);
    };
    for table in &cron.tables {
        for line in table.lines.iter().filter(|line| line.command.contains(&project)) {
            readers.push(keeps(table.user(line)));
        }
    }
    !readers.is_empty() && all(&readers)
}

/// A container has the folder, or who knows whether: whoever reads it there has numbers of its own.
fn contained(facts: &Facts, project: &str) -> bool {
    match &facts.containers {
        Fact::Known(containers) => {
            let mut mounts = containers.all.iter().flat_map(|container| &container.mounts);
            !containers.unseen.is_empty()
                || mounts.any(|mount| under(&mount.source, project) || under(project, &mount.source))
        }
        Fact::Unknown { .. } => true,
        Fact::Nothing { .. } => false,
    }
}

fn all(readers: &[bool]) -> bool {
    readers.iter().all(|keeps| *keeps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::tests::facts_of;

    const JOB: &[Planted] = &[file("/etc/cron.d/x", "0 1 * * * root /opt/shop/x\n")];

    #[test]
    fn it_is_mended_only_where_nobody_loses_it() {
        for (unit, cron, mended) in [
            ("User=root\n", "root", true),
            ("User=stranger\n", "root", false),
            ("DynamicUser=yes\n", "root", false),
            ("", "stranger", false),
        ] {
            let mut facts = facts_of(&RULE.bad);
            let Fact::Known(projects) = &mut facts.projects else { panic!("they are known") };
            projects.units[0].user = unit.trim().strip_prefix("User=").map(str::to_owned);
            projects.units[0].dynamic = unit.starts_with("Dynamic");
            facts.cron = facts_of(&Fixture::files("a job", JOB)).cron;
            let Fact::Known(table) = &mut facts.cron else { panic!("it is known") };
            table.tables[0].lines[0].user = Some(cron.to_owned());
            let answer = judge(&facts);
            assert_eq!(answer.findings[0].mend.is_some(), mended, "{unit:?} {cron}");
        }
        let mut facts = facts_of(&RULE.bad);
        let Fact::Known(projects) = &mut facts.projects else { panic!("they are known") };
        projects.units.clear();
        assert!(judge(&facts).findings[0].mend.is_none(), "nobody is known to read it");
        let mut facts = facts_of(&RULE.bad);
        facts.containers = Fact::unknown("Docker did not answer");
        assert!(judge(&facts).findings[0].mend.is_none(), "a container may read it");
    }
}
