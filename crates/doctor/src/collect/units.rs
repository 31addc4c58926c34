//! Units of systemd: what the operator wrote, from files; what became of them, from systemd where it runs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use muster_host::discover::ask::ask;

use super::ground::Ground;
use super::ini::{self, Dialect};
use super::{Collector, Put, WITHIN, environment};
use crate::facts::Fact;
use crate::facts::services::{Services, State, Unit, UnitFile, UserUnit};

pub(super) const COLLECTOR: Collector = Collector {
    name: "units",
    within: WITHIN,
    read,
    blind: |facts, why| facts.services = Fact::unknown(why),
};

/// Where operators put units; the last one counts where names are the same.
pub(super) const FOLDERS: [&str; 2] = ["/usr/local/lib/systemd/system", "/etc/systemd/system"];
/// Where packages put theirs.
const OF_PACKAGES: [&str; 3] = ["/lib/systemd/", "/usr/lib/systemd/", "/dev/null"];
/// Kinds of units that are read.
const KINDS: [&str; 5] = [".service", ".timer", ".socket", ".path", ".target"];
/// Most units of one host.
const UNITS: usize = 1_000;
/// Time for systemd to answer.
const ANSWER: Duration = Duration::from_millis(2_500);

/// What is asked of each service.
const PROPERTIES: &str = "--property=Id,FragmentPath,Type,ActiveState,SubState,Result,NRestarts,UnitFileState,NeedDaemonReload,MemoryMax,MemoryLimit,MainPID,Restart,TriggeredBy,WantedBy,RequiredBy,BusName,OnFailure,LoadState";

fn read(ground: &Ground) -> Put {
    let mut unseen = Vec::new();
    let mut units = BTreeMap::new();
    let mut wanted = BTreeSet::new();
    for folder in FOLDERS {
        let names = list(ground, &mut unseen, folder);
        for name in &names {
            let path = format!("{folder}/{name}");
            if name.ends_with(".wants") || name.ends_with(".requires") {
                wanted.extend(list(ground, &mut unseen, &path));
            } else if is_unit(name)
                && units.len() < UNITS
                && !of_package(ground, &path)
                && let Some(file) = file(ground, &mut unseen, &path)
            {
                units.insert(name.clone(), Unit { own: true, files: vec![file], ..blank(name) });
            }
        }
        for name in names.iter().filter(|name| name.ends_with(".d")) {
            let unit = name.trim_end_matches(".d");
            if is_unit(unit) {
                additions(ground, &mut unseen, &mut units, unit, &format!("{folder}/{name}"));
            }
        }
    }
    let triggers = triggers(&units);
    for unit in units.values_mut() {
        unit.enabled = wanted.iter().any(|name| *name == unit.name || is_instance(name, &unit.name));
        unit.triggered = triggers.contains(&unit.name)
            || triggers.iter().any(|name| is_instance(name, &unit.name))
            || ["timer", "socket", "path"].iter().any(|kind| {
                let trigger = unit.name.replace(".service", &format!(".{kind}"));
                trigger != unit.name && ground.exists(&format!("/usr/lib/systemd/system/{trigger}"))
            });
        for (_, setting) in unit.all("Service", "EnvironmentFile") {
            ground.entry(setting.value.trim_start_matches('-'));
        }
        if let Some(target) = crate::rules::started(unit).filter(|target| !target.contains('/')) {
            let template = target.split_once('@').map(|(stem, _)| format!("{stem}@.service"));
            for place in crate::rules::UNIT_PLACES {
                ground.entry(place);
                ground.entry(&format!("{place}/{target}"));
                template.iter().for_each(|name| drop(ground.entry(&format!("{place}/{name}"))));
            }
        }
        crate::rules::written_by(unit).iter().for_each(|(_, path)| super::targets::chain(ground, path));
        if let Some(folder) = unit.last("Service", "WorkingDirectory") {
            ground.entry(&format!("{}/.env", folder.trim_start_matches('-').trim_end_matches('/')));
        }
    }
    let mut live = live(ground);
    if let Fact::Known(states) = &mut live {
        for state in states.iter_mut().filter(|state| state.pid > 0) {
            if let Some(unit) = units.get(&state.name) {
                match environment::outdated(ground, unit, state.pid) {
                    Some(names) => state.outdated = names,
                    None => state.environment_hidden = true,
                }
            }
        }
    }
    let services = Services {
        units: units.into_values().collect(),
        live,
        of_users: of_users(ground, &mut unseen),
        unseen,
    };
    let empty = services.units.is_empty() && services.of_users.is_empty() && services.unseen.is_empty();
    let services = match (&services.live, empty) {
        (Fact::Nothing { why }, true) => {
            Fact::nothing(format!("nobody wrote a unit of their own, and {why}"))
        }
        _ => Fact::Known(services),
    };
    Box::new(|facts| facts.services = services)
}

