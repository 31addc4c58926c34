//! The files of PostgreSQL and PgBouncer. No server is asked, and no value is kept but those that are judged.

use super::ground::Ground;
use super::{Collector, Put, WITHIN};
use crate::facts::Fact;
use crate::facts::database::{Databases, Pool, Setting, Settings};

pub(super) const COLLECTOR: Collector = Collector {
    name: "databases",
    within: WITHIN,
    read,
    blind: |facts, why| facts.databases = Fact::unknown(why),
};

/// Most clusters of one host.
const CLUSTERS: usize = 50;
/// Most files that one includes.
const FILES: usize = 100;
/// Deepest includes.
const DEPTH: usize = 8;
/// What is kept of PostgreSQL's settings.
const KEPT: [&str; 10] = [
    "port",
    "max_connections",
    "superuser_reserved_connections",
    "reserved_connections",
    "idle_in_transaction_session_timeout",
    "transaction_timeout",
    "statement_timeout",
    "lock_timeout",
    "default_transaction_isolation",
    "data_directory",
];
/// What is kept of PgBouncer's.
const POOLED: [&str; 10] = [
    "pool_mode",
    "server_reset_query",
    "server_reset_query_always",
    "default_pool_size",
    "reserve_pool_size",
    "max_db_connections",
    "max_user_connections",
    "max_client_conn",
    "max_prepared_statements",
    "ignore_startup_parameters",
];
const PGBOUNCER: &str = "/etc/pgbouncer/pgbouncer.ini";

fn read(ground: &Ground) -> Put {
    let mut databases = Databases::default();
    for (file, data) in clusters(ground, &mut databases.unseen) {
        let mut settings = Settings { file: file.clone(), settings: Vec::new() };
        let mut left = FILES;
        postgres(ground, &mut databases.unseen, &mut settings, &file, 0, &mut left);
        let data = settings.get("data_directory").map_or(data, |setting| setting.value.clone());
        postgres(
            ground,
            &mut databases.unseen,
            &mut settings,
            &format!("{data}/postgresql.auto.conf"),
            0,
            &mut left,
        );
        databases.clusters.push(settings);
    }
    let mut pgbouncer = Settings { file: PGBOUNCER.to_owned(), settings: Vec::new() };
    if ground.exists(PGBOUNCER) {
        ini(ground, &mut databases, &mut pgbouncer, PGBOUNCER, 0);
        databases.pgbouncer = Some(pgbouncer);
    }
    let is_there =
        !databases.clusters.is_empty() || databases.pgbouncer.is_some() || !databases.unseen.is_empty();
    let databases = match is_there {
        true => Fact::Known(databases),
        false => Fact::nothing("there is neither PostgreSQL nor PgBouncer"),
    };
    Box::new(|facts| facts.databases = databases)
}

/// The main file of each cluster and where its data is: Debian's layout, and that of others.
fn clusters(ground: &Ground, unseen: &mut Vec<(String, String)>) -> Vec<(String, String)> {
    let mut list = |folder: &str| match ground.list(folder) {
        Ok(names) => names.unwrap_or_default(),
        Err(why) => {
            unseen.push((folder.to_owned(), why));
            Vec::new()
        }
    };
    let mut clusters = Vec::new();
    for version in list("/etc/postgresql") {
        for name in list(&format!("/etc/postgresql/{version}")) {
            let file = format!("/etc/postgresql/{version}/{name}/postgresql.conf");
            clusters.push((file, format!("/var/lib/postgresql/{version}/{name}")));
        }
    }
    for data in ["/var/lib/pgsql/data", "/var/lib/postgres/data", "/usr/local/pgsql/data"] {
        clusters.push((format!("{data}/postgresql.conf"), data.to_owned()));
    }
    clusters.retain(|(file, _)| ground.exists(file));
    clusters.truncate(CLUSTERS);
    clusters
}

