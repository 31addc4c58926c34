//! SEC003: a secret that stands in a command or a unit.

use super::projects;
use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};
use crate::told::in_command;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "SEC003",
    severity: Severity::Medium,
    outlook: Outlook::Hygiene,
    title: "a secret stands in a command or a unit",
    silent: "Every user sees the arguments of a command while it runs, and `systemctl show` tells everybody what a unit sets.",
    cure: "Put it into a file that only its reader may read: EnvironmentFile=, LoadCredential=, ~/.pgpass, ~/.my.cnf, ~/.netrc.",
    fix: Fix::Told,
    unless: "The line names only where the secret is: a variable, a file. The address of a heartbeat is not counted.",
    judge,
    bad: Fixture::files(
        "a password as an argument",
        &[file(
            "/etc/cron.d/dump",
            "0 2 * * * root muster run d -- mysqldump -u root -pcorrect-horse -r /srv/x shop\n",
        )],
    ),
    good: [
        Fixture::files(
            "a variable, and the address of a heartbeat",
            &[file(
                "/etc/cron.d/dump",
                "0 2 * * * root muster run d -- /opt/dump --password \"$PW\" && curl https://hc-ping.com/5f0ac1e2-1111-2222-3333-444455556666\n",
            )],
        ),
        Fixture::files(
            "a unit that reads its secrets from a file",
            &[file(
                "/etc/systemd/system/shop.service",
                "[Service]\nEnvironment=NODE_ENV=production SECRET_FILE=/run/secrets/shop\nEnvironmentFile=/etc/shop.env\nExecStart=/opt/shop/serve\n",
            )],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    projects(facts, |projects, answer| {
        match &facts.cron {
            Fact::Known(cron) => {
                for table in &cron.tables {
                    let open = table.access.known().is_none_or(|(mode, _)| mode & 0o004 != 0);
                    for line in table.lines.iter().filter(|_| table.package.is_none()) {
                        if let Some(name) = in_command(&line.command) {
                            let text = format!("{} {}", line.schedule, line.command);
                            let place = Place::line(&table.path, line.line, text);
                            let subject = format!("{}: {}", table.user(line), line.command);
                            answer.find(Finding::new(subject, place, format!("the command shows {name}")));
                        }
                    }
                    for (line, name, value) in table.settings.iter().filter(|_| open) {
                        if value.contains("***") && !value.contains("://***") {
                            let place = Place::line(&table.path, *line, format!("{name}=***"));
                            let observed = format!("others may read {name} in it");
                            answer.find(Finding::new(format!("{}: {name}", table.path), place, observed));
                        }
                    }
                }
            }
            Fact::Unknown { why } => answer.blind(format!("crontabs: {why}")),
            Fact::Nothing { .. } => {}
        }
        for unit in &projects.units {
            for (line, name) in &unit.secrets {
                let place = Place::line(&unit.path, *line, format!("{name}=***"));
                let observed = format!("the unit shows {name}");
                answer.find(Finding::new(format!("{}: {name}", unit.path), place, observed));
            }
        }
    })
}
