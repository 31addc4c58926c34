//! Figures that the project promises, each printed beside the peer measured in the same run. Never a timed test.
//!
//! A peer that is not installed is named as missing, not left out.

mod adopt;
mod agent;
mod checks;
mod deploy;
mod doctor;
mod measure;
mod peers;
mod rules;
mod told;
mod wrapper;

use std::path::PathBuf;

use crate::{generate, shell};

const TARGET: &str = "x86_64-unknown-linux-musl";

/// Measures and prints.
type Bench = fn() -> Result<(), String>;

/// Runs the named benchmarks, or all.
pub(crate) fn run(names: &[&str]) -> Result<(), String> {
    const ALL: [(&str, Bench); 12] = [
        ("wrapper", wrapper::run),
        ("detect", agent::detect),
        ("ingest", agent::ingest),
        ("idle", agent::idle),
        ("checks", checks::run),
        ("told", told::run),
        ("sim", rules::simulation),
        ("cron", rules::cron),
        ("adopt", adopt::run),
        ("logs", rules::logs),
        ("doctor", doctor::run),
        ("deploy", deploy::run),
    ];
    if let Some(odd) = names.iter().find(|name| !ALL.iter().any(|(known, _)| known == *name)) {
        return Err(format!("no benchmark {odd:?}; there are: {}", ALL.map(|(name, _)| name).join(", ")));
    }
    for (name, bench) in ALL {
        if names.is_empty() || names.contains(&name) {
            println!("\n== {name}");
            bench()?;
        }
    }
    Ok(())
}

/// Builds the binary that users get and says where it is.
fn muster() -> Result<PathBuf, String> {
    shell::cargo(&["build", "--quiet", "--release", "--target", TARGET, "-p", "muster"], &[])?;
    Ok(generate::target().join(TARGET).join("release/muster"))
}
