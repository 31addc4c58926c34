//! SVC012: a service that binds to an address before it is there.

use std::net::IpAddr;

use super::each_unit;
use crate::facts::Facts;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "SVC012",
    severity: Severity::Medium,
    outlook: Outlook::Waiting,
    title: "a service may bind to an address that is not there yet",
    silent: "It works whenever a person starts it. At boot the bridge or the tunnel comes later, the bind fails, and after five quick \
             tries systemd gives up.",
    cure: "Order it After= and Wants= what makes the address (docker.service, wg-quick@wg0.service, network-online.target); \
           network.target alone waits for no address.",
    fix: Fix::Told,
    unless: "The address is loopback or a wildcard, or RestartSec= gives it time.",
    judge,
    bad: Fixture::files(
        "an address of a bridge",
        &[file(
            "/etc/systemd/system/api.service",
            "[Unit]\nAfter=network.target\n[Service]\nExecStart=/opt/api --listen 172.17.0.1:9000\nRestart=always\n",
        )],
    ),
    good: [
        Fixture::files(
            "after the bridge",
            &[file(
                "/etc/systemd/system/api.service",
                "[Unit]\nAfter=docker.service\n[Service]\nExecStart=/opt/api --listen 172.17.0.1:9000\nRestart=always\n",
            )],
        ),
        Fixture::files(
            "an address that it calls, not one of its own",
            &[file(
                "/etc/systemd/system/api.service",
                "[Unit]\nAfter=network.target\n[Service]\nExecStart=/opt/api --listen=127.0.0.1:9000 --database 10.0.0.5:5432\n",
            )],
        ),
    ],
};

/// Options that name an address of one's own.
const OPTIONS: [&str; 9] = [
    "--bind",
    "--listen",
    "--host",
    "--address",
    "--bind-address",
    "--http",
    "-b",
    "--addr",
    "--listen-address",
];
/// Units that come before any address of a network.
const EARLY: [&str; 6] = [
    "network.target",
    "network-pre.target",
    "syslog.target",
    "remote-fs.target",
    "local-fs.target",
    "basic.target",
];

fn judge(facts: &Facts) -> Answer {
    each_unit(facts, |_, unit, answer| {
        let pause = unit.last("Service", "RestartSec").is_some_and(|value| value != "0");
        if !unit.is_lasting() || (pause && unit.last("Service", "Restart").is_some_and(|value| value != "no"))
        {
            return;
        }
        let after = unit.all("Unit", "After");
        let waits = after.iter().flat_map(|(_, setting)| setting.value.split_whitespace());
        if waits.into_iter().any(|name| !EARLY.contains(&name)) {
            return;
        }
        for (file, setting) in unit.all("Service", "ExecStart") {
            let words: Vec<&str> = setting.value.split([' ', '=']).collect();
            let bound = words.windows(2).find_map(|pair| {
                let address: IpAddr = host(pair[1]).parse().ok()?;
                let far = !address.is_loopback() && !address.is_unspecified();
                (OPTIONS.contains(&pair[0]) && far).then_some(address)
            });
            if let Some(address) = bound {
                let place = Place::line(&file.path, setting.line, format!("ExecStart={}", setting.value));
                let observed = format!("it binds to {address} and waits for nothing that makes this address");
                answer.find(Finding::new(&unit.name, place, observed));
            }
        }
    })
}

/// The host of `1.2.3.4:80`, `[::1]:80`, `http://1.2.3.4:80`.
fn host(word: &str) -> &str {
    let word = word.split_once("://").map_or(word, |(_, rest)| rest);
    match word.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None if word.matches(':').count() == 1 => word.split(':').next().unwrap_or(word),
        None => word,
    }
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn the_host_of_an_address_is_found() {
        for (word, shown) in [
            ("10.0.0.1:80", "10.0.0.1"),
            ("[fd00::1]:80", "fd00::1"),
            ("fd00::1", "fd00::1"),
            ("tcp://10.0.0.1:2375", "10.0.0.1"),
            (":80", ""),
            ("", ""),
        ] {
            assert_eq!(host(word), shown);
        }
    }
}
