//! `muster new`: what would be written, and what comes next.

use std::path::Path;

use muster_deploy::scaffold::entries::Entries;
use muster_deploy::scaffold::order::{Order, Way};
use muster_deploy::scaffold::plan::{Item, What};
use muster_deploy::scaffold::write::{Standing, below};

/// The plan, a line for each file and folder.
pub(crate) fn plan_of(order: &Order, root: &Path, seen: &[(&Item, Standing)], needs_user: bool) -> String {
    let way = match &order.way {
        Way::Docker { .. } => "run by Docker",
        Way::Systemd { .. } => "run by systemd",
    };
    let mut text = format!("{}: {}, {way}, at {}\n\n", order.name, order.language.name, order.domain);
    if needs_user {
        text.push_str(&format!("  + user {}, a system user\n", order.user));
    }
    let names: Vec<String> = seen.iter().map(|(item, _)| name(root, item)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or_default();
    for ((item, standing), name) in seen.iter().zip(&names) {
        let (mark, about) = match standing {
            Standing::Missing => ('+', item.about),
            Standing::Same => ('=', item.about),
            Standing::Other(why) => ('!', why.as_str()),
        };
        let line = format!("  {mark} {:04o} {name:<width$}  {about}", item.mode);
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// What becomes of muster.toml.
pub(crate) fn entries_of(path: &Path, entries: &Entries) -> String {
    let path = path.display();
    match entries.added.as_slice() {
        [] => format!("  = {path}  has its tables\n\n+ is written, = is there already\n"),
        added => {
            let added: Vec<String> = added.iter().map(|name| format!("[{name}]")).collect();
            format!("  + {path}  gets {}\n\n+ is written, = is there already\n", added.join(" and "))
        }
    }
}

/// Every file with its text.
pub(crate) fn contents(items: &[Item], path: &Path, entries: &Entries, old: Option<&str>) -> String {
    let mut text = String::new();
    for item in items {
        match &item.what {
            What::Folder => text.push_str(&format!("── {}/ ({:04o})\n\n", item.path.display(), item.mode)),
            What::File(inner) | What::Begun(inner) => {
                text.push_str(&format!("── {} ({:04o})\n{inner}\n", item.path.display(), item.mode));
            }
        }
    }
    let added = entries.text.strip_prefix(old.unwrap_or_default()).unwrap_or(&entries.text);
    if !added.is_empty() {
        text.push_str(&format!("── at the end of {}\n{}\n", path.display(), added.trim_start_matches('\n')));
    }
    text
}

/// What is left to people: commands that can be typed as they stand.
pub(crate) fn next(order: &Order, hosts: &[String]) -> String {
    let Order { name, domain, .. } = order;
    let code = format!("/opt/{name}/code");
    let (release, version) = match &order.way {
        Way::Docker { image } => {
            (vec![format!("docker build --tag {image}:1 {code}"), format!("docker push {image}:1")], " 1")
        }
        Way::Systemd { git } => (
            vec![
                format!("git config --global --add safe.directory {code}"),
                format!("cd {code} && git init --quiet --initial-branch main && git add --all"),
                format!("git commit --quiet --message \"{name}\" && git push {git} main"),
            ],
            "",
        ),
    };
    let mut text = "\nWritten. Next:\n".to_owned();
    let prepare = hosts.iter().map(|host| format!("muster host prepare {host}"));
    for command in release.into_iter().chain(prepare).chain([format!("muster deploy {name}{version}")]) {
        text.push_str(&format!("  {command}\n"));
    }
    text.push_str(&format!(
        "Then, for https: /etc/ssl/{domain}/fullchain.pem and privkey.pem on each host, `muster host prepare` again, which\n\
         enables the site, and one more deploy. In muster.toml, whom to tell; `muster config check` reads it. The secrets that\n\
         .github/workflows/deploy.yml needs stand at its top.\n"
    ));
    text
}

fn name(root: &Path, item: &Item) -> String {
    let end = if item.what == What::Folder { "/" } else { "" };
    format!("{}{end}", below(root, &item.path).display())
}
