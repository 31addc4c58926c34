//! The operator's units: whose rights they have, which paths they speak of, which lines hold a secret.

use muster_host::discover::blot::blot;
use rustix::fs::FileType;

use super::secret;
use crate::collect::ground::Ground;
use crate::facts::projects::{Projects, Unit};
use crate::told;

/// Where the operator's units are.
const FOLDER: &str = "/etc/systemd/system";
/// Most files of units.
const UNITS: usize = 500;

pub(super) fn read(ground: &Ground, projects: &mut Projects) {
    let names = match ground.names(FOLDER) {
        Ok(names) => names.unwrap_or_default(),
        Err(why) => return projects.unseen.push((FOLDER.to_owned(), why)),
    };
    for (name, kind) in names {
        let path = format!("{FOLDER}/{name}");
        match kind {
            FileType::RegularFile if name.ends_with(".service") => add(ground, projects, path),
            FileType::Directory if name.ends_with(".service.d") => {
                let parts = ground.list(&path).ok().flatten().unwrap_or_default();
                for part in parts.iter().filter(|part| part.ends_with(".conf")) {
                    add(ground, projects, format!("{path}/{part}"));
                }
            }
            _ => {}
        }
    }
}

fn add(ground: &Ground, projects: &mut Projects, path: String) {
    if projects.units.len() >= UNITS {
        return;
    }
    match ground.read(&path) {
        Ok(Some(text)) => projects.units.push(unit(path, &text.lossy())),
        Ok(None) => {}
        Err(why) => projects.unseen.push((path, why)),
    }
}

fn unit(path: String, text: &str) -> Unit {
    let mut unit = Unit { path, user: None, dynamic: false, paths: Vec::new(), secrets: Vec::new() };
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.starts_with(['#', ';']) {
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        let (key, value) = (key.trim(), value.trim());
        match key {
            "User" => unit.user = Some(value.to_owned()).filter(|user| !user.is_empty()),
            "DynamicUser" => unit.dynamic = ["yes", "true", "1", "on"].contains(&value),
            "Environment" => {
                let name = assignments(value).find(|(name, value)| secret::is_secret(name, value));
                unit.secrets.extend(name.map(|(name, _)| (number, name.to_owned())));
            }
            key if key.starts_with("Exec") => {
                unit.secrets.extend(told::in_command(&blot(value)).map(|name| (number, name)));
            }
            _ => {}
        }
        if key.starts_with("Exec") || matches!(key, "WorkingDirectory" | "EnvironmentFile") {
            let words = value.split([' ', '\t', '"', '\'', '=']);
            let paths = words.map(|word| word.trim_start_matches(['-', '+', '!', '@', ':']));
            unit.paths.extend(paths.filter(|word| word.starts_with('/')).map(blot));
        }
    }
    unit
}

/// `A=b "C=d e"`.
fn assignments(value: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = value;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let first = rest.chars().next()?;
        let (word, after) = match first {
            '"' | '\'' => rest[1..].split_once(first).unwrap_or((&rest[1..], "")),
            _ => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        rest = after;
        Some(word)
    })
    .filter_map(|word| word.split_once('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_tells_its_secrets_by_name() {
        let text = "[Service]\nUser=app\nEnvironment=PORT=80 \"DB_PASSWORD=a b c d\"\nEnvironment=NODE_ENV=production\n\
                    EnvironmentFile=-/opt/shop/.env\nExecStart=/opt/shop/bin/serve --token abcdef\n";
        let unit = unit("/etc/systemd/system/shop.service".to_owned(), text);
        assert_eq!(unit.secrets, [(3, "DB_PASSWORD".to_owned()), (6, "--token".to_owned())]);
        assert_eq!(unit.paths, ["/opt/shop/.env", "/opt/shop/bin/serve"]);
        assert_eq!(unit.user.as_deref(), Some("app"));
    }
}
