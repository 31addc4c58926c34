//! FW004: what must be reached is not.

use super::reach::each_way;
use super::{filter, with_filter};
use crate::facts::containers::{Container, Containers};
use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::{Fixture, Planted, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "FW004",
    severity: Severity::Critical,
    outlook: Outlook::Failing,
    title: "the firewall shuts off what is needed outside",
    silent: "Packets are dropped, not refused: programs wait, try again later and queue what they have. The library for mail \
             says nothing for hours.",
    cure: "Let it out from where it is needed: `ufw allow out to any port 587 proto tcp` for programs of this host, `ufw route \
           allow in on <bridge>` for containers.",
    fix: Fix::Disruptive,
    unless: "Nothing names what must be reached, it is this host itself, or a network of containers is meant to have no way out \
             (`internal`). Where nobody knows whether the host or a container needs it, all of them must be shut out.",
    judge,
    bad: Fixture::with("mail goes to port 587, and `ufw default deny outgoing`", MAIL, |facts| {
        with_filter(facts, true, &filter("-A DOCKER-USER -j RETURN\n", "DROP"));
        in_container(facts, "/elsewhere");
        of_unit(facts);
    }),
    good: [
        Fixture::with("port 587 let out", MAIL, |facts| {
            let out = "-A DOCKER-USER -j RETURN\n-A OUTPUT -p tcp -m tcp --dport 587 -j ACCEPT\n";
            with_filter(facts, true, &filter(out, "DROP"));
            of_unit(facts);
        }),
        Fixture::with(
            "outgoing denied, and a container needs it: its way leads past OUTPUT",
            MAIL,
            |facts| {
                with_filter(facts, true, &filter("-A DOCKER-USER -j RETURN\n", "DROP"));
                in_container(facts, "/opt/shop");
            },
        ),
    ],
};

/// An application that sends mail.
pub(super) const MAIL: &[Planted] =
    &[file("/opt/shop/.env", "# mail\nSMTP_HOST=198.51.100.25\nSMTP_PORT=587\nSMTP_PASSWORD=hunter2\n")];

/// A container of the fixtures' host, made from a compose file in this folder.
pub(super) fn in_container(facts: &mut Facts, folder: &str) {
    let container = Container {
        folder: Some(folder.to_owned()),
        addresses: vec![std::net::IpAddr::from([172, 17, 0, 2])],
        ..Container::sound("shop", "shop:1")
    };
    facts.containers = Fact::Known(Containers {
        socket: "/run/docker.sock".to_owned(),
        version: "20.10.24".to_owned(),
        all: vec![container],
        images: Vec::new(),
        unseen: Vec::new(),
    });
}

/// A unit of the operator's that runs in `/opt/shop`.
fn of_unit(facts: &mut Facts) {
    if let Fact::Known(projects) = &mut facts.projects {
        projects.units.push(crate::facts::projects::Unit {
            path: "/etc/systemd/system/shop.service".to_owned(),
            user: None,
            dynamic: false,
            paths: vec!["/opt/shop/run".to_owned()],
            secrets: Vec::new(),
        });
    }
}

fn judge(facts: &Facts) -> Answer {
    each_way(facts, |_, ways, answer| {
        for way in ways.iter().filter(|way| !way.is_here) {
            if let Some(why) = way.unclear() {
                answer.blind(format!("who reaches what: {why}"));
            }
            let Some((from, shut)) = way.shut() else { continue };
            let (target, by) = (way.target(), &shut.verdict.by);
            let observed = format!("{target} is closed for {from}: {by}");
            answer.find(Finding::new(format!("{} {target}", way.need.name), way.place(), observed));
        }
    })
}
