//! Traps in locks.

pub(super) mod blocking;
pub(super) mod dead_alert;
pub(super) mod fragile_place;
pub(super) mod inherited;
pub(super) mod silent_skip;
pub(super) mod wrapper_parts;

use muster_host::discover::command::{SHELLS, basename};

use super::answer::{Answer, Finding, Place};
use crate::facts::Facts;
use crate::facts::cron::{Line, Step, Table, Wrapper};
use crate::mend::Mend;
use crate::shell;

/// A call of flock(1) in a crontab's line.
struct Flock {
    /// It gives up at once.
    at_once: bool,
    /// It gives up after a time.
    waits: bool,
    /// The exit code of giving up is set.
    tells: bool,
    /// It lets a lock go, or shares it.
    other: bool,
    /// The file, a folder, or the number of a stream.
    file: String,
}

/// Every call of flock in a line, also within `sh -c`.
fn flocks(text: &str) -> Vec<Flock> {
    let mut found = Vec::new();
    for command in shell::commands(text) {
        let words: Vec<&str> = command.words.iter().map(|word| word.text.as_str()).collect();
        if let Some(at) = words.iter().position(|word| basename(word) == "flock")
            && words.first().is_none_or(|first| !["echo", "which", "command", "test", "["].contains(first))
        {
            found.extend(flock(&words[at + 1..]));
        } else if let Some(at) = words.iter().position(|word| SHELLS.contains(&basename(word)))
            && let Some(given) =
                words[at..].iter().position(|word| word.starts_with('-') && word.ends_with('c'))
            && let Some(inner) = words.get(at + given + 1)
            && inner.len() < text.len()
        {
            found.extend(flocks(inner));
        }
    }
    found
}

fn flock(words: &[&str]) -> Option<Flock> {
    let mut seen = Flock { at_once: false, waits: false, tells: false, other: false, file: String::new() };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let Some(letters) = word.strip_prefix('-') else {
            (*word).clone_into(&mut seen.file);
            return Some(seen);
        };
        let (name, glued) = word.split_once('=').map_or((*word, false), |(name, _)| (name, true));
        match name {
            "--nonblock" | "--nb" => seen.at_once = true,
            "--wait" | "--timeout" => {
                seen.waits = true;
                _ = (!glued).then(|| words.next());
            }
            "--conflict-exit-code" => {
                seen.tells = true;
                _ = (!glued).then(|| words.next());
            }
            "--unlock" | "--shared" => seen.other = true,
            long if long.starts_with("--") => {}
            _ => {
                for (at, letter) in letters.char_indices() {
                    match letter {
                        'n' => seen.at_once = true,
                        'u' | 's' => seen.other = true,
                        'w' | 'E' => {
                            seen.waits |= letter == 'w';
                            seen.tells |= letter == 'E';
                            _ = (at + 1 == letters.len()).then(|| words.next());
                            break;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    None
}

/// Judges each line of the operator's crontabs, then each script that they start.
fn each(
    facts: &Facts,
    mut line: impl FnMut(&Table, &Line, &mut Answer),
    mut wrapper: impl FnMut(&Wrapper, &mut Answer),
) -> Answer {
    Answer::of(&facts.cron, |cron, answer| {
        cron.unseen.iter().for_each(|(what, why)| answer.blind(format!("{what}: {why}")));
        for table in cron.tables.iter().filter(|table| table.package.is_none()) {
            table.lines.iter().for_each(|one| line(table, one, answer));
        }
        cron.wrappers.iter().for_each(|one| wrapper(one, answer));
    })
}

/// A finding about a line.
fn in_line(table: &Table, line: &Line, observed: impl Into<String>) -> Finding {
    let place = Place::line(&table.path, line.line, format!("{} {}", line.schedule, line.command));
    Finding::new(format!("{}: {}", table.user(line), line.command), place, observed)
}

/// A finding about a step of a script.
fn in_step(wrapper: &Wrapper, step: &Step, observed: impl Into<String>) -> Finding {
    Finding::new(
        format!("{}: {}", wrapper.path, step.text()),
        Place::line(&wrapper.path, step.line, step.text()),
        observed,
    )
}

/// Options put behind the word `flock` of a line; none where the place in the file is not certain.
fn with_options(table: &Table, line: &Line, options: &str) -> Option<Mend> {
    let at = line.command.find("flock ")?;
    let is_word = line.command[..at].ends_with([' ', '/', '\'', '"', ';', '&']) || at == 0;
    let is_exact = line.command[..at].is_ascii() && !line.command[..at].contains("***");
    let is_only = line.command.matches("flock ").count() == 1;
    (table.path.starts_with('/') && is_word && is_exact && is_only).then(|| Mend::Splice {
        file: table.path.clone(),
        at: line.at + at as u64,
        old: "flock".to_owned(),
        new: format!("flock {options}"),
    })
}