fn postgres(
    ground: &Ground,
    unseen: &mut Vec<(String, String)>,
    settings: &mut Settings,
    path: &str,
    depth: usize,
    left: &mut usize,
) {
    if depth > DEPTH || *left == 0 {
        return;
    }
    *left -= 1;
    let text = match ground.read(path) {
        Ok(Some(text)) => text.lossy(),
        Ok(None) => return,
        Err(why) => return unseen.push((path.to_owned(), why)),
    };
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let whole = |name: &str| if name.starts_with('/') { name.to_owned() } else { format!("{folder}/{name}") };
    for (line, text) in (1..).zip(text.lines()) {
        let Some((name, value)) = setting(text) else { continue };
        match name.as_str() {
            "include" | "include_if_exists" => {
                postgres(ground, unseen, settings, &whole(&value), depth + 1, left);
            }
            "include_dir" => {
                let inner = whole(&value);
                let names = ground.list(&inner).ok().flatten().unwrap_or_default();
                for name in names.iter().filter(|name| name.ends_with(".conf")) {
                    postgres(ground, unseen, settings, &format!("{inner}/{name}"), depth + 1, left);
                }
            }
            name if KEPT.contains(&name) => {
                let (name, file) = (name.to_owned(), path.to_owned());
                settings.settings.push(Setting { name, value, file, line });
            }
            _ => {}
        }
    }
}

/// `name = 'value'`, the sign optional, a comment after it.
fn setting(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let end = line.find(|letter: char| letter.is_whitespace() || letter == '=')?;
    let (name, rest) = line.split_at(end);
    let rest = rest.trim_start_matches(|letter: char| letter.is_whitespace() || letter == '=');
    let value = match rest.strip_prefix('\'') {
        Some(quoted) => quoted.split('\'').next().unwrap_or(quoted),
        None => rest.split('#').next().unwrap_or(rest).trim(),
    };
    Some((name.to_ascii_lowercase(), value.to_owned()))
}

fn ini(ground: &Ground, databases: &mut Databases, settings: &mut Settings, path: &str, depth: usize) {
    let text = match ground.read(path) {
        Ok(Some(text)) => text.lossy(),
        Ok(None) => return,
        Err(why) => return databases.unseen.push((path.to_owned(), why)),
    };
    let mut section = String::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if let Some(file) = line.strip_prefix("%include ")
            && depth < DEPTH
        {
            ini(ground, databases, settings, file.trim(), depth + 1);
        } else if let Some(name) = line.strip_prefix('[') {
            name.trim_end_matches(']').clone_into(&mut section);
        } else if !line.starts_with([';', '#'])
            && let Some((name, value)) = line.split_once('=')
        {
            let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
            match section.as_str() {
                "databases" => databases.pools.push(pool(name, value, number)),
                "pgbouncer" if POOLED.contains(&name.as_str()) => {
                    let (value, file) = (value.to_owned(), path.to_owned());
                    settings.settings.push(Setting { name, value, file, line: number });
                }
                _ => {}
            }
        }
    }
}

fn pool(name: String, value: &str, line: u32) -> Pool {
    let get = |key: &str| {
        let words = value.split_whitespace().filter_map(|word| word.split_once('='));
        words.filter(|(name, _)| *name == key).map(|(_, value)| value.trim_matches('\'')).next_back()
    };
    let host = get("host").filter(|host| !host.starts_with('/')).map(str::to_owned);
    let port = get("port").and_then(|port| port.parse().ok()).unwrap_or(5432);
    Pool { name, host, port, size: get("pool_size").and_then(|size| size.parse().ok()), line }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_postgresql_are_read_as_it_reads_them() {
        for (line, read) in [
            ("statement_timeout = '30s'  # x", Some(("statement_timeout", "30s"))),
            ("statement_timeout 0", Some(("statement_timeout", "0"))),
            ("Statement_Timeout=5min # x", Some(("statement_timeout", "5min"))),
            ("#statement_timeout = 0", None),
            ("", None),
        ] {
            let wanted = read.map(|(name, value)| (name.to_owned(), value.to_owned()));
            assert_eq!(setting(line), wanted, "{line}");
        }
    }

    #[test]
    fn a_pool_is_told_without_its_password() {
        let pool = pool("app".to_owned(), "host=127.0.0.1 port=5433 password='x' pool_size=50", 3);
        let told =
            Pool { name: "app".into(), host: Some("127.0.0.1".into()), port: 5433, size: Some(50), line: 3 };
        assert_eq!(pool, told);
    }
}
