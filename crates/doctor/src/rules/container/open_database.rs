//! CTR010: a compose file that opens a database to everybody.

use super::{each_file, tell};
use crate::facts::Facts;
use crate::facts::compose::Published;
use crate::facts::containers::Container;
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CTR010",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "a compose file publishes a database on every address",
    silent: "A published port goes past ufw and its like: `ufw status` says deny, and the port answers. The program beside it needs no \
             published port at all, so nothing is better for it.",
    cure: "Take the line out where only other services use it, or publish it for this host alone: `127.0.0.1:5432:5432`.",
    fix: Fix::Told,
    unless: "It is published on an address of its own or by a variable, or its container runs: then FW001 says whether it is reached.",
    judge,
    bad: Fixture::files("a port without an address", SHOP),
    good: [
        Fixture::files(
            "for this host alone, and a port that is not published",
            &[file(
                "/opt/shop/compose.yaml",
                "services:\n  db:\n    image: postgres:16\n    ports: ['127.0.0.1:5432:5432']\n  cache:\n    image: redis:7\n    expose: [6379]\n  \
                 web:\n    image: nginx\n    ports: ['80:80', '${DB_IP}:5432:5432']\n",
            )],
        ),
        Fixture::with("its container runs, and others judge that", SHOP, |facts| {
            let compose = Some(("shop".to_owned(), "db".to_owned()));
            let compose_files = vec!["/opt/shop/compose.yaml".to_owned()];
            tell(
                facts,
                vec![Container { compose, compose_files, ..Container::sound("shop-db-1", "postgres:16") }],
            );
        }),
    ],
};

const SHOP: &[crate::rules::fixture::Planted] = &[file(
    "/opt/shop/compose.yaml",
    "services:\n  db:\n    image: postgres:16\n    ports:\n      - \"5432:5432\"\n",
)];

/// Ports on which databases listen, and what they are.
const PORTS: [(&str, &str); 11] = [
    ("5432", "PostgreSQL"),
    ("3306", "MySQL"),
    ("6379", "Redis"),
    ("27017", "MongoDB"),
    ("9200", "Elasticsearch"),
    ("11211", "memcached"),
    ("5984", "CouchDB"),
    ("8123", "ClickHouse"),
    ("9042", "Cassandra"),
    ("1433", "SQL Server"),
    ("2379", "etcd"),
];

fn judge(facts: &Facts) -> Answer {
    each_file(facts, |file, answer| {
        for service in &file.services {
            let runs = facts.containers.known().is_some_and(|containers| {
                containers.all.iter().any(|container| {
                    container.status == "running"
                        && container.compose_files.contains(&file.path)
                        && container.compose.as_ref().is_some_and(|(_, name)| *name == service.name)
                })
            });
            if runs {
                continue;
            }
            for port in &service.ports {
                let known = PORTS.iter().find(|(number, _)| port.inside == *number);
                if let Some((number, what)) = known.filter(|_| is_open(port)) {
                    let observed = format!(
                        "{what} (port {number} of {}) is published on every address of this host, port {}",
                        service.name,
                        if port.host.is_empty() { "of the engine's choice" } else { &port.host }
                    );
                    let text = format!("{}:{}", port.host, port.inside);
                    let place = Place::line(&file.path, port.line, text.trim_start_matches(':'));
                    answer.find(Finding::new(
                        format!("{}: {} {number}", file.path, service.name),
                        place,
                        observed,
                    ));
                }
            }
        }
    })
}

fn is_open(port: &Published) -> bool {
    ["", "0.0.0.0", "::"].contains(&port.address.as_str())
}
