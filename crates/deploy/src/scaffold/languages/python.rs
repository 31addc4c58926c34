//! Python, by its own library alone.

use super::Language;

/// The row of the language.
pub(super) const ROW: Language = Language {
    name: "python",
    sentence: "The HTTP server of Python's own library, with a virtual environment for what is added.",
    files: &[
        ("app.py", include_str!("../templates/python/app.py"), false),
        ("test_app.py", include_str!("../templates/python/test_app.py"), false),
        ("requirements.txt", include_str!("../templates/python/requirements.txt"), false),
        ("run.sh", include_str!("../templates/python/run.sh"), true),
        ("Dockerfile", include_str!("../templates/python/Dockerfile"), false),
        (".gitignore", include_str!("../templates/python/gitignore"), false),
    ],
    build: &["sh", "-c", "python3 -m venv .venv && .venv/bin/pip install --no-cache-dir -r requirements.txt"],
};
