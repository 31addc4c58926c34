//! NGX004: nginx hands on to a port of this host that nobody listens on.

use super::{hands_on, nginx, place, split_port, target, upstreams};
use crate::facts::nginx::{Directive, Nginx, Port};
use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "NGX004",
    severity: Severity::High,
    outlook: Outlook::Failing,
    title: "nginx hands requests to a port where nobody listens",
    silent: "Only requests for that path fail, with 502; the rest of the site and its start page are well.",
    cure: "Start what should listen there, or name the port on which it does. A program on ::1 is not reached by 127.0.0.1.",
    fix: Fix::Told,
    unless: "Only files were read, nginx does not run, or Docker forwards ports without a listening process.",
    judge,
    bad: Fixture::with("a port that moved", CONF, |facts| {
        listen(facts, &[Port { port: 3001, v4: true, v6: false }]);
    }),
    good: [
        Fixture::with("somebody listens on all addresses", CONF, |facts| {
            listen(facts, &[Port { port: 3000, v4: true, v6: true }]);
        }),
        Fixture::with(
            "a location whose upstream has the port",
            &[file(
                "/etc/nginx/nginx.conf",
                "http {\n  upstream api {\n    server 127.0.0.1:3000;\n    server 127.0.0.1:3009 down;\n    server 10.0.0.5:80;\n  }\n  server {\n    location / {\n      proxy_pass http://api;\n    }\n  }\n}\n",
            )],
            |facts| listen(facts, &[Port { port: 3000, v4: true, v6: false }]),
        ),
    ],
};

const CONF: &[crate::rules::fixture::Planted] = &[file(
    "/etc/nginx/nginx.conf",
    "http {\n  server {\n    location /api/ {\n      proxy_pass http://127.0.0.1:3000/;\n    }\n  }\n}\n",
)];

fn listen(facts: &mut Facts, ports: &[Port]) {
    if let Fact::Known(nginx) = &mut facts.nginx {
        nginx.running = Fact::Known(true);
        nginx.ports = Fact::Known(ports.to_vec());
    }
}

fn judge(facts: &Facts) -> Answer {
    nginx(facts, |nginx, answer| {
        let ports = match (&nginx.running, &nginx.ports) {
            (Fact::Known(true), Fact::Known(ports)) => ports,
            (Fact::Known(false), _) => return answer.nothing = Some("nginx does not run".to_owned()),
            (Fact::Nothing { why }, _) | (_, Fact::Nothing { why }) => {
                return answer.nothing = Some(why.clone());
            }
            (Fact::Unknown { why }, _) | (_, Fact::Unknown { why }) => return answer.blind(why),
        };
        let blocks = upstreams(nginx);
        let mut dead = Vec::new();
        nginx.each(&mut |_, directive| {
            if !hands_on(directive) {
                return;
            }
            let Some((host, port)) = target(directive) else { return };
            match blocks.iter().find(|(name, _)| *name == host) {
                Some((_, block)) => dead.extend(members(block).filter_map(|member| {
                    let (host, port) = split_port(member.word(), Some(80));
                    Some((member, deaf(ports, host, port)?))
                })),
                None => dead.extend(deaf(ports, host, port).map(|port| (directive, port))),
            }
        });
        report(nginx, dead, answer);
    })
}

fn report(nginx: &Nginx, dead: Vec<(&Directive, u16)>, answer: &mut Answer) {
    if nginx.hidden_ports && !dead.is_empty() {
        return answer.blind("Docker forwards ports without a listening process (userland-proxy is false)");
    }
    let mut told: Vec<(u32, u32)> = Vec::new();
    for (directive, port) in dead {
        let at = (directive.file, directive.line);
        if !told.contains(&at) {
            told.push(at);
            let observed = format!("nobody listens on port {port} of this host at that address");
            let subject = format!("{} {}", directive.name, directive.word());
            answer.find(Finding::new(subject, place(nginx, directive), observed));
        }
    }
}

/// Servers of an upstream that are asked.
fn members(block: &Directive) -> impl Iterator<Item = &Directive> {
    let asked = |member: &&Directive| {
        member.name == "server"
            && !member.words.iter().any(|word| word == "down")
            && !member.word().starts_with("unix:")
    };
    block.children().into_iter().filter(asked)
}

/// The port, if it is one of this host's and nobody listens on it.
fn deaf(ports: &[Port], host: &str, port: Option<u16>) -> Option<u16> {
    let port = port?;
    let heard =
        |v4: bool, v6: bool| ports.iter().any(|one| one.port == port && ((v4 && one.v4) || (v6 && one.v6)));
    let dead = match host {
        "localhost" => !heard(true, true),
        "[::1]" => !heard(false, true),
        host if host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback()) => {
            !heard(true, false)
        }
        _ => false,
    };
    dead.then_some(port)
}
