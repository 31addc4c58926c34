//! Dockerfiles, where operators keep their projects. No link leads out of those folders.

use muster_host::discover::blot::blot;

use super::ground::Ground;
use super::{Collector, Put, WITHIN, ini};
use crate::facts::Fact;
use crate::facts::recipes::{Recipe, Recipes, Step};

pub(super) const COLLECTOR: Collector = Collector {
    name: "recipes",
    within: WITHIN,
    read,
    blind: |facts, why| facts.recipes = Fact::unknown(why),
};

/// Folders that hold projects, or users who do.
const FOLDERS: [&str; 4] = ["/opt", "/srv", "/root", "/home"];
/// How deep below them.
const DEPTH: usize = 3;
/// Most names that are looked at.
const NAMES: usize = 3_000;
/// Most Dockerfiles.
const RECIPES: usize = 100;
/// Most instructions of one.
const STEPS: usize = 1_000;
/// Folders that hold others' work.
const FOREIGN: [&str; 7] = ["node_modules", "vendor", "site-packages", "target", "venv", "go", "dist"];

fn read(ground: &Ground) -> Put {
    let mut recipes = Recipes { all: Vec::new(), unseen: Vec::new() };
    let mut folders: Vec<(String, usize)> =
        FOLDERS.iter().rev().map(|path| ((*path).to_owned(), 0)).collect();
    let mut looked = 0;
    while let Some((folder, depth)) = folders.pop() {
        let names = match ground.list(&folder) {
            Ok(names) => names.unwrap_or_default(),
            Err(why) => {
                recipes.unseen.push((folder, why));
                continue;
            }
        };
        for name in &names {
            looked += 1;
            let path = format!("{folder}/{name}");
            if is_recipe(name) && recipes.all.len() < RECIPES {
                add(ground, &mut recipes, &folder, &path);
            } else if depth < DEPTH
                && (depth < 2 || !name.contains('.'))
                && !FOREIGN.contains(&name.as_str())
                && ground.link(&path).is_none()
            {
                folders.push((path, depth + 1));
            }
        }
        if looked > NAMES {
            recipes.unseen.push((folder, format!("more than {NAMES} names: the rest was not looked at")));
            break;
        }
    }
    recipes.all.sort_by(|one, other| one.path.cmp(&other.path));
    let recipes = match recipes.all.is_empty() && recipes.unseen.is_empty() {
        true => Fact::nothing("there is no Dockerfile below /opt, /srv, /root or /home"),
        false => Fact::Known(recipes),
    };
    Box::new(|facts| facts.recipes = recipes)
}

fn is_recipe(name: &str) -> bool {
    matches!(name, "Dockerfile" | "Containerfile")
        || (name.starts_with("Dockerfile.") && !name.ends_with(".dockerignore"))
        || name.ends_with(".Dockerfile")
}

fn add(ground: &Ground, recipes: &mut Recipes, folder: &str, path: &str) {
    match ground.read(path) {
        Ok(Some(text)) => {
            let ignored = [format!("{path}.dockerignore"), format!("{folder}/.dockerignore")]
                .iter()
                .find_map(|path| ground.read(path).ok().flatten())
                .is_some_and(|text| keeps_out(&text.lossy()));
            recipes.all.push(Recipe {
                path: path.to_owned(),
                steps: steps(&text.lossy()),
                env_file: ground.exists(&format!("{folder}/.env")),
                env_ignored: ignored,
            });
        }
        Ok(None) => {}
        Err(why) => recipes.unseen.push((path.to_owned(), why)),
    }
}

/// The patterns of a `.dockerignore` leave `.env` out: the last one that fits decides.
fn keeps_out(text: &str) -> bool {
    let mut out = false;
    for line in text.lines().map(str::trim) {
        let (pattern, keeps) = match line.strip_prefix('!') {
            Some(pattern) => (pattern, true),
            None => (line, false),
        };
        let pattern = pattern.trim_start_matches('/').trim_start_matches("./");
        if [".env", ".env*", "**/.env", "**/.env*", "*.env", "**/*.env", ".*", "**/.*", "*", "**", "**/*"]
            .contains(&pattern)
        {
            out = !keeps;
        }
    }
    out
}

/// The instructions of a Dockerfile: comments left out, lines joined, here-documents skipped.
pub(super) fn steps(text: &str) -> Vec<Step> {
    let escape = if text.trim_start().to_ascii_lowercase().starts_with("# escape=`") { '`' } else { '\\' };
    let mut steps: Vec<Step> = Vec::new();
    let mut open = false;
    let mut raw = String::new();
    let mut here: Vec<String> = Vec::new();
    for (line, said) in (1..).zip(text.lines()) {
        if let Some(mark) = here.first() {
            if said.trim() == mark {
                here.remove(0);
            }
            continue;
        }
        let said = said.trim();
        if said.is_empty() || said.starts_with('#') {
            continue;
        }
        let ended = said.strip_suffix(escape);
        let words = ended.unwrap_or(said).trim();
        if open {
            raw.push(' ');
            raw.push_str(words);
        } else {
            if steps.len() >= STEPS {
                break;
            }
            let (verb, rest) = words.split_once(char::is_whitespace).unwrap_or((words, ""));
            rest.trim().clone_into(&mut raw);
            steps.push(Step {
                line,
                verb: verb.to_ascii_uppercase(),
                words: String::new(),
                sets: Vec::new(),
            });
        }
        open = ended.is_some();
        if let Some(step) = steps.last_mut().filter(|_| !open) {
            if matches!(step.verb.as_str(), "RUN" | "COPY" | "ADD") {
                here = marks(&raw);
            }
            finish(step, &raw);
        }
    }
    if let Some(step) = steps.last_mut().filter(|_| open) {
        finish(step, &raw);
    }
    steps
}

