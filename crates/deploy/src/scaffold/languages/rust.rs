//! Rust, by its standard library alone.

use super::Language;

/// The row of the language.
pub(super) const ROW: Language = Language {
    name: "rust",
    sentence: "A small HTTP server on the standard library, a thread for each request.",
    files: &[
        ("src/main.rs", include_str!("../templates/rust/main.rs.txt"), false),
        ("Cargo.toml", include_str!("../templates/rust/cargo.toml.txt"), false),
        ("Cargo.lock", include_str!("../templates/rust/cargo.lock.txt"), false),
        ("run.sh", include_str!("../templates/rust/run.sh"), true),
        ("Dockerfile", include_str!("../templates/rust/Dockerfile"), false),
        (".gitignore", include_str!("../templates/rust/gitignore"), false),
    ],
    build: &["cargo", "build", "--release", "--locked"],
};
