//! CTR009: a service that is started before what it needs can answer.

use super::each_file;
use crate::facts::Facts;
use crate::facts::compose::{ComposeFile, ComposeService};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CTR009",
    severity: Severity::Medium,
    outlook: Outlook::Hygiene,
    title: "a service does not wait until its database answers",
    silent: "`depends_on` alone waits until the other container is started, not until it can answer. On a warm host the race is won each \
             time; after a reboot or with a new volume the database takes longer, and the program starts without it.",
    cure: "Give what it waits for a healthcheck, and write `depends_on: {db: {condition: service_healthy}}`.",
    fix: Fix::Told,
    unless: "The command waits by itself, part of the service stands in another file (extends), or what it waits for is no database and \
             nobody asks for its health.",
    judge,
    bad: Fixture::files(
        "a list, and a database",
        &[file(
            "/opt/shop/compose.yaml",
            "services:\n  api:\n    build: .\n    depends_on:\n      - db\n  db:\n    image: postgres:16\n",
        )],
    ),
    good: [
        Fixture::files(
            "one that waits for its health",
            &[file(
                "/opt/shop/compose.yaml",
                "services:\n  api:\n    build: .\n    depends_on:\n      db:\n        condition: service_healthy\n  db:\n    image: postgres:16\n    \
                 healthcheck:\n      test: pg_isready\n",
            )],
        ),
        Fixture::files(
            "no database, and a command that waits",
            &[file(
                "/srv/shop/docker-compose.yml",
                "services:\n  api:\n    image: api:1\n    depends_on: [worker]\n  worker:\n    image: worker:1\n    command: [./wait-for-it.sh, 'db:5432', --, run]\n    \
                 depends_on: [db]\n  db:\n    image: postgres:16\n",
            )],
        ),
    ],
};

/// Images of what takes its time before it answers.
const SLOW: [&str; 14] = [
    "postgres",
    "postgis",
    "timescaledb",
    "pgvector",
    "mysql",
    "mariadb",
    "percona",
    "mongo",
    "rabbitmq",
    "elasticsearch",
    "opensearch",
    "cassandra",
    "kafka",
    "clickhouse-server",
];

fn judge(facts: &Facts) -> Answer {
    each_file(facts, |file, answer| {
        for service in file.services.iter().filter(|service| !service.waits && !service.elsewhere) {
            let hasty: Vec<_> = service
                .after
                .iter()
                .filter(|after| !after.ready && other(file, &after.name).is_some_and(is_slow))
                .collect();
            let Some(first) = hasty.first() else { continue };
            let names: Vec<&str> = hasty.iter().map(|after| after.name.as_str()).collect();
            let observed = format!(
                "{} is started as soon as {} is, whether that answers or not",
                service.name,
                names.join(" and ")
            );
            let place = Place::line(&file.path, first.line, &first.name);
            answer.find(Finding::new(format!("{}: {}", file.path, service.name), place, observed));
        }
    })
}

fn other<'f>(file: &'f ComposeFile, name: &str) -> Option<&'f ComposeService> {
    file.services.iter().find(|service| service.name == name)
}

fn is_slow(service: &ComposeService) -> bool {
    let image = service.image.as_ref().map_or("", |image| image.text.as_str());
    let name = image.rsplit('/').next().unwrap_or(image);
    let name = name.split([':', '@']).next().unwrap_or(name);
    service.health || SLOW.contains(&name)
}
