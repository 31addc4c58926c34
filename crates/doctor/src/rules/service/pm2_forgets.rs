//! SVC009: programs of PM2 or supervisor that a reboot will not bring back as they are.

use crate::facts::Fact;
use crate::facts::Facts;
use crate::facts::keepers::{Pm2, Pm2Program};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "SVC009",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "what PM2 or supervisor runs is not what a reboot brings",
    silent: "PM2 keeps its list in memory until `pm2 save`, and starts at boot only behind `pm2 startup`. Supervisor reads its files when it \
             starts. What runs now looks right until then.",
    cure: "For PM2: `pm2 startup` (run the line that it prints), then `pm2 save`. For supervisor: `supervisorctl reread`, look, then \
           `supervisorctl update`.",
    fix: Fix::Told,
    unless: "PM2 is started by a crontab with @reboot, or runs in a container.",
    judge,
    bad: Fixture::files("a list that nobody saved", &[file("/root/.pm2/pids/api-0.pid", "77")]),
    good: [
        Fixture::files(
            "saved, and started by its unit",
            &[
                file("/root/.pm2/dump.pm2", "[{\"name\": \"api\", \"pm_exec_path\": \"/opt/api.js\"}]"),
                file("/etc/systemd/system/multi-user.target.wants/pm2-root.service", ""),
            ],
        ),
        Fixture::files(
            "saved, and brought back by cron",
            &[
                file("/root/.pm2/dump.pm2", "[{\"name\": \"api\"}]"),
                file("/etc/cron.d/pm2", "@reboot root pm2 resurrect\n"),
            ],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    Answer::of(&facts.keepers, |keepers, answer| {
        for (what, why) in &keepers.unseen {
            answer.blind(format!("{what}: {why}"));
        }
        for pm2 in &keepers.pm2 {
            of_pm2(facts, pm2, answer);
        }
        let supervisord = facts
            .processes
            .known()
            .and_then(|processes| processes.running.iter().find(|process| process.name == "supervisord"));
        let Some(supervisord) = supervisord else { return };
        for file in &keepers.supervisor {
            let entry = facts.entry(&file.path);
            let Some(entry) = entry.known() else { continue };
            if entry.modified > supervisord.started {
                let younger = entry.modified.since(supervisord.started);
                let observed = format!(
                    "written {younger} after supervisor was started; `supervisorctl reread` tells what it did not take"
                );
                answer.find(Finding::new(&file.path, Place::of(&file.path), observed));
            }
        }
    })
}

fn of_pm2(facts: &Facts, pm2: &Pm2, answer: &mut Answer) {
    let dump = format!("{}/dump.pm2", pm2.home);
    let mut found = |observed: String| {
        let finding = Finding::new(format!("PM2 of {}", pm2.user), Place::of(&dump), observed);
        answer.find(finding.forecast("these programs are gone after the next reboot"));
    };
    let saved: &[Pm2Program] = match &pm2.saved {
        Fact::Known(saved) => saved,
        Fact::Nothing { .. } => return found("the list was never saved: there is no dump.pm2".to_owned()),
        Fact::Unknown { why } => return answer.blind(why.clone()),
    };
    let running = pm2.running.known().map_or(&[][..], Vec::as_slice);
    let lost: Vec<&str> = running
        .iter()
        .map(String::as_str)
        .filter(|name| !saved.iter().any(|program| plain(&program.name) == plain(name)))
        .collect();
    if !lost.is_empty() {
        return found(format!("running, but not in the saved list: {}", lost.join(", ")));
    }
    let by_cron = facts.cron.known().is_some_and(|cron| {
        let lines = cron.tables.iter().flat_map(|table| &table.lines);
        lines.into_iter().any(|line| line.schedule == "@reboot" && line.command.contains("pm2"))
    });
    if !pm2.at_boot && !by_cron && !saved.is_empty() {
        found(format!("nothing starts PM2 at boot: pm2-{}.service is not enabled", pm2.user));
    }
}

/// As PM2 writes a name into that of a file.
fn plain(name: &str) -> String {
    name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect()
}
