//! FW018: a file that turns forwarding off under containers.

use super::reach::used;
use crate::facts::filters::Setting;
use crate::facts::{Fact, Facts};
use crate::mend::Mend;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, Planted, file, link};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "FW018",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "a file turns forwarding off under containers",
    silent: "Docker turns it on when it starts, so nobody sees the file. The next `sysctl --system`, which upgrades of packages run \
             too, turns it off: containers reach nothing, and published ports go quiet.",
    cure: "Write `net.ipv4.ip_forward = 1` in place of the line, or take it away.",
    fix: Fix::Safe,
    unless: "No container engine is there, or a file that is read later turns it on.",
    judge,
    bad: Fixture::files("a file against attacks, beside Docker", HARDENED),
    good: [
        Fixture::files(
            "a later file turns it on",
            &[
                file("/etc/sysctl.d/50-hardening.conf", "net.ipv4.ip_forward = 0\n"),
                file("/etc/sysctl.d/99-docker.conf", "net.ipv4.ip_forward = 1\n"),
                file("/etc/docker/daemon.json", "{}\n"),
            ],
        ),
        Fixture::files(
            "no containers",
            &[file("/etc/sysctl.d/99-hardening.conf", "net.ipv4.ip_forward = 0\n")],
        ),
    ],
};

const HARDENED: &[Planted] = &[
    file("/etc/sysctl.d/99-hardening.conf", "kernel.kptr_restrict = 1\nnet.ipv4.ip_forward = 0\n"),
    link("/etc/systemd/system/multi-user.target.wants/docker.service", "/lib/systemd/system/docker.service"),
];

/// Read by ufw when it starts, after everything else.
const OF_UFW: &str = "/etc/ufw/sysctl.conf";

fn judge(facts: &Facts) -> Answer {
    Answer::of(&facts.filters, |files, answer| {
        for (place, why) in files.unseen.iter().filter(|(place, _)| place.contains("sysctl")) {
            answer.blind(format!("{place}: {why}"));
        }
        let bridges = facts.firewall.known().map(|firewall| used(facts, firewall)).unwrap_or_default();
        let needed = match (&files.docker, bridges.first()) {
            (Some(file), _) => format!("Docker is on this host ({file})"),
            (None, Some(bridge)) => format!("containers are on {bridge}"),
            (None, None) => {
                answer.nothing = Some("no container engine needs forwarding".to_owned());
                return;
            }
        };
        let has_ufw = facts.ufw.known().is_some_and(|ufw| ufw.enabled);
        let last = |of_ufw: bool| {
            let mut settings = files.forwarding.iter().rev();
            settings.find(|one| (one.at.file == OF_UFW) == of_ufw)
        };
        for setting in last(false).into_iter().chain(last(true).filter(|_| has_ufw)) {
            if setting.value == "0" {
                let place = Place::line(&setting.at.file, setting.at.line, &setting.at.text);
                let observed = format!("it is read last and turns forwarding off, and {needed}");
                answer.find(
                    Finding::new(format!("{} {}", setting.at.file, setting.key), place, observed)
                        .mended(mend(setting)),
                );
            }
        }
        if let Fact::Unknown { why } = &facts.ufw {
            answer.blind(why.clone());
        }
    })
}

/// One byte of the operator's own file; a package's would come back.
fn mend(setting: &Setting) -> Option<Mend> {
    setting.own.then(|| Mend::Splice {
        file: setting.at.file.clone(),
        at: setting.byte,
        old: "0".to_owned(),
        new: "1".to_owned(),
    })
}
