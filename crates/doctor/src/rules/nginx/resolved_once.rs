//! NGX003: a name that nginx asks for once, when it starts.

use super::{hands_on, nginx, place, split_port, target, upstreams};
use crate::facts::Facts;
use crate::facts::nginx::Nginx;
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "NGX003",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "nginx looks a name up once and keeps the address",
    silent: "The address is asked for when nginx starts, and never again. When the other side moves, requests go to whoever has the \
             old address, or to nobody; and a name that does not answer keeps nginx from starting.",
    cure: "With a resolver set, put the name into a variable (`set $shop https://…; proxy_pass $shop;`), or give the server in \
           the upstream `resolve` and a zone (nginx 1.27.3).",
    fix: Fix::Told,
    unless: "It is an address, stands in /etc/hosts, names an upstream block, or is looked up anew.",
    judge,
    bad: Fixture::files(
        "a name of somebody else's",
        &[file(
            "/etc/nginx/nginx.conf",
            "http {\n  server {\n    location / {\n      proxy_pass https://api.shop.test/v1;\n    }\n  }\n}\n",
        )],
    ),
    good: [
        Fixture::files(
            "the same in a variable, with a resolver",
            &[file(
                "/etc/nginx/nginx.conf",
                "http {\n  resolver 127.0.0.53;\n  server {\n    set $shop https://api.shop.test;\n    location / {\n      proxy_pass $shop;\n    }\n  }\n}\n",
            )],
        ),
        Fixture::files(
            "an upstream of that name, an address, and a name of /etc/hosts",
            &[
                file("/etc/hosts", "127.0.0.1 localhost\n10.0.0.7 db.shop.test\n"),
                file(
                    "/etc/nginx/nginx.conf",
                    "http {\n  upstream api.shop.test {\n    server 10.0.0.5:80;\n    server db.shop.test:80;\n    server x.test resolve;\n  }\n  server {\n    location / {\n      proxy_pass http://api.shop.test;\n    }\n    location /b {\n      proxy_pass http://localhost:80;\n    }\n  }\n}\n",
                ),
            ],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    nginx(facts, |nginx, answer| {
        let blocks = upstreams(nginx);
        let mut told: Vec<String> = Vec::new();
        nginx.each(&mut |outer, directive| {
            let in_upstream = outer.last().is_some_and(|outer| outer.name == "upstream");
            let host = if hands_on(directive) {
                target(directive).map(|(host, _)| host)
            } else if directive.name == "server" && in_upstream {
                let anew = directive.words.iter().any(|word| word == "resolve" || word == "down");
                Some(split_port(directive.word(), None).0).filter(|host| !anew && !host.starts_with("unix:"))
            } else {
                None
            };
            let Some(host) = host else { return };
            let is_block = !in_upstream && blocks.iter().any(|(name, _)| *name == host);
            if !is_block && is_name(nginx, host) && !told.iter().any(|known| known == host) {
                told.push(host.to_owned());
                let observed = format!("{host} is looked up when nginx starts, and never again");
                answer.find(Finding::new(host, place(nginx, directive), observed));
            }
        });
    })
}

/// A name that only a name server knows.
fn is_name(nginx: &Nginx, host: &str) -> bool {
    let is_address = host.starts_with('[') || host.parse::<std::net::IpAddr>().is_ok();
    !is_address && !host.is_empty() && host != "localhost" && !nginx.hosts.iter().any(|known| known == host)
}