fn blank(name: &str) -> Unit {
    Unit { name: name.to_owned(), own: false, enabled: false, triggered: false, files: Vec::new() }
}

fn is_unit(name: &str) -> bool {
    // Snap writes and removes its units itself.
    KINDS.iter().any(|kind| name.ends_with(kind)) && !name.starts_with("snap.") && !name.starts_with("snap-")
}

/// `worker@2.service` of `worker@.service`.
fn is_instance(name: &str, template: &str) -> bool {
    let Some((prefix, suffix)) = template.split_once("@.") else { return false };
    name.strip_prefix(prefix)
        .is_some_and(|rest| rest.starts_with('@') && rest.ends_with(&format!(".{suffix}")))
}

/// An alias of a package's unit, a masked one, or a file that a package brought.
fn of_package(ground: &Ground, path: &str) -> bool {
    match ground.link(path) {
        Some(target) => {
            let alias = !target.starts_with('/') || FOLDERS.iter().any(|folder| target.starts_with(folder));
            alias || OF_PACKAGES.iter().any(|place| target.starts_with(place))
        }
        None => ground.package(path).is_some(),
    }
}

fn additions(
    ground: &Ground,
    unseen: &mut Vec<(String, String)>,
    units: &mut BTreeMap<String, Unit>,
    name: &str,
    folder: &str,
) {
    for part in list(ground, unseen, folder) {
        let path = format!("{folder}/{part}");
        if !part.ends_with(".conf") || of_package(ground, &path) || units.len() >= UNITS {
            continue;
        }
        if let Some(file) = file(ground, unseen, &path) {
            units.entry(name.to_owned()).or_insert_with(|| blank(name)).files.push(file);
        }
    }
}

fn file(ground: &Ground, unseen: &mut Vec<(String, String)>, path: &str) -> Option<UnitFile> {
    match ground.read(path) {
        Ok(text) => Some(ini::read(path, &text?.lossy(), Dialect::Systemd)),
        Err(why) => {
            unseen.push((path.to_owned(), why));
            None
        }
    }
}

fn list(ground: &Ground, unseen: &mut Vec<(String, String)>, folder: &str) -> Vec<String> {
    match ground.list(folder) {
        Ok(names) => names.unwrap_or_default(),
        Err(why) => {
            unseen.push((folder.to_owned(), why));
            Vec::new()
        }
    }
}

/// Services that other units of the operator start when something happens.
fn triggers(units: &BTreeMap<String, Unit>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for unit in units.values() {
        let kinds =
            [(".timer", "Timer", "Unit"), (".socket", "Socket", "Service"), (".path", "Path", "Unit")];
        for (kind, section, key) in kinds {
            let Some(stem) = unit.name.strip_suffix(kind) else { continue };
            match unit.last(section, key) {
                Some(named) => found.insert(named.to_owned()),
                None => found.insert(format!("{stem}.service")),
            };
            found.insert(format!("{stem}@.service"));
        }
        for key in ["OnFailure", "OnSuccess"] {
            for (_, setting) in unit.all("Unit", key) {
                // `alert@%n.service` is an instance whatever stands there.
                found.extend(setting.value.split_whitespace().map(str::to_owned));
            }
        }
    }
    found
}

fn live(ground: &Ground) -> Fact<Vec<State>> {
    if !ground.live {
        return Fact::nothing("only files were read");
    }
    if !std::path::Path::new("/run/systemd/system").is_dir() {
        return Fact::nothing("this machine was not booted with systemd");
    }
    match ask("systemctl", &["show", "--no-pager", PROPERTIES, "*.service"], ANSWER) {
        Ok(answer) => Fact::Known(states(&answer)),
        Err(why) => Fact::unknown(why),
    }
}

