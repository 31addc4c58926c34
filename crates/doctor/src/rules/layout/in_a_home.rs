//! LAY001: something that runs on a schedule or as a service from somebody's home.

use std::collections::BTreeMap;

use muster_host::discover::command::{Reading, Script};

use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "LAY001",
    severity: Severity::Medium,
    outlook: Outlook::Hygiene,
    title: "a job or a service lives in somebody's home",
    silent: "A home is tidied, moved and deleted with its account, and nobody thinks of what runs from there. What lies below /root cannot \
             be read by a user of its own, so everything runs as root.",
    cure: "Give it a folder of its own, such as /opt/NAME, with logs in /var/log/NAME and data in /var/lib/NAME, and correct the line or \
           the unit.",
    fix: Fix::Told,
    unless: "A user's own crontab runs what lies in the same user's home (root's excepted), or a unit is a user's own.",
    judge,
    bad: Fixture::files(
        "a project below /root",
        &[file("/var/spool/cron/crontabs/root", "0 2 * * * muster run n -- /root/shop/nightly.sh\n")],
    ),
    good: [
        Fixture::files(
            "a folder of its own",
            &[
                file("/etc/cron.d/shop", "0 2 * * * app muster run n -- /opt/shop/nightly.sh\n"),
                file("/etc/systemd/system/api.service", "[Service]\nExecStart=/srv/api/run\n"),
            ],
        ),
        Fixture::files(
            "a user's own job in the user's own home",
            &[file("/var/spool/cron/crontabs/app", "0 2 * * * muster run n -- /home/app/bin/nightly.sh\n")],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    let mut answer = Answer::default();
    match (&facts.cron, &facts.services) {
        (Fact::Nothing { why }, Fact::Nothing { .. }) => return Answer::nothing(why.clone()),
        (Fact::Unknown { why }, _) | (_, Fact::Unknown { why }) => answer.blind(why.clone()),
        _ => {}
    }
    // One finding for each folder, where it is first seen.
    let mut seen: BTreeMap<String, (Place, usize)> = BTreeMap::new();
    let mut note = |project: String, place: Place| {
        seen.entry(project).and_modify(|(_, times)| *times += 1).or_insert((place, 1));
    };
    for table in facts.cron.known().into_iter().flat_map(|cron| &cron.tables) {
        let own = table.owner.as_deref().filter(|owner| *owner != "root");
        let home = facts.users.known().into_iter().flatten().find(|user| Some(user.name.as_str()) == own);
        for line in &table.lines {
            let whole = Reading::of(&line.shell);
            let reading = whole.wrapped().unwrap_or(whole);
            let Some(Script::Started(path) | Script::Interpreted(path)) = reading.script() else {
                continue;
            };
            let at_home = home.is_some_and(|user| {
                path.strip_prefix(user.home.as_str()).is_some_and(|rest| rest.starts_with('/'))
            });
            if let Some(project) = project(&path).filter(|_| !at_home) {
                let text = format!("{} {}", line.schedule, line.command);
                note(project, Place::line(&table.path, line.line, text));
            }
        }
    }
    for unit in facts.services.known().into_iter().flat_map(|services| &services.units) {
        for (file, setting) in unit.all("Service", "ExecStart") {
            let command = setting.value.trim_start_matches(['@', '-', ':', '+', '!']);
            let path = match Reading::of(command).script() {
                Some(Script::Started(path) | Script::Interpreted(path)) => path,
                None => continue,
            };
            let program = command.split_whitespace().next().unwrap_or_default();
            if let Some(project) = project(&path).or_else(|| project(program)) {
                let place =
                    Place::line(&file.path, setting.line, format!("{}={}", setting.key, setting.value));
                note(project, place);
            }
        }
    }
    for (project, (place, times)) in seen {
        let what = if project.starts_with("/root") { "root's home" } else { "somebody's home" };
        let observed = match times {
            1 => format!("what it runs lies in {what}"),
            more => format!("what it and {} others run lies in {what}", more - 1),
        };
        answer.find(Finding::new(project, place, observed));
    }
    answer
}

/// `/root/shop` of `/root/shop/bin/x`, `/home/app/shop` of `/home/app/shop/x`; the file itself where no folder is between.
fn project(path: &str) -> Option<String> {
    let depth = if path.starts_with("/root/") {
        3
    } else if path.starts_with("/home/") {
        4
    } else {
        return None;
    };
    let parts: Vec<&str> = path.split('/').take(depth).collect();
    (parts.len() == depth).then(|| parts.join("/"))
}
