//! A crate may lean only on lower floors; rooms of one floor do not know each other.

use std::collections::BTreeMap;

use cargo_metadata::{DependencyKind, MetadataCommand};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    Floor(u64),
    /// Test kits and tools: nothing leans on them but tests.
    Beside,
}

/// Refuses an upward or a sideways dependency, and a crate without a floor.
pub(crate) fn check() -> Result<(), String> {
    let metadata = MetadataCommand::new()
        .current_dir(crate::shell::root())
        .no_deps()
        .exec()
        .map_err(|error| error.to_string())?;
    let mut places = BTreeMap::new();
    let mut faults = Vec::new();
    for package in &metadata.packages {
        let ours = &package.metadata["muster"];
        let place = match (ours["floor"].as_u64(), ours["beside"].as_bool()) {
            (Some(floor), None) => Place::Floor(floor),
            (None, Some(true)) => Place::Beside,
            _ => {
                faults.push(format!(
                    "{}: [package.metadata.muster] needs `floor = N` or `beside = true`",
                    package.name
                ));
                continue;
            }
        };
        places.insert(package.name.to_string(), place);
    }
    for package in &metadata.packages {
        let Some(from) = places.get(package.name.as_str()) else { continue };
        for dependency in &package.dependencies {
            let Some(to) = places.get(&dependency.name) else { continue };
            let test_only = dependency.kind == DependencyKind::Development;
            let allowed = match (from, to) {
                (Place::Floor(from), Place::Floor(to)) => to < from,
                (Place::Floor(_), Place::Beside) => test_only,
                (Place::Beside, _) => true,
            };
            if !allowed {
                faults.push(format!("{} ({from:?}) leans on {} ({to:?})", package.name, dependency.name));
            }
        }
    }
    let core = metadata.packages.iter().find(|package| package.name.as_str() == "muster-core");
    let direct = core.map_or(0, |package| {
        package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal).count()
    });
    if direct > 6 {
        faults.push(format!("muster-core has {direct} direct dependencies; six at most"));
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_crate_leans_up_or_sideways() {
        super::check().unwrap();
    }

    /// The wrapper's start-up is a promise: what would slow it must not even be linked from its crates.
    #[test]
    fn the_run_path_has_no_runtime_no_database_and_no_tls() {
        let tree =
            crate::shell::output("cargo", &["tree", "-p", "muster-run", "-e", "normal", "--prefix", "none"]);
        let tree = String::from_utf8(tree.unwrap()).unwrap();
        for heavy in ["tokio", "rusqlite", "rustls", "hyper", "clap"] {
            let found = tree.lines().any(|line| line.split(' ').next() == Some(heavy));
            assert!(!found, "muster-run must not depend on {heavy}");
        }
    }
}
