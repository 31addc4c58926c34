//! Traps in what is kept of data: that it is kept at all, elsewhere, and can be read back.

pub(super) mod never_tried;
pub(super) mod none;
pub(super) mod same_disk;

use super::answer::{Answer, Place};
use crate::collect::HOMES;
use crate::facts::containers::Container;
use crate::facts::database::{Act, Store, StoreKind, Tool};
use crate::facts::projects::under;
use crate::facts::{Fact, Facts};

/// Parts of the names of programs, units and images that keep copies by themselves.
const KEEPERS: [&str; 22] = [
    "borg",
    "restic",
    "kopia",
    "duplicati",
    "duplicity",
    "litestream",
    "wal-g",
    "barman",
    "pgbackrest",
    "pg_receivewal",
    "bacula",
    "bareos",
    "urbackup",
    "burp",
    "veeam",
    "sanoid",
    "btrbk",
    "snapper",
    "timeshift",
    "backup",
    "rsnapshot",
    "lsyncd",
];
/// What is called a backup and keeps no data of anybody's.
const NOT_KEEPERS: [&str; 3] = ["dpkg-db-backup", "pg_basebackup", "e2scrub"];
/// Images of databases, and where each keeps its data.
const IMAGES: [(&str, StoreKind, &str); 7] = [
    ("postgres", StoreKind::Postgres, "/var/lib/postgresql"),
    ("postgis", StoreKind::Postgres, "/var/lib/postgresql"),
    ("timescaledb", StoreKind::Postgres, "/var/lib/postgresql"),
    ("mysql", StoreKind::Mysql, "/var/lib/mysql"),
    ("mariadb", StoreKind::Mysql, "/var/lib/mysql"),
    ("percona", StoreKind::Mysql, "/var/lib/mysql"),
    ("mongo", StoreKind::Mongo, "/data/db"),
];

/// Data on this host; what could not be seen is passed on.
fn stores(facts: &Facts, answer: &mut Answer) -> Vec<Store> {
    let mut found = Vec::new();
    match &facts.stores {
        Fact::Known(stores) => {
            stores.unseen.iter().for_each(|(what, why)| answer.blind(format!("{what}: {why}")));
            found.extend(stores.all.iter().cloned());
        }
        Fact::Unknown { why } => answer.blind(why.clone()),
        Fact::Nothing { .. } => {}
    }
    match &facts.containers {
        Fact::Known(containers) => {
            let lasting = containers.all.iter().filter(|one| !one.passing && one.status == "running");
            found.extend(lasting.filter_map(inside));
        }
        Fact::Unknown { why } => answer.blind(why.clone()),
        Fact::Nothing { .. } => {}
    }
    match &facts.sqlite {
        Fact::Known(files) => {
            let used =
                files.iter().filter(|file| !file.writers.is_empty() || file.log.is_some_and(|log| log > 0));
            let of_projects = used.filter(|file| HOMES.iter().any(|home| under(&file.path, home)));
            found.extend(of_projects.map(|file| Store {
                kind: StoreKind::Sqlite,
                path: file.path.clone(),
                holds: format!("{} KiB that are in use", file.size >> 10),
            }));
        }
        Fact::Unknown { why } => answer.blind(why.clone()),
        Fact::Nothing { .. } => {}
    }
    found
}

/// The data of a database that runs in a container.
fn inside(container: &Container) -> Option<Store> {
    let name = container.image.split('@').next()?.rsplit('/').next()?.split(':').next()?;
    let (_, kind, folder) = IMAGES.iter().find(|(image, ..)| name == *image)?;
    let mount =
        container.mounts.iter().find(|mount| under(&mount.target, folder) && mount.kind != "tmpfs")?;
    let path = match mount.source.starts_with('/') {
        true => mount.source.clone(),
        false => format!("/var/lib/docker/volumes/{}/_data", mount.source),
    };
    Some(Store { kind: *kind, path, holds: format!("the data of the container {}", container.name) })
}

/// Commands that copy, ship or try, where all that is scheduled could be read. A host without jobs has none.
fn tools<'f>(facts: &'f Facts, answer: &mut Answer) -> Option<&'f [Tool]> {
    match &facts.backups {
        Fact::Known(backups) if backups.unseen.is_empty() => Some(&backups.tools),
        Fact::Known(backups) => {
            backups.unseen.iter().for_each(|(what, why)| answer.blind(format!("{what}: {why}")));
            None
        }
        Fact::Unknown { why } => {
            answer.blind(why.clone());
            None
        }
        Fact::Nothing { .. } => Some(&[]),
    }
}

/// Something that runs, or that systemd starts, and keeps copies by what its own files say.
fn keeper(facts: &Facts) -> Option<String> {
    let keeps = |name: &str| {
        let name = name.to_ascii_lowercase();
        KEEPERS.iter().any(|part| name.contains(part)) && !NOT_KEEPERS.iter().any(|not| name.contains(not))
    };
    let processes =
        facts.processes.known().into_iter().flat_map(|all| &all.running).map(|one| one.name.as_str());
    let units = facts.services.known().into_iter().flat_map(|services| {
        let live = services.live.known().into_iter().flatten().filter(|unit| unit.wanted || unit.pid > 0);
        live.map(|unit| unit.name.as_str()).chain(services.of_users.iter().map(|unit| unit.path.as_str()))
    });
    let containers = facts.containers.known().into_iter().flat_map(|all| &all.all);
    let images = containers.flat_map(|one| [one.image.as_str(), one.name.as_str()]);
    processes.chain(units).chain(images).find(|name| keeps(name)).map(str::to_owned)
}

/// Whether a command copies this. A copy of folders counts where one of its paths holds the data, or lies in it.
fn covers(tool: &Tool, store: &Store) -> bool {
    match tool.act {
        Act::Keeps => true,
        Act::Dumps(kind) => kind == store.kind,
        Act::Copies => {
            tool.paths.iter().any(|path| path == "/" || under(&store.path, path) || under(path, &store.path))
        }
        Act::Ships | Act::Proves | Act::Named => false,
    }
}

/// Where a command stands.
fn place(tool: &Tool) -> Place {
    match tool.line {
        Some(line) => Place::line(&tool.source, line, &tool.text),
        None => Place::of(&tool.source),
    }
}