fn finish(step: &mut Step, raw: &str) {
    step.words = match step.verb.as_str() {
        "ENV" | "ARG" => {
            let plain = raw.split_once(char::is_whitespace);
            // `ENV NAME the whole rest`, as it was written once.
            let old = plain.filter(|(name, _)| step.verb == "ENV" && !name.contains('='));
            let pairs: Vec<String> = match old {
                Some((name, value)) => vec![format!("{name}={value}")],
                None => raw.split_whitespace().map(|word| word.replace(['"', '\''], "")).collect(),
            };
            step.sets = pairs.iter().filter_map(|pair| secret(pair)).collect();
            pairs.iter().filter_map(|pair| pair.split('=').next()).collect::<Vec<_>>().join(" ")
        }
        _ => blot(raw),
    };
}

/// What ends the here-documents of an instruction.
fn marks(raw: &str) -> Vec<String> {
    raw.split("<<")
        .skip(1)
        .map(|rest| rest.trim_start_matches('-'))
        .map(|rest| {
            rest.trim_start_matches(['"', '\''])
                .chars()
                .take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_')
                .collect::<String>()
        })
        .filter(|mark| !mark.is_empty())
        .collect()
}

/// How names of secrets end.
const SECRET: [&str; 12] = [
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "TOKEN",
    "SECRET",
    "SECRET_KEY",
    "SECRET_KEY_BASE",
    "API_KEY",
    "APIKEY",
    "ACCESS_KEY",
    "PRIVATE_KEY",
    "CREDENTIALS",
];
/// How values begin that are keys whatever their name is: those that their makers marked so that they can be found.
const MARKED: [&str; 10] =
    ["sk_live_", "rk_live_", "ghp_", "gho_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "AKIA", "-----BEGIN"];
/// Shorter ones only show what a key looks like.
const SHORTEST: usize = 16;
/// Values that only fill a gap.
const GAPS: [&str; 12] =
    ["dummy", "placeholder", "build", "test", "changeme", "none", "null", "true", "false", "0", "1", "x"];

/// The name in `NAME=value` where it is that of a secret and the value is one of its own.
pub(super) fn secret(pair: &str) -> Option<String> {
    let (name, value) = pair.split_once('=')?;
    let value = value.trim();
    let upper = name.to_ascii_uppercase();
    let login = value.split_once("://").is_some_and(|(_, rest)| {
        rest.split('/').next().and_then(|host| host.rsplit_once('@')).is_some_and(|(login, _)| {
            login
                .split_once(':')
                .is_some_and(|(_, password)| !password.is_empty() && !password.starts_with('$'))
        })
    });
    let bare = value.trim_matches(['"', '\'']);
    let marked = bare.len() >= SHORTEST && MARKED.iter().any(|mark| bare.starts_with(mark));
    let named = marked || SECRET.iter().any(|end| upper.ends_with(end));
    let own =
        !value.is_empty() && !value.starts_with('$') && !GAPS.contains(&value.to_ascii_lowercase().as_str());
    (ini::is_name(name) && own && (named || login)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dockerfile_is_read_with_its_lines() {
        let text = "# syntax=docker/dockerfile:1\nFROM python:3.12-slim AS base\nENV A=1 \\\n  # why\n  API_TOKEN=hunter2\nRUN <<EOF\nFROM nonsense\nEOF\nENV PASSWORD hunter2 x\ncmd [\"a\", \"b\"]\n";
        let steps = steps(text);
        let shown: Vec<(u32, &str, &str)> =
            steps.iter().map(|step| (step.line, step.verb.as_str(), step.words.as_str())).collect();
        assert_eq!(
            shown,
            [
                (2, "FROM", "python:3.12-slim AS base"),
                (3, "ENV", "A API_TOKEN"),
                (6, "RUN", "<<EOF"),
                (9, "ENV", "PASSWORD"),
                (10, "CMD", "[\"a\", \"b\"]"),
            ]
        );
        assert_eq!(steps[1].sets, ["API_TOKEN"]);
        assert_eq!(steps[3].sets, ["PASSWORD"]);
        assert_eq!(steps[4].exec_form(), Some(vec!["a".to_owned(), "b".to_owned()]));
        assert!(!format!("{steps:?}").contains("hunter2"));
    }

    #[test]
    fn any_text_is_read() {
        for text in ["", "\\", "FROM", "FROM \\\n", "RUN <<", "RUN <<EOF\nx", "ENV", "ENV =", "ARG A="] {
            steps(text);
        }
    }

    #[test]
    fn names_of_secrets_are_told_from_their_neighbours() {
        for pair in [
            "DB_PASSWORD=hunter2",
            "API_TOKEN=abc",
            "DATABASE_URL=postgres://bob:hunter2@db/x",
            "STRIPE_KEY=sk_live_9dFk20slqpWmzE",
        ] {
            assert!(secret(pair).is_some(), "{pair}");
        }
        for pair in [
            "DB_PASSWORD=",
            "DB_PASSWORD=$PW",
            "SECRET_KEY=dummy",
            "PASSWORD_MIN_LENGTH=12",
            "DB_PASSWORD_FILE=/run/secrets/db",
            "DATABASE_URL=postgres://db/x",
            "STRIPE_KEY=sk_live_...",
            "GPG_KEY=7169605F62C751356D054A26A821E680E5FA6305",
        ] {
            assert_eq!(secret(pair), None, "{pair}");
        }
    }

    #[test]
    fn the_last_pattern_decides() {
        assert!(keeps_out("node_modules\n.env\n"));
        assert!(keeps_out("*\n!src\n"));
        assert!(!keeps_out(".env\n!.env\n"));
        assert!(!keeps_out(".env.local\n"));
    }
}
