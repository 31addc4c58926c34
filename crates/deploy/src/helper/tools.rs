//! Programs that a service needs on its host, and how old they may be.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use muster_config::plan::{RuntimeSpec, ServiceSpec, ToolSpec};

use crate::program::{Input, Program};
use crate::trouble::Trouble;

/// The longest that a tool may take to tell its version.
const WITHIN: Duration = Duration::from_secs(10);
/// Bytes of its words that are read.
const OUTPUT: usize = 16 << 10;
/// Where services of systemd find their programs.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What is missing or too old. Each tool is asked by the user of a systemd service; those of containers, which run beside
/// their host's tools, by whoever deploys.
pub(super) fn objections(spec: &ServiceSpec) -> Vec<Trouble> {
    let user = spec.user.as_deref().filter(|_| matches!(spec.runtime, RuntimeSpec::Systemd { .. }));
    spec.tools.iter().filter_map(|tool| check(tool, user, PATH).err()).collect()
}

fn check(tool: &ToolSpec, user: Option<&str>, path: &str) -> Result<(), Trouble> {
    let (name, needed) = (&tool.program, dotted(&tool.least));
    let program = find(name, path).ok_or_else(|| {
        Trouble::new(format!("{name} is not on this host, and {needed} or newer is needed"))
            .help(format!("install it, or link it into one of {path}"))
    })?;
    let mut words: Vec<&OsStr> = Vec::new();
    if let Some(user) = user {
        words.extend(["runuser", "-u", user, "--"].map(OsStr::new));
    }
    words.extend([program.as_os_str(), OsStr::new("--version")]);
    let env = [("PATH", OsStr::new(path))];
    let asked = Program { words: &words, env: &env, within: WITHIN, output: OUTPUT, stdin: Input::Nothing };
    let help = format!("try `{} --version` on this host", program.display());
    let unreadable = |why: String, lines: Vec<String>| {
        Trouble::new(format!("{name} does not tell its version: {why}")).help(&help).lines(lines)
    };
    let ended = asked.run_merged().map_err(|trouble| unreadable(trouble.what, trouble.lines))?;
    if !ended.status.success() {
        let trouble = ended.trouble();
        return Err(unreadable(trouble.what, trouble.lines));
    }
    let said = String::from_utf8_lossy(&ended.out).into_owned();
    let found = version(&said).ok_or_else(|| {
        unreadable("there is no number in what it says".to_owned(), crate::program::lines(&said, 5))
    })?;
    match is_at_least(&found, &tool.least) {
        true => Ok(()),
        false => Err(Trouble::new(format!(
            "{name} {} of this host is too old: {needed} or newer is needed",
            dotted(&found)
        ))
        .help(format!("{} is the one that is found", program.display()))),
    }
}

fn find(name: &str, path: &str) -> Option<PathBuf> {
    let is_program = |file: &PathBuf| {
        file.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    path.split(':').map(|folder| Path::new(folder).join(name)).find(is_program)
}

/// The first number with dots in a text; where there is none, the first number.
fn version(text: &str) -> Option<Vec<u64>> {
    let runs = text.split(|c: char| !c.is_ascii_digit() && c != '.');
    let parts = |run: &str| -> Option<Vec<u64>> {
        let run = run.trim_matches('.');
        if run.is_empty() { None } else { run.split('.').map(|part| part.parse().ok()).collect() }
    };
    let numbers: Vec<Vec<u64>> = runs.filter_map(parts).collect();
    numbers.iter().find(|number| number.len() > 1).or(numbers.first()).cloned()
}

/// What is not written counts as zero.
fn is_at_least(found: &[u64], least: &[u64]) -> bool {
    let of = |number: &[u64], at: usize| number.get(at).copied().unwrap_or(0);
    let places = 0..found.len().max(least.len());
    places.map(|at| of(found, at).cmp(&of(least, at))).find(|order| order.is_ne()).is_none_or(|it| it.is_gt())
}

fn dotted(number: &[u64]) -> String {
    number.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_tools_say() {
        for (said, expected) in [
            ("v20.11.1\n", Some(vec![20, 11, 1])),
            ("psql (PostgreSQL) 15.4 (Debian 15.4-1.pgdg120+1)", Some(vec![15, 4])),
            ("This is perl 5, version 36, subversion 0 (v5.36.0) built for x86_64", Some(vec![5, 36, 0])),
            ("jq-1.6", Some(vec![1, 6])),
            ("less 590 (GNU regular expressions)", Some(vec![590])),
            ("Version 3.", Some(vec![3])),
            ("git version 2.39.2", Some(vec![2, 39, 2])),
            ("no number ...", None),
            ("99999999999999999999999", None),
        ] {
            assert_eq!(version(said), expected, "{said}");
        }
    }

    #[test]
    fn numbers_are_compared_part_by_part() {
        for (found, least, enough) in [
            (&[20, 0][..], &[20][..], true),
            (&[20], &[20, 0, 0], true),
            (&[20, 9], &[20, 10], false),
            (&[3, 12], &[3, 9], true),
            (&[19, 99], &[20], false),
            (&[21], &[20, 5], true),
        ] {
            assert_eq!(is_at_least(found, least), enough, "{found:?} {least:?}");
        }
    }

    #[test]
    fn what_is_missing_too_old_or_unreadable_is_told_apart() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = format!("{}:{PATH}", folder.path().display());
        for (name, script) in [
            ("good", "echo good 20.1"),
            ("mute", "echo hello"),
            ("broken", "echo 1.2; echo no library >&2; exit 127"),
        ] {
            let file = folder.path().join(name);
            std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).expect("written");
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("set");
        }
        std::fs::write(folder.path().join("no-program"), "1.2").expect("written");
        let told = |program: &str, least: &[u64]| {
            let tool = ToolSpec { program: program.to_owned(), least: least.to_vec() };
            check(&tool, None, &path).map_err(|trouble| trouble.what)
        };
        assert_eq!(told("good", &[20]), Ok(()));
        let old = "good 20.1 of this host is too old: 20.2 or newer is needed";
        assert_eq!(told("good", &[20, 2]), Err(old.to_owned()));
        let missing = "no-program is not on this host, and 1 or newer is needed";
        assert_eq!(told("no-program", &[1]), Err(missing.to_owned()));
        let mute = "mute does not tell its version: there is no number in what it says";
        assert_eq!(told("mute", &[1]), Err(mute.to_owned()));
        let broken = "broken does not tell its version: broken: exit 127: no library";
        assert_eq!(told("broken", &[1]), Err(broken.to_owned()));
    }
}
