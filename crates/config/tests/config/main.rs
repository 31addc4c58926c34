//! What people see of the reader: the corpus of bad files with their diagnoses, the good files with their plans, and
//! the rows that everything is generated from.
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]
#![expect(
    clippy::disallowed_methods,
    reason = "the tests read the corpus from disk; the crate itself does not"
)]

mod assertions;
mod catalogue;
mod corpus;
mod plans;
mod rows;
mod services;

use std::path::{Path, PathBuf};

use muster_config::source::Source;

/// A folder or file below `tests`.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// A text as the reader gets it on the host of the tests.
fn source(text: &str) -> Source<'_> {
    Source { file: "muster.toml", text, zone: "UTC", host: "ams1" }
}

/// The `.toml` files of a folder, in order.
fn toml_files(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(fixture(folder))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    files.sort();
    files
}
