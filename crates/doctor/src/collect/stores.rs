//! Data of databases on this host, by their folders: what would be gone with it. What an installation makes by itself is no
//! data of anybody's.

use super::ground::Ground;
use super::{Collector, Put, WITHIN};
use crate::facts::Fact;
use crate::facts::database::{Store, StoreKind, Stores};

pub(super) const COLLECTOR: Collector =
    Collector { name: "stores", within: WITHIN, read, blind: |facts, why| facts.stores = Fact::unknown(why) };

/// What PostgreSQL numbers its own objects below: a database of a larger number is somebody's.
const FIRST_OWN: u64 = 16_384;
/// Databases that MySQL and MariaDB make by themselves.
const OF_MYSQL: [&str; 6] =
    ["mysql", "performance_schema", "sys", "test", "information_schema", "#innodb_temp"];
/// Most names that a finding tells.
const TOLD: usize = 3;

fn read(ground: &Ground) -> Put {
    let mut stores = Stores::default();
    for (kind, data) in [(StoreKind::Postgres, postgres(ground)), (StoreKind::Mysql, mysql(ground))] {
        for path in data {
            let held = match kind {
                StoreKind::Postgres => of_postgres(ground, &path),
                _ => of_mysql(ground, &path),
            };
            match held {
                Ok(Some(holds)) => stores.all.push(Store { kind, path, holds }),
                Ok(None) => {}
                Err(why) => stores.unseen.push((path, why)),
            }
        }
    }
    redis(ground, &mut stores);
    let stores = match stores.all.is_empty() && stores.unseen.is_empty() {
        true => Fact::nothing("there is no data of a database"),
        false => Fact::Known(stores),
    };
    Box::new(|facts| facts.stores = stores)
}

fn folders(ground: &Ground, folder: &str) -> Vec<String> {
    let names = ground.names(folder).ok().flatten().unwrap_or_default();
    names.into_iter().filter(|(_, kind)| kind.is_dir()).map(|(name, _)| format!("{folder}/{name}")).collect()
}

/// Data folders of PostgreSQL: where packages put them, and where main files say.
fn postgres(ground: &Ground) -> Vec<String> {
    let mut found = Vec::new();
    for version in folders(ground, "/var/lib/postgresql") {
        found.extend(folders(ground, &version));
    }
    found.push("/var/lib/pgsql/data".to_owned());
    found.extend(folders(ground, "/var/lib/pgsql").iter().map(|version| format!("{version}/data")));
    for version in folders(ground, "/etc/postgresql") {
        for cluster in folders(ground, &version) {
            found.extend(value(ground, &format!("{cluster}/postgresql.conf"), "data_directory"));
        }
    }
    found.sort();
    found.dedup();
    found
}

fn mysql(ground: &Ground) -> Vec<String> {
    let mut found = vec!["/var/lib/mysql".to_owned()];
    for folder in ["/etc/mysql", "/etc/mysql/conf.d", "/etc/mysql/mariadb.conf.d", "/etc/mysql/mysql.conf.d"]
    {
        for name in ground.list(folder).ok().flatten().unwrap_or_default() {
            if name.ends_with(".cnf") {
                found.extend(value(ground, &format!("{folder}/{name}"), "datadir"));
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

/// What a file gives a name, the last word on it.
fn value(ground: &Ground, path: &str, wanted: &str) -> Option<String> {
    let text = ground.read(path).ok().flatten()?.lossy();
    let of = |line: &str| {
        let rest = line.trim().strip_prefix(wanted)?;
        let value = rest.trim_start().strip_prefix('=').unwrap_or(rest).trim();
        let value = value.split(['#', ';']).next().unwrap_or(value).trim().trim_matches(['\'', '"']);
        value.starts_with('/').then(|| value.trim_end_matches('/').to_owned())
    };
    text.lines().filter_map(of).next_back()
}

fn of_postgres(ground: &Ground, data: &str) -> Result<Option<String>, String> {
    let names = ground.names(&format!("{data}/base"))?.unwrap_or_default();
    let own = names.iter().filter(|(name, _)| name.parse().is_ok_and(|number: u64| number >= FIRST_OWN));
    Ok(match own.count() {
        0 => None,
        1 => Some("a database of its own".to_owned()),
        count => Some(format!("{count} databases of its own")),
    })
}

fn of_mysql(ground: &Ground, data: &str) -> Result<Option<String>, String> {
    let names = ground.names(data)?.unwrap_or_default();
    let own: Vec<&str> = names
        .iter()
        .filter(|(name, kind)| {
            kind.is_dir() && !OF_MYSQL.contains(&name.as_str()) && !name.starts_with(['.', '#'])
        })
        .map(|(name, _)| name.as_str())
        .filter(|name| *name != "lost+found")
        .collect();
    Ok((!own.is_empty()).then(|| format!("the databases {}", some(&own))))
}

fn some(names: &[&str]) -> String {
    let told = names.iter().take(TOLD).copied().collect::<Vec<_>>().join(", ");
    if names.len() > TOLD { format!("{told}, …") } else { told }
}

fn redis(ground: &Ground, stores: &mut Stores) {
    let names = match ground.list("/etc/redis") {
        Ok(names) => names.unwrap_or_default(),
        Err(why) => return stores.unseen.push(("/etc/redis".to_owned(), why)),
    };
    let paths = names.iter().map(|name| format!("/etc/redis/{name}"));
    for path in paths.filter(|path| path.ends_with(".conf")).chain(["/etc/redis.conf".to_owned()]) {
        let text = match ground.read(&path) {
            Ok(Some(text)) => text.lossy(),
            Ok(None) => continue,
            Err(why) => {
                stores.unseen.push((path, why));
                continue;
            }
        };
        let last = |wanted: &str| {
            text.lines().filter_map(|line| line.trim().strip_prefix(wanted)?.strip_prefix(' ')).next_back()
        };
        let word = |value: &str| value.trim().trim_matches(['"', '\'']).to_owned();
        if last("appendonly").map(word).as_deref() == Some("yes") {
            let folder = last("dir").map_or_else(|| "/var/lib/redis".to_owned(), word);
            let holds = "what it is told to keep (appendonly yes)".to_owned();
            stores.all.push(Store { kind: StoreKind::Redis, path: folder, holds });
        }
    }
}
