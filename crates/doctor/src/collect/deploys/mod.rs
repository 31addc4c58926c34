//! What was put on a host to run there: where something runs, and whether what lies there is what runs and what was asked for.

mod installed;
mod places;
mod python;
mod replaced;
mod repository;

use std::time::{Duration, Instant};

use rustix::fs::FileType;

use super::ground::Ground;
use super::projects::HOMES;
use super::{Collector, Put, WITHIN, targets};
use crate::facts::Fact;
use crate::facts::cron::Wrapper;
use crate::facts::deploys::Deploys;

pub(super) const COLLECTOR: Collector = Collector {
    name: "deploys",
    within: WITHIN,
    read,
    blind: |facts, why| facts.deploys = Fact::unknown(why),
};

/// Time for all repositories and modules.
const LOOK: Duration = Duration::from_millis(300);
/// Most scripts that deploy, and most folders that are searched for them.
const SCRIPTS: usize = 60;
const FOLDERS: usize = 400;
/// Folders of a project in which such scripts are.
const BESIDE: [&str; 5] = ["scripts", "bin", "deploy", "ops", "tools"];
/// Folders in which operators keep scripts for the whole host.
const COMMON: [&str; 4] = ["/usr/local/bin", "/usr/local/sbin", "/root", "/root/bin"];

fn read(ground: &Ground) -> Put {
    let until = Instant::now() + LOOK;
    let processes = if ground.live { replaced::processes() } else { Vec::new() };
    let mut deploys = Deploys {
        replaced: replaced::look(ground, &processes),
        repositories: Vec::new(),
        installs: Vec::new(),
        scripts: Vec::new(),
        unseen: Vec::new(),
    };
    for (folder, runs) in places::folders(ground, &processes, &mut deploys.unseen) {
        if Instant::now() >= until {
            deploys.unseen.push((folder, "there was no time left to look".to_owned()));
            break;
        }
        if let Some(seen) = repository::look(ground, &folder, &runs, until) {
            match seen {
                Ok((repository, late)) => {
                    deploys.repositories.push(repository);
                    deploys.unseen.extend(late.map(|why| (format!("{folder}/.git/index"), why)));
                }
                Err(why) => deploys.unseen.push((format!("{folder}/.git/index"), why)),
            }
        }
        for seen in [installed::look(ground, &folder, &runs), python::look(ground, &folder, &runs)] {
            match seen {
                Some(Ok(install)) => deploys.installs.push(install),
                Some(Err(why)) => deploys.unseen.push((folder.clone(), why)),
                None => {}
            }
        }
    }
    scripts(ground, &mut deploys);
    Box::new(|facts| facts.deploys = Fact::Known(deploys))
}

/// Scripts that deploy, by their name.
fn scripts(ground: &Ground, deploys: &mut Deploys) {
    let mut folders: Vec<String> = COMMON.iter().map(|folder| (*folder).to_owned()).collect();
    let inside = |folder: &str| {
        let names = ground.names(folder).ok().flatten().unwrap_or_default();
        let plain =
            names.into_iter().filter(|(name, kind)| *kind == FileType::Directory && !name.starts_with('.'));
        plain.map(|(name, _)| format!("{folder}/{name}")).collect::<Vec<_>>()
    };
    for home in HOMES {
        for project in inside(home) {
            if home == "/home" {
                folders.extend(inside(&project));
            }
            folders.push(project);
        }
    }
    for folder in folders.into_iter().take(FOLDERS) {
        let names = ground.names(&folder).ok().flatten().unwrap_or_default();
        for (name, kind) in names {
            let path = format!("{folder}/{name}");
            if kind == FileType::RegularFile {
                deploys.scripts.extend(script(ground, &path, deploys.scripts.len()));
            } else if kind == FileType::Directory
                && BESIDE.contains(&name.as_str())
                && !COMMON.contains(&folder.as_str())
            {
                for name in ground.list(&path).ok().flatten().unwrap_or_default() {
                    let path = format!("{path}/{name}");
                    deploys.scripts.extend(script(ground, &path, deploys.scripts.len()));
                }
            }
        }
    }
}

fn script(ground: &Ground, path: &str, known: usize) -> Option<Wrapper> {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let deploys = ["deploy", "rollout", "release"].iter().any(|word| name.contains(word));
    // What takes it back, shows it or undoes it is no deploy.
    let other = ["undeploy", "rollback", "example", "sample", "~", ".bak", "notes"];
    let plain = name.ends_with(".sh") || name.ends_with(".bash") || !name.contains('.');
    if !deploys || !plain || known >= SCRIPTS || other.iter().any(|word| name.contains(word)) {
        return None;
    }
    let script = targets::wrapper(ground, path)?;
    let by_shell = script.interpreter.split(['/', ' ']).any(|word| ["sh", "bash", "dash"].contains(&word));
    (by_shell || (name.ends_with("sh") && script.interpreter.is_empty())).then_some(script)
}
