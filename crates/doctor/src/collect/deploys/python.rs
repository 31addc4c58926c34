//! The modules of a Python project against the versions that its `requirements.txt` pins.

use std::collections::BTreeMap;

use crate::collect::ground::Ground;
use crate::facts::deploys::{Difference, Install};

/// Where a project keeps its modules.
const VENVS: [&str; 3] = [".venv", "venv", "env"];
/// Most modules that are named.
const NAMED: usize = 10;

/// Looks at the modules of a folder; none where it has none, or pins nothing.
pub(super) fn look(ground: &Ground, folder: &str, runs: &str) -> Option<Result<Install, String>> {
    let lock = format!("{folder}/requirements.txt");
    let text = match ground.read(&lock) {
        Ok(text) => text?.lossy(),
        Err(why) => return Some(Err(why)),
    };
    let pins: Vec<(String, String)> = text.lines().filter_map(pin).collect();
    if pins.is_empty() {
        return None;
    }
    let venv = VENVS
        .iter()
        .map(|name| format!("{folder}/{name}"))
        .find(|venv| ground.exists(&format!("{venv}/pyvenv.cfg")))?;
    let settings = ground.read(&format!("{venv}/pyvenv.cfg")).ok().flatten()?.lossy().to_ascii_lowercase();
    let shares = settings.lines().any(|line| {
        line.split_once('=').is_some_and(|(name, value)| {
            name.trim() == "include-system-site-packages" && value.trim() == "true"
        })
    });
    let versions = ground.list(&format!("{venv}/lib")).ok().flatten()?;
    let version = versions.iter().find(|name| name.starts_with("python"))?;
    let modules = format!("{venv}/lib/{version}/site-packages");
    let names = match ground.list(&modules) {
        Ok(names) => names?,
        Err(why) => return Some(Err(why)),
    };
    let has: BTreeMap<String, &str> = names.iter().filter_map(|name| installed(name)).collect();
    let mut seen = Install { lock, modules, runs: runs.to_owned(), differs: Vec::new(), more: 0 };
    for (name, wanted) in pins {
        let found = has.get(&name).copied();
        let differs = match found {
            Some(found) => plain(found) != plain(&wanted),
            None => !shares,
        };
        if differs && seen.differs.len() < NAMED {
            seen.differs.push(Difference { name, wanted, has: found.map(str::to_owned) });
        } else if differs {
            seen.more += 1;
        }
    }
    Some(Ok(seen))
}

/// `name[extra]==1.2.3`, without conditions.
fn pin(line: &str) -> Option<(String, String)> {
    let line = line.split(" #").next().unwrap_or(line).trim().trim_end_matches('\\').trim_end();
    let line = line.split(" --hash").next().unwrap_or(line);
    // A condition is about another system than this one, as often as not.
    if line.starts_with(['#', '-']) || line.contains(';') {
        return None;
    }
    let (name, version) = line.split_once("==")?;
    let name = name.split('[').next().unwrap_or(name).trim();
    let version = version.trim().trim_start_matches('=');
    let is_plain = !version.is_empty() && !version.contains(['*', ',', ' ', '<', '>', '$', '{']);
    (is_plain && !name.is_empty()).then(|| (normal(name), version.to_owned()))
}

/// `Name_of-it-1.2.3.dist-info`.
fn installed(folder: &str) -> Option<(String, &str)> {
    let stem = folder.strip_suffix(".dist-info").or_else(|| folder.strip_suffix(".egg-info"))?;
    let (name, version) = stem.split_once('-')?;
    // Of an egg the Python that it is for comes last.
    Some((normal(name), version.split("-py").next().unwrap_or(version)))
}

/// Names that are one to pip.
fn normal(name: &str) -> String {
    let lower = name.to_ascii_lowercase().replace(['_', '.'], "-");
    lower.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

/// Versions that are one to pip: `v1.0` is `1.0.0`, and what stands behind a plus is the builder's.
fn plain(version: &str) -> String {
    let version = version.trim().to_ascii_lowercase();
    let version = version.split('+').next().unwrap_or_default().trim_start_matches('v').to_owned();
    let mut short = version.as_str();
    while let Some(rest) = short.strip_suffix(".0") {
        short = rest;
    }
    short.replace(['-', '_'], "").replace(".post", "post").replace(".dev", "dev").replace(".rc", "rc")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_and_what_is_installed_are_read_as_pip_does() {
        for (line, told) in [
            ("Flask_Login==0.6.3", Some(("flask-login", "0.6.3"))),
            ("uvicorn[standard]==0.30.0  # why", Some(("uvicorn", "0.30.0"))),
            ("idna==3.7 --hash=sha256:ab \\", Some(("idna", "3.7"))),
            ("pywin32==306; sys_platform == 'win32'", None),
            ("flask>=2", None),
            ("flask==2.*", None),
            ("-r other.txt", None),
            ("# flask==1", None),
        ] {
            let told = told.map(|(name, version): (&str, &str)| (name.to_owned(), version.to_owned()));
            assert_eq!(pin(line), told, "{line}");
        }
        assert_eq!(installed("Flask_Login-0.6.3.dist-info"), Some(("flask-login".to_owned(), "0.6.3")));
        assert_eq!(installed("x-1.0-py3.11.egg-info"), Some(("x".to_owned(), "1.0")));
        assert_eq!(installed("flask"), None);
        for (one, other) in
            [("1.0", "1.0.0"), ("v2", "2.0"), ("2.1.0+cpu", "2.1"), ("1.0-post1", "1.0.post1")]
        {
            assert_eq!(plain(one), plain(other), "{one}");
        }
        assert_ne!(plain("1.10"), plain("1.1"));
    }
}
