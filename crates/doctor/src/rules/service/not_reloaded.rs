//! SVC006: a unit that was changed, and systemd does not know.

use super::{each_state, shown, sound, tell};
use crate::facts::Facts;
use crate::facts::services::State;
use crate::mend::Mend;
use crate::mend::order::Order;
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "SVC006",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "a unit was edited and systemd still has the old one",
    silent: "The file says one thing and systemd does another until `systemctl daemon-reload`. The next boot brings the change, \
             when nobody thinks of it.",
    cure: "Run `systemctl daemon-reload`, then restart the service yourself when it suits: a reload alone does not change what runs.",
    fix: Fix::Safe,
    unless: "There is nothing that would have to be read again.",
    judge,
    bad: Fixture::facts("an edited unit", |facts| {
        tell(facts, vec![State { stale: true, ..sound("api.service") }]);
    }),
    good: [
        Fixture::facts("a unit as it was read", |facts| tell(facts, vec![sound("api.service")])),
        Fixture::facts("an edited unit that is stopped for good", |facts| {
            let (active, file_state) = ("inactive".to_owned(), "masked".to_owned());
            tell(facts, vec![State { stale: true, active, file_state, ..sound("api.service") }]);
        }),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each_state(facts, |_, state, answer| {
        if state.stale && state.file_state != "masked" {
            let observed = format!("{} or a drop-in is newer than what systemd read", state.file);
            let finding = Finding::new(&state.name, shown(&state.name), observed);
            answer.find(finding.mended(Mend::Order(Order::DaemonReload)));
        }
    })
}
