//! SVC003: a service that runs now and will not after a reboot.

use super::{each_state, shown, sound, tell};
use crate::facts::Facts;
use crate::facts::services::State;
use crate::mend::Mend;
use crate::mend::order::Order;
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "SVC003",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "a service runs but will not be started at boot",
    silent: "`systemctl start` starts it until the next reboot only. Until then all looks well.",
    cure: "Run `systemctl enable NAME`; if that says that there is no installation config, add WantedBy=multi-user.target \
           under [Install] first.",
    fix: Fix::Safe,
    unless: "A timer, a socket, the bus or another unit starts it. For docker.service a socket is not enough: containers with a restart \
             policy wait for the daemon.",
    judge,
    bad: Fixture::facts("started by hand", |facts| {
        tell(facts, vec![State { file_state: "disabled".to_owned(), wanted: false, ..sound("api.service") }]);
    }),
    good: [
        Fixture::facts("disabled, but another unit wants it", |facts| {
            tell(facts, vec![State { file_state: "disabled".to_owned(), ..sound("redis.service") }]);
        }),
        Fixture::facts("enabled, and not running", |facts| {
            let (active, sub) = ("inactive".to_owned(), "dead".to_owned());
            let file_state = "disabled".to_owned();
            tell(facts, vec![State { active, sub, file_state, wanted: false, ..sound("api.service") }]);
        }),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each_state(facts, |services, state, answer| {
        let docker = state.name == "docker.service";
        let own = services.units.iter().any(|unit| unit.name == state.name && unit.own);
        // An installed unit without [Install] is "static": of the operator's own ones nothing starts it then.
        let lost = state.file_state == "disabled" || (own && state.file_state == "static");
        let runs = state.active == "active" && state.sub == "running" && state.kind != "oneshot";
        let instance = state.name.contains('@');
        let triggered = services.units.iter().any(|unit| unit.name == state.name && unit.triggered);
        if runs && lost && (docker || !(state.wanted || instance || triggered || state.kind == "dbus")) {
            let observed = format!("it runs (process {}), and its unit is {}", state.pid, state.file_state);
            let finding = Finding::new(&state.name, shown(&state.name), observed);
            let enable = Mend::Order(Order::Enable { unit: state.name.clone(), now: false });
            let mend = (state.file_state == "disabled").then_some(enable);
            answer.find(finding.forecast("it is gone after the next reboot").mended(mend));
        }
    })
}
