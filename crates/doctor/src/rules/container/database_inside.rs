//! CTR004: data that goes when its container is made anew.

use super::{each, place, tell};
use crate::facts::Fact;
use crate::facts::Facts;
use crate::facts::containers::Container;
use crate::facts::containers::Mount;
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::Fixture;
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CTR004",
    severity: Severity::Critical,
    outlook: Outlook::Waiting,
    title: "a database lies in a container that can be thrown away",
    silent: "A container's own layer lives through restarts and reboots, so it looks safe. The next `docker compose up` with a new image \
             makes a new container, and the data is gone. A volume without a name is left behind in the same way.",
    cure: "Copy the data out first (`docker cp`, or a dump), then give its folder a named volume or a folder of the host.",
    fix: Fix::Told,
    unless: "The file can be made again: a cache, a test.",
    judge,
    bad: Fixture::facts("an SQLite file beside the program", |facts| {
        let written = Fact::Known(vec!["/app/data/shop.sqlite3".to_owned()]);
        tell(facts, vec![Container { written, ..Container::sound("shop", "shop:1") }]);
    }),
    good: [
        Fixture::facts("the same file in a volume", |facts| {
            let written = Fact::Known(vec!["/app/data/shop.sqlite3".to_owned()]);
            let mounts = vec![Mount {
                kind: "volume".to_owned(),
                source: "shop_data".to_owned(),
                target: "/app/data".to_owned(),
            }];
            tell(facts, vec![Container { written, mounts, ..Container::sound("shop", "shop:1") }]);
        }),
        Fixture::facts("a volume without a name that holds no database", |facts| {
            let mounts = vec![Mount {
                kind: "volume".to_owned(),
                source: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef".to_owned(),
                target: "/var/cache/app".to_owned(),
            }];
            tell(facts, vec![Container { mounts, ..Container::sound("shop", "shop:1") }]);
        }),
    ],
};

/// Where the images of databases keep their data.
const DATA: [&str; 9] = [
    "/var/lib/postgresql",
    "/var/lib/mysql",
    "/var/lib/mariadb",
    "/data/db",
    "/var/lib/clickhouse",
    "/var/lib/rabbitmq",
    "/var/lib/neo4j",
    "/usr/share/elasticsearch/data",
    "/var/lib/influxdb",
];

fn judge(facts: &Facts) -> Answer {
    each(facts, |container, answer| {
        if container.passing {
            return;
        }
        match &container.written {
            Fact::Known(files) => {
                let inside = files
                    .iter()
                    .filter(|file| !container.mounts.iter().any(|mount| is_below(file, &mount.target)));
                let inside: Vec<&str> = inside.map(String::as_str).collect();
                if !inside.is_empty() {
                    let observed = format!("in the container's own layer: {}", inside.join(", "));
                    answer.find(Finding::new(&container.name, place(container), observed));
                }
            }
            Fact::Unknown { why } => answer.blind(format!("{}: {why}", container.name)),
            Fact::Nothing { .. } => {}
        }
        for mount in container.mounts.iter().filter(|mount| mount.kind == "volume") {
            let nameless =
                mount.source.len() == 64 && mount.source.bytes().all(|byte| byte.is_ascii_hexdigit());
            if nameless && DATA.iter().any(|data| is_below(&mount.target, data)) {
                let observed = format!(
                    "{} is a volume without a name: a new container gets a new, empty one",
                    mount.target
                );
                answer.find(Finding::new(&container.name, place(container), observed));
            }
        }
    })
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder.trim_end_matches('/'))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
