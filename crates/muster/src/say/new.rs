//! `muster new`: what would be written, and what comes next.

use std::path::Path;

use muster_deploy::scaffold::entries::Entries;
use muster_deploy::scaffold::order::{Order, Way};
use muster_deploy::scaffold::plan::{Item, What};
use muster_deploy::scaffold::write::{Standing, below};

/// The plan, a line for each file and folder.
pub(crate) fn plan_of(order: &Order, root: &Path, seen: &[(&Item, Standing)]) -> String {
    let way = match &order.way {
        Way::Docker { .. } => "run by Docker",
        Way::Systemd { .. } => "run by systemd",
    };
    let mut text = format!("{}: {}, {way}, at {}\n\n", order.name, order.language.name, order.domain);
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

/// What is left to people.
pub(crate) fn next(order: &Order) -> String {
    let Order { name, domain, .. } = order;
    let release = match &order.way {
        Way::Docker { image } => {
            format!(
                "docker build --tag {image}:1 /opt/{name}/code && docker push {image}:1 && muster deploy {name} 1"
            )
        }
        Way::Systemd { git } => {
            format!("push /opt/{name}/code as the branch main of {git}, then muster deploy {name}")
        }
    };
    format!(
        "\nWritten. Next:\n\
         \x20 1. the certificate: /etc/ssl/{domain}/fullchain.pem and privkey.pem\n\
         \x20 2. ln -s ../sites-available/{name}.conf /etc/nginx/sites-enabled/ && nginx -t && systemctl reload nginx\n\
         \x20 3. {release}\n\
         \x20 4. in muster.toml, whom to tell; `muster config check` reads it\n\
         The secrets that .github/workflows/deploy.yml needs stand at its top.\n"
    )
}

fn name(root: &Path, item: &Item) -> String {
    let end = if item.what == What::Folder { "/" } else { "" };
    format!("{}{end}", below(root, &item.path).display())
}
