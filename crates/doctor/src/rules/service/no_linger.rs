//! SVC013: a service of a user, which ends when the user logs out.

use crate::facts::Facts;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "SVC013",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "a user's service dies at logout",
    silent: "A user's own systemd ends with the last session, and starts with the first login after a boot. While somebody is logged in \
             to look, all is well.",
    cure: "Run `loginctl enable-linger USER`, or make it a service of the system with User=.",
    fix: Fix::Told,
    unless: "The unit is not enabled, or should live only while the user is logged in.",
    judge,
    bad: Fixture::files(
        "an enabled unit of a user",
        &[
            file("/home/app/.config/systemd/user/bot.service", "[Service]\nExecStart=/home/app/bot\n"),
            file("/home/app/.config/systemd/user/default.target.wants/bot.service", ""),
        ],
    ),
    good: [
        Fixture::files(
            "the same user, lingering",
            &[
                file("/home/app/.config/systemd/user/bot.service", "[Service]\nExecStart=/home/app/bot\n"),
                file("/home/app/.config/systemd/user/default.target.wants/bot.service", ""),
                file("/var/lib/systemd/linger/app", ""),
            ],
        ),
        Fixture::files(
            "a unit that is started by hand",
            &[file("/home/app/.config/systemd/user/bot.service", "[Service]\nExecStart=/home/app/bot\n")],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    Answer::of(&facts.services, |services, answer| {
        for (what, why) in &services.unseen {
            answer.blind(format!("{what}: {why}"));
        }
        for unit in services.of_users.iter().filter(|unit| unit.enabled && !unit.lingers) {
            let observed = format!("enabled, and {} does not linger", unit.user);
            answer.find(Finding::new(&unit.path, Place::of(&unit.path), observed));
        }
    })
}
