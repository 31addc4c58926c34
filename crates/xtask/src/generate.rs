//! Writes what is generated from the code, or says that it is out of date.

use std::path::Path;

use crate::shell;

/// Write the files or only compare them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Write.
    Write,
    /// Compare, and fail on a difference.
    Compare,
}

/// File, and the words of the `muster` command that prints it.
const FILES: &[(&str, &[&str])] = &[
    ("muster.schema.json", &["config", "schema"]),
    ("docs/reference/config.md", &["config", "reference"]),
    ("docs/reference/doctor.md", &["doctor", "reference"]),
    ("docs/reference/cli.md", &["config", "cli-reference"]),
];

/// Generates every file.
pub(crate) fn run(mode: Mode) -> Result<(), String> {
    shell::cargo(&["build", "--quiet", "-p", "muster"], &[])?;
    let binary = target().join("debug/muster");
    let binary = binary.to_string_lossy();
    let mut stale = Vec::new();
    for (file, words) in FILES {
        let fresh = shell::output(&binary, words)?;
        let path = shell::root().join(file);
        if std::fs::read(&path).ok().as_deref() == Some(fresh.as_slice()) {
            continue;
        }
        match mode {
            Mode::Write => write(&path, &fresh)?,
            Mode::Compare => stale.push(*file),
        }
    }
    if stale.is_empty() {
        Ok(())
    } else {
        Err(format!("out of date: {}; run `cargo xtask generate`", stale.join(", ")))
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let folder = path.parent().ok_or("a generated file lies in a folder")?;
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(path, bytes))
        .map_err(|error| format!("{}: {error}", path.display()))
}

/// Cargo's target folder.
pub(crate) fn target() -> std::path::PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| shell::root().join("target"), Into::into)
}
