//! FW006: Docker is told to leave the packet filter alone.

use crate::facts::Facts;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "FW006",
    severity: Severity::High,
    outlook: Outlook::Failing,
    title: "Docker is told to leave the packet filter alone",
    silent: "It closes published ports to the outside as hoped. It also takes the containers their way out, for nothing rewrites \
             their addresses any more, and every client has the address of the bridge in the logs.",
    cure: "Take it out, restart Docker, and publish on 127.0.0.1 behind nginx; or close the rest with a DOCKER-USER block. It is a \
           setting of the daemon: there is none for single containers.",
    fix: Fix::Told,
    unless: "Somebody writes all of Docker's rules by hand: allow it with that reason.",
    judge,
    bad: Fixture::files(
        "the setting of many guides",
        &[file("/etc/docker/daemon.json", "{\n  \"log-driver\": \"local\",\n  \"iptables\": false\n}\n")],
    ),
    good: [
        Fixture::files(
            "the default, written down",
            &[file("/etc/docker/daemon.json", "{\n  \"iptables\": true,\n  \"ip6tables\": false\n}\n")],
        ),
        Fixture::files(
            "an argument that was taken out",
            &[file(
                "/etc/default/docker",
                "#DOCKER_OPTS=\"--iptables=false\"\nDOCKER_OPTS=\"--dns 9.9.9.9\"\n",
            )],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    Answer::of(&facts.docker, |docker, answer| {
        if let Some((path, line, text)) = &docker.hands_off {
            let observed = "containers reach nothing outside, and clients lose their address".to_owned();
            answer.find(Finding::new("iptables", Place::line(path, *line, text), observed));
        }
    })
}
