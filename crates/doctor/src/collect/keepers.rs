//! Files of supervisor and of PM2, and which of PM2's programs are alive.

use serde::Deserialize;

use super::ground::Ground;
use super::ini::{self, Dialect};
use super::{Collector, Put, WITHIN};
use crate::facts::Fact;
use crate::facts::files::User;
use crate::facts::keepers::{Keepers, Pm2, Pm2Program};

pub(super) const COLLECTOR: Collector = Collector {
    name: "keepers",
    within: WITHIN,
    read,
    blind: |facts, why| facts.keepers = Fact::unknown(why),
};

/// Supervisor's own files.
const FILES: [&str; 2] = ["/etc/supervisor/supervisord.conf", "/etc/supervisord.conf"];
/// Folders of files that those include.
const FOLDERS: [&str; 3] = ["/etc/supervisor/conf.d", "/etc/supervisord.d", "/etc/supervisor.d"];
/// Most programs of one list of PM2.
const PROGRAMS: usize = 500;

fn read(ground: &Ground) -> Put {
    let mut keepers = Keepers { supervisor: Vec::new(), pm2: Vec::new(), unseen: Vec::new() };
    let mut paths: Vec<String> = FILES.iter().map(|path| (*path).to_owned()).collect();
    for folder in FOLDERS {
        match ground.list(folder) {
            Ok(names) => paths.extend(
                names
                    .into_iter()
                    .flatten()
                    .filter(|name| name.ends_with(".conf") || name.ends_with(".ini"))
                    .map(|name| format!("{folder}/{name}")),
            ),
            Err(why) => keepers.unseen.push((folder.to_owned(), why)),
        }
    }
    for path in paths.iter().filter(|path| ground.package(path).is_none()) {
        match ground.read(path) {
            Ok(Some(text)) => {
                ground.entry(path);
                keepers.supervisor.push(ini::read(path, &text.lossy(), Dialect::Supervisor));
            }
            Ok(None) => {}
            Err(why) => keepers.unseen.push((path.clone(), why)),
        }
    }
    for user in super::users::list(ground).known().into_iter().flatten() {
        pm2(ground, &mut keepers, user);
    }
    let empty = keepers.supervisor.is_empty() && keepers.pm2.is_empty() && keepers.unseen.is_empty();
    let keepers = match empty {
        true => Fact::nothing("there is neither supervisor nor PM2"),
        false => Fact::Known(keepers),
    };
    Box::new(|facts| facts.keepers = keepers)
}

fn pm2(ground: &Ground, keepers: &mut Keepers, user: &User) {
    let home = format!("{}/.pm2", user.home.trim_end_matches('/'));
    let names = match ground.list(&home) {
        Ok(Some(names)) if user.home.len() > 1 => names,
        Err(why) => return keepers.unseen.push((home, why)),
        _ => return,
    };
    if !names.iter().any(|name| ["pids", "dump.pm2", "pm2.pid", "pm2.log"].contains(&name.as_str())) {
        return;
    }
    let unit = format!("pm2-{}", user.name);
    let wants = format!("/etc/systemd/system/multi-user.target.wants/{unit}.service");
    let init = format!("/etc/init.d/{unit}");
    keepers.pm2.push(Pm2 {
        user: user.name.clone(),
        saved: saved(ground, &format!("{home}/dump.pm2")),
        running: running(ground, &format!("{home}/pids")),
        at_boot: ground.link(&wants).is_some() || ground.exists(&wants) || ground.exists(&init),
        home,
    });
}

/// One program as `pm2 save` writes it, among all the variables that it had: nothing else is kept.
#[derive(Deserialize)]
struct Dumped {
    #[serde(default)]
    name: String,
    #[serde(default)]
    max_memory_restart: serde_json::Value,
}

fn saved(ground: &Ground, path: &str) -> Fact<Vec<Pm2Program>> {
    let text = match ground.read(path) {
        Ok(Some(text)) => text.lossy(),
        Ok(None) => return Fact::nothing("nobody ran `pm2 save`"),
        Err(why) => return Fact::unknown(format!("{path}: {why}")),
    };
    match serde_json::from_str::<Vec<Dumped>>(&text) {
        Ok(list) => Fact::Known(
            list.into_iter()
                .take(PROGRAMS)
                .map(|one| Pm2Program { memory_max: bytes(&one.max_memory_restart), name: one.name })
                .collect(),
        ),
        Err(_) => Fact::unknown(format!("{path} is not a list that PM2 wrote")),
    }
}

/// `209715200`, `"200M"`.
fn bytes(value: &serde_json::Value) -> Option<u64> {
    let text = match value {
        serde_json::Value::String(text) => text.trim().to_owned(),
        other => return other.as_u64().filter(|bytes| *bytes > 0),
    };
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let unit = match text[digits..].chars().next().map(|unit| unit.to_ascii_uppercase()) {
        Some('K') => 10,
        Some('M') => 20,
        Some('G') => 30,
        _ => 0,
    };
    Some(number << unit).filter(|bytes| *bytes > 0)
}

/// `NAME-ID.pid` for each program that PM2 started, and left there when it died with its host.
fn running(ground: &Ground, folder: &str) -> Fact<Vec<String>> {
    if !ground.live {
        return Fact::nothing("only files were read");
    }
    let names = match ground.list(folder) {
        Ok(names) => names.unwrap_or_default(),
        Err(why) => return Fact::unknown(format!("{folder}: {why}")),
    };
    let mut alive: Vec<String> = names
        .iter()
        .take(PROGRAMS)
        .filter_map(|file| {
            let name = file.strip_suffix(".pid")?.rsplit_once('-')?.0;
            let pid: u32 = ground.read(&format!("{folder}/{file}")).ok()??.lossy().trim().parse().ok()?;
            muster_host::process::stat(pid).is_ok().then(|| name.to_owned())
        })
        .collect();
    alive.dedup();
    Fact::Known(alive)
}
