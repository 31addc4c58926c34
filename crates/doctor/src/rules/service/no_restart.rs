//! SVC001: a service that is gone after its first crash.

use super::each_unit;
use crate::facts::Facts;
use crate::mend::Mend;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "SVC001",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "a service is not started again after a crash",
    silent: "Without Restart= systemd starts nothing again that has ended. One crash, and it is down until somebody looks.",
    cure: "Set Restart=on-failure and RestartSec=5s in a drop-in (`systemctl edit`), then `systemctl daemon-reload`.",
    fix: Fix::Safe,
    unless: "It is a oneshot, something else starts it (a timer, a socket, OnFailure=), or Restart=no was written on purpose.",
    judge,
    bad: Fixture::files(
        "a service as most guides write it",
        &[file(
            "/etc/systemd/system/api.service",
            "[Unit]\nDescription=api\n\n[Service]\nExecStart=/opt/api/run\n",
        )],
    ),
    good: [
        Fixture::files(
            "the line in a drop-in",
            &[
                file("/etc/systemd/system/api.service", "[Service]\nExecStart=/opt/api/run\n"),
                file("/etc/systemd/system/api.service.d/restart.conf", "[Service]\nRestart=always\n"),
            ],
        ),
        Fixture::files(
            "a service that a timer starts",
            &[
                file("/etc/systemd/system/report.service", "[Service]\nExecStart=/opt/report\n"),
                file("/etc/systemd/system/nightly.timer", "[Timer]\nOnCalendar=daily\nUnit=report.service\n"),
            ],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each_unit(facts, |services, unit, answer| {
        let live =
            services.state(&unit.name).is_some_and(|state| state.restart != "no" || state.kind == "oneshot");
        if !unit.is_lasting() || live || unit.last("Service", "Restart").is_some() {
            return;
        }
        let (file, setting) = match unit.all("Service", "ExecStart").last() {
            Some((file, setting)) => (file.path.clone(), (*setting).clone()),
            None => return,
        };
        let place = Place::line(file, setting.line, format!("ExecStart={}", setting.value));
        let pause = match unit.last("Service", "RestartSec") {
            Some(_) => "",
            None => "RestartSec=5s\n",
        };
        let mend = Mend::Create {
            file: format!("/etc/systemd/system/{}.d/50-muster-restart.conf", unit.name),
            mode: 0o644,
            text: format!("[Service]\nRestart=on-failure\n{pause}"),
        };
        answer.find(Finding::new(&unit.name, place, "there is no Restart=, which means no").mended(mend));
    })
}
