//! The modules of a Node project against its lock file: npm leaves a list of what it installed beside them.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};

use serde::Deserialize;

use crate::collect::ground::Ground;
use crate::facts::deploys::{Difference, Install};

/// Most bytes of one list.
const LIMIT: u64 = 16 << 20;
/// Most modules that are named.
const NAMED: usize = 10;

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    packages: BTreeMap<String, Package>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Package {
    #[serde(default)]
    version: Box<str>,
    #[serde(default)]
    dev: bool,
    #[serde(default)]
    optional: bool,
    #[serde(default)]
    dev_optional: bool,
    #[serde(default)]
    peer: bool,
    #[serde(default)]
    link: bool,
}

/// Looks at the modules of a folder; none where it has none, or no list of them.
pub(super) fn look(ground: &Ground, folder: &str, runs: &str) -> Option<Result<Install, String>> {
    let modules = format!("{folder}/node_modules");
    let (lock, list) = (format!("{folder}/package-lock.json"), format!("{modules}/.package-lock.json"));
    let (asked, done) = (ground.written(&lock)?, ground.written(&list)?);
    let mut seen =
        Install { lock: lock.clone(), modules, runs: runs.to_owned(), differs: Vec::new(), more: 0 };
    // What was installed after the lock file was written came from it.
    if asked <= done {
        return Some(Ok(seen));
    }
    let read = |path: &str| {
        let file = ground.large(path).ok_or("it is gone")?;
        serde_json::from_reader::<_, List>(BufReader::new(file.take(LIMIT)))
            .map_err(|error| format!("{path}: {error}"))
    };
    let compared = read(&lock).and_then(|wanted| Ok((wanted, read(&list)?)));
    Some(compared.map(|(wanted, has)| {
        compare(&wanted, &has, &mut seen);
        seen
    }))
}

fn compare(wanted: &List, has: &List, seen: &mut Install) {
    for (place, package) in &wanted.packages {
        let Some(name) = place.strip_prefix("node_modules/") else { continue };
        let found = has.packages.get(place);
        // Those are left out on purpose on a server, or on another system.
        let may_lack = package.dev || package.optional || package.dev_optional || package.peer;
        let differs = match found {
            Some(found) => !package.link && found.version != package.version,
            None => !may_lack && !package.link,
        };
        if !differs {
            continue;
        }
        if seen.differs.len() < NAMED {
            seen.differs.push(Difference {
                name: name.to_owned(),
                wanted: package.version.to_string(),
                has: found.map(|found| found.version.to_string()),
            });
        } else {
            seen.more += 1;
        }
    }
}
