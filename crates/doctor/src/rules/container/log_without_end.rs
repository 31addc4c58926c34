//! LOG006: a container's log that grows until the disk is full.

use super::{each, place, tell};
use crate::facts::Facts;
use crate::facts::containers::Container;
use crate::facts::containers::Log;
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "LOG006",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "a container's log has no end",
    silent: "The engine's default keeps every line in one file for as long as the container lives, in a folder that nobody looks into \
             and logrotate does not know.",
    cure: "Set `\"log-driver\": \"local\"` or log-opts max-size and max-file in /etc/docker/daemon.json, restart Docker, and make the containers \
           anew: the setting counts for new containers only.",
    fix: Fix::Told,
    unless: "Its driver is another one (local, journald), or the container goes when it ends.",
    judge,
    bad: Fixture::facts("three gigabytes in a few days", |facts| {
        let log = Log {
            driver: "json-file".to_owned(),
            max_size: None,
            path: "/var/lib/docker/containers/0/0-json.log".to_owned(),
            size: Some(3 << 30),
        };
        tell(facts, vec![Container { log, ..Container::sound("api", "api:1") }]);
    }),
    good: [
        Fixture::facts("the same driver with a limit", |facts| {
            let log =
                Log { driver: "json-file".to_owned(), max_size: Some("10m".to_owned()), ..Log::default() };
            tell(facts, vec![Container { log, ..Container::sound("api", "api:1") }]);
        }),
        Fixture::facts("the journal", |facts| {
            let log = Log { driver: "journald".to_owned(), ..Log::default() };
            tell(facts, vec![Container { log, ..Container::sound("api", "api:1") }]);
        }),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each(facts, |container, answer| {
        let endless = container.log.max_size.as_deref().is_none_or(|size| size == "-1" || size.is_empty());
        if container.log.driver != "json-file" || !endless || container.passing {
            return;
        }
        let size = container.log.size.unwrap_or(0);
        let days = facts.at.since(container.created).as_millis() as f64 / 86_400_000.0;
        let mib = size as f64 / 1_048_576.0;
        let observed = match size {
            0 => "json-file without max-size".to_owned(),
            _ => format!("json-file without max-size; {mib:.0} MiB by now"),
        };
        let mut finding = Finding::new(&container.name, place(container), observed);
        // Less than that a day fills no disk in a year.
        if days >= 0.5 && mib / days >= 10.0 {
            finding = finding.forecast(format!("it grows by {:.0} MiB a day", mib / days));
        }
        answer.find(finding);
    })
}
