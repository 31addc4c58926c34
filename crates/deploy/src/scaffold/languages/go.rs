//! Go, by its own library alone.

use super::Language;

/// The row of the language.
pub(super) const ROW: Language = Language {
    name: "go",
    sentence: "The HTTP server of Go's own library, in an image with nothing else.",
    files: &[
        ("main.go", include_str!("../templates/go/main.go"), false),
        ("main_test.go", include_str!("../templates/go/main_test.go"), false),
        ("go.mod", include_str!("../templates/go/go.mod.txt"), false),
        ("run.sh", include_str!("../templates/go/run.sh"), true),
        ("Dockerfile", include_str!("../templates/go/Dockerfile"), false),
        (".gitignore", include_str!("../templates/go/gitignore"), false),
    ],
    build: &["go", "build", "-o", "bin/", "."],
};