fn states(answer: &str) -> Vec<State> {
    let blocks = answer
        .split("\n\n")
        .map(|block| block.lines().filter_map(|line| line.split_once('=')).collect::<BTreeMap<&str, &str>>());
    let mut states: Vec<State> = blocks
        .filter(|block| block.get("LoadState").is_some_and(|state| *state == "loaded"))
        .map(|block| {
            let text = |key: &str| block.get(key).copied().unwrap_or_default();
            let limit = |key: &str| text(key).parse().ok().filter(|bytes| *bytes < 1 << 60);
            State {
                name: text("Id").to_owned(),
                file: text("FragmentPath").to_owned(),
                kind: text("Type").to_owned(),
                active: text("ActiveState").to_owned(),
                sub: text("SubState").to_owned(),
                result: text("Result").to_owned(),
                restarts: text("NRestarts").parse().unwrap_or(0),
                file_state: text("UnitFileState").to_owned(),
                stale: text("NeedDaemonReload") == "yes",
                memory_max: limit("MemoryMax").or(limit("MemoryLimit")),
                pid: text("MainPID").parse().unwrap_or(0),
                restart: text("Restart").to_owned(),
                wanted: ["TriggeredBy", "WantedBy", "RequiredBy", "BusName"]
                    .iter()
                    .any(|key| !text(key).is_empty()),
                on_failure: !text("OnFailure").is_empty(),
                outdated: Vec::new(),
                environment_hidden: false,
            }
        })
        .collect();
    states.sort_by(|one, other| one.name.cmp(&other.name));
    states.dedup_by(|one, other| one.name == other.name);
    states
}

/// Units below the homes of those who have one.
fn of_users(ground: &Ground, unseen: &mut Vec<(String, String)>) -> Vec<UserUnit> {
    let mut found = Vec::new();
    for user in super::users::list(ground).known().into_iter().flatten() {
        let folder = format!("{}/.config/systemd/user", user.home.trim_end_matches('/'));
        let names = match ground.list(&folder) {
            Ok(Some(names)) if user.home.len() > 1 => names,
            Err(why) => {
                unseen.push((folder, why));
                continue;
            }
            _ => continue,
        };
        let wants = names.iter().filter(|name| name.ends_with(".wants"));
        let wanted: Vec<String> =
            wants.flat_map(|name| list(ground, unseen, &format!("{folder}/{name}"))).collect();
        let lingers = ground.exists(&format!("/var/lib/systemd/linger/{}", user.name));
        let own = names.iter().filter(|name| name.ends_with(".service") || name.ends_with(".timer"));
        for name in own {
            let path = format!("{folder}/{name}");
            if !of_package(ground, &path) {
                found.push(UserUnit {
                    user: user.name.clone(),
                    path,
                    enabled: wanted.iter().any(|other| other == name || is_instance(other, name)),
                    lingers,
                });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemd_shows_is_read() {
        let answer = "Id=a.service\nLoadState=loaded\nActiveState=failed\nResult=start-limit-hit\nNRestarts=5\nMemoryMax=infinity\nMemoryLimit=18446744073709551615\nMainPID=0\nWantedBy=multi-user.target\n\nId=b.service\nLoadState=not-found\n\nId=c.service\nLoadState=loaded\nMemoryMax=1048576\nNeedDaemonReload=yes\n";
        let states = states(answer);
        assert_eq!(states.len(), 2);
        assert_eq!((states[0].restarts, states[0].memory_max, states[0].wanted), (5, None, true));
        assert_eq!((states[1].stale, states[1].memory_max), (true, Some(1 << 20)));
        assert!(super::states("").is_empty());
    }

    #[test]
    fn an_instance_belongs_to_its_template() {
        assert!(is_instance("worker@2.service", "worker@.service"));
        assert!(is_instance("alert@%n.service", "alert@.service"));
        assert!(!is_instance("worker.service", "worker@.service"));
        assert!(!is_instance("worker@2.timer", "worker@.service"));
    }
}
