//! JavaScript on Node.js, by its own library alone.

use super::Language;

/// The row of the language.
pub(super) const ROW: Language = Language {
    name: "node",
    sentence: "The HTTP server of Node.js itself, with its lock file for what is added.",
    files: &[
        ("server.js", include_str!("../templates/node/server.js"), false),
        ("server.test.js", include_str!("../templates/node/server.test.js"), false),
        ("package.json", include_str!("../templates/node/package.json"), false),
        ("package-lock.json", include_str!("../templates/node/package-lock.json"), false),
        ("run.sh", include_str!("../templates/node/run.sh"), true),
        ("Dockerfile", include_str!("../templates/node/Dockerfile"), false),
        (".gitignore", include_str!("../templates/node/gitignore"), false),
    ],
    build: &["npm", "ci", "--omit=dev"],
};
