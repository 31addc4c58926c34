//! Folders of projects: files of settings with the names of the secrets in them, links, and the operator's units.

pub(super) mod index;
mod secret;
mod units;

use rustix::fs::FileType;

use super::ground::Ground;
use super::needs::{self, Lookup};
use super::{Collector, Put, WITHIN};
use crate::facts::Fact;
use crate::facts::projects::{Link, Projects, SettingsFile};

pub(super) const COLLECTOR: Collector = Collector {
    name: "projects",
    within: WITHIN,
    read,
    blind: |facts, why| {
        facts.needs = Fact::unknown(why.clone());
        facts.projects = Fact::unknown(why);
    },
};

/// Where people put projects. Each folder in them is one.
pub(crate) const HOMES: [&str; 4] = ["/opt", "/srv", "/var/www", "/home"];
/// Most folders that are looked into.
const FOLDERS: usize = 600;
/// Most files of settings of one host.
const FILES: usize = 300;
/// Most links of one host.
const LINKS: usize = 2_000;
/// Folders whose content others brought.
const FOREIGN: [&str; 6] = ["node_modules", "vendor", "venv", "site-packages", "target", "__pycache__"];
/// Endings of files that only show what settings there are.
const SAMPLES: [&str; 8] = ["example", "sample", "template", "dist", "tpl", "defaults", "schema", "test"];

fn read(ground: &Ground) -> Put {
    let mut projects = Projects::default();
    let mut left = FOLDERS;
    for home in HOMES {
        let folders = look(ground, &mut projects, home, None);
        for name in folders {
            let project = format!("{home}/{name}");
            visit(ground, &mut projects, &project, &mut left);
        }
    }
    visit(ground, &mut projects, "/root", &mut left);
    if left == 0 {
        projects.unseen.push(("folders of projects".to_owned(), format!("more than {FOLDERS}")));
    }
    // Names are looked up while the units are read.
    let mut needed = std::mem::take(&mut projects.needs);
    needed.extend(needs::of_resolver(ground));
    let mut lookup = Lookup::new(ground.live);
    lookup.begin(&needed);
    units::read(ground, &mut projects);
    lookup.finish(&mut needed);
    Box::new(|facts| {
        facts.needs = Fact::Known(needed);
        facts.projects = Fact::Known(projects);
    })
}

/// A project and the folders in it.
fn visit(ground: &Ground, projects: &mut Projects, project: &str, left: &mut usize) {
    let mut repository = None;
    for name in look(ground, projects, project, Some(&mut repository)) {
        if *left == 0 {
            return;
        }
        *left -= 1;
        let own = (!name.starts_with('.') && !FOREIGN.contains(&name.as_str())).then_some(name);
        if let Some(name) = own {
            look(ground, projects, &format!("{project}/{name}"), Some(&mut repository.clone()));
        }
    }
}

/// The tracked files of settings of a repository: its folder and their paths.
type Repository = Option<(String, Vec<String>)>;

/// Keeps the links and files of settings of a folder; its folders are the answer.
fn look(
    ground: &Ground,
    projects: &mut Projects,
    folder: &str,
    inside: Option<&mut Repository>,
) -> Vec<String> {
    let names = match ground.names(folder) {
        Ok(names) => names.unwrap_or_default(),
        Err(why) => {
            projects.unseen.push((folder.to_owned(), why));
            return Vec::new();
        }
    };
    let mut repository = None;
    if let Some(inherited) = inside {
        if names.iter().any(|(name, _)| name == ".git") {
            *inherited = match index::tracked(ground, folder) {
                Ok(tracked) => tracked.map(|tracked| (folder.to_owned(), tracked)),
                Err(why) => {
                    projects.unseen.push((format!("{folder}/.git/index"), why));
                    None
                }
            };
        }
        repository = inherited.clone();
    }
    let mut folders = Vec::new();
    for (name, kind) in names {
        let path = format!("{folder}/{name}");
        match kind {
            FileType::Directory => folders.push(name),
            FileType::Symlink if !name.starts_with('.') => link(ground, projects, path),
            FileType::RegularFile if is_settings(&name) => {
                settings(ground, projects, path, repository.as_ref());
            }
            _ => {}
        }
    }
    folders
}

fn link(ground: &Ground, projects: &mut Projects, path: String) {
    if projects.links.len() >= LINKS {
        return;
    }
    let Some(says) = ground.link(&path) else { return };
    let to = resolved(&path, &says);
    projects.links.push(Link { is_there: ground.exists(&path), path, says, to });
}

/// Where a link leads, by its text alone.
pub(crate) fn resolved(path: &str, says: &str) -> String {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let whole = if says.starts_with('/') { says.to_owned() } else { format!("{folder}/{says}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop(),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

fn is_settings(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(".env") else {
        return name.ends_with(".env") && !name.starts_with('.');
    };
    (rest.is_empty() || rest.starts_with('.')) && !SAMPLES.iter().any(|sample| rest.contains(sample))
}

fn settings(
    ground: &Ground,
    projects: &mut Projects,
    path: String,
    repository: Option<&(String, Vec<String>)>,
) {
    if projects.settings.len() >= FILES {
        return;
    }
    let text = match ground.read(&path) {
        Ok(Some(text)) => text,
        Ok(None) => return,
        Err(why) => return projects.unseen.push((path, why)),
    };
    let Some((mode, uid, gid)) = ground.access(&path) else { return };
    let repository = repository.filter(|(folder, tracked)| {
        tracked.iter().any(|name| path.strip_prefix(folder.as_str()).is_some_and(|rest| rest[1..] == **name))
    });
    projects.needs.extend(needs::of_settings(&path, &text.lossy()));
    projects.settings.push(SettingsFile {
        secrets: secret::names(&text.lossy()),
        behind: closed(ground, &path),
        repository: repository.map(|(folder, _)| folder.clone()),
        path,
        mode,
        uid,
        gid,
    });
}

/// The nearest folder above a path that others may not enter.
fn closed(ground: &Ground, path: &str) -> Option<String> {
    let mut folder = path;
    while let Some((above, _)) = folder.rsplit_once('/') {
        folder = above;
        if folder.is_empty() {
            return None;
        }
        if ground.access(folder).is_some_and(|(mode, ..)| mode & 0o001 == 0) {
            return Some(folder.to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_where_its_text_says() {
        for (path, says, to) in [
            ("/opt/a/current", "releases/3", "/opt/a/releases/3"),
            ("/opt/a/lib", "../b/lib", "/opt/b/lib"),
            ("/opt/a/x", "/srv/./y/../z", "/srv/z"),
            ("/opt/a/x", "../../../../etc", "/etc"),
        ] {
            assert_eq!(resolved(path, says), to);
        }
    }

    #[test]
    fn examples_of_settings_are_no_settings() {
        for (name, is) in [
            (".env", true),
            (".env.production", true),
            ("prod.env", true),
            (".env.example", false),
            (".env.local.sample", false),
            (".envrc", false),
            (".environment", false),
            ("env", false),
        ] {
            assert_eq!(is_settings(name), is, "{name}");
        }
    }
}
