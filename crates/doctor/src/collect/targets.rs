//! What the lines of crontabs refer to: programs along their `PATH`, scripts and their interpreters, lock files. Each is
//! looked at once and kept with the facts; shell scripts are read as simple commands.

use std::collections::BTreeSet;

use muster_host::discover::blot::blot;
use muster_host::discover::command::{Reading, SHELLS, Script as Work, basename};

use super::ground::Ground;
use crate::facts::Fact;
use crate::facts::cron::{Cron, Line, Step, Table, Wrapper};
use crate::facts::files::{Entry, User};
use crate::shell;

/// Most scripts that are read, and most bytes and commands of one.
const SCRIPTS: usize = 100;
const BYTES: usize = 64 << 10;
const STEPS: usize = 500;

/// Where programs are that cron does not find.
pub(crate) const ELSEWHERE: [&str; 5] =
    ["/usr/local/bin", "/usr/local/sbin", "/usr/sbin", "/sbin", "/snap/bin"];

/// Looks at all that the lines refer to.
pub(super) fn look(ground: &Ground, cron: &mut Cron) {
    for path in ["/bin/sh", "/bin/bash"] {
        ground.entry(path);
    }
    let users = super::users::list(ground);
    let mut scripts = BTreeSet::new();
    for table in &cron.tables {
        for line in &table.lines {
            let whole = Reading::of(&line.shell);
            for reading in std::iter::once(whole.wrapped()).flatten().chain([whole]) {
                commands(ground, table, line, &reading);
                if let Some(home) = home(table, line, users.known().map_or(&[][..], Vec::as_slice)) {
                    relative(&reading).into_iter().for_each(|path| drop(ground.entry(&below(&home, &path))));
                }
                let script = reading.script();
                let by_shell = reading.commands().iter().any(|words| SHELLS.contains(&basename(&words[0])));
                if let Some(Work::Started(path) | Work::Interpreted(path)) = script {
                    interpreter(ground, &path);
                    if by_shell || is_shell(&ground.entry(&path)) {
                        scripts.insert(path);
                    }
                }
            }
            written(&line.shell).iter().for_each(|path| chain(ground, path));
            for word in line.shell.split(|c: char| c.is_whitespace() || ";&|()[]'\"<>".contains(c)) {
                if word.starts_with('/') && (word.ends_with(".lock") || word.ends_with(".pid")) {
                    ground.entry(word);
                }
            }
        }
    }
    for script in &cron.scripts {
        interpreter(ground, &script.path);
    }
    for path in scripts.into_iter().take(SCRIPTS) {
        // The distribution's own scripts are not the operator's.
        if ground.package(&path).is_none()
            && let Some(wrapper) = wrapper(ground, &path)
        {
            cron.wrappers.push(wrapper);
        }
    }
}

/// Files that the shell of a line opens for writing, as far as the line says plainly which they are.
pub(crate) fn written(line: &str) -> Vec<String> {
    let writes = |to: &shell::Redirection| [">", ">>", ">|", "&>", "&>>"].contains(&to.sign.as_str());
    let commands = shell::commands(line);
    let targets = commands.iter().flat_map(|command| &command.redirections).filter(|to| writes(to));
    targets.map(|to| &to.target.text).filter(|path| is_file_of_host(path)).cloned().collect()
}

/// An absolute path without anything that would be expanded, and not one that the kernel makes up.
pub(crate) fn is_file_of_host(path: &str) -> bool {
    let made_up = ["/dev/", "/proc/", "/sys/"].iter().any(|start| path.starts_with(start));
    let plain = !path.contains(['$', '`', '*', '?', '~', '%', '{']) && !path.contains("..");
    path.starts_with('/') && path.len() > 1 && !made_up && plain && !path.contains("***")
}

/// Looks at a path and at every folder above it but the root itself.
pub(super) fn chain(ground: &Ground, path: &str) {
    for (at, _) in path.match_indices('/').filter(|(at, _)| *at > 0) {
        ground.entry(&path[..at]);
    }
    ground.entry(path);
}

fn commands(ground: &Ground, table: &Table, line: &Line, reading: &Reading) {
    for words in reading.commands() {
        let program = &words[0];
        if !is_plain_name(program) {
            continue;
        }
        let is_there = |folder: &str| matches!(ground.entry(&below(folder, program)), Fact::Known(_));
        if !search_path(table, line).any(is_there) {
            ELSEWHERE.into_iter().any(is_there);
        }
    }
}

/// Folders in which a line looks for programs.
pub(crate) fn search_path<'t>(table: &'t Table, line: &Line) -> impl Iterator<Item = &'t str> {
    let path = table.setting("PATH", line.line).unwrap_or(super::cron::PATH);
    path.split(':').filter(|folder| folder.starts_with('/'))
}

/// A program's name that is looked up in `PATH`.
pub(crate) fn is_plain_name(word: &str) -> bool {
    !word.is_empty()
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b))
        && !word.starts_with('-')
}

/// Where a line begins: `HOME` of the table, else that of the user.
pub(crate) fn home(table: &Table, line: &Line, users: &[User]) -> Option<String> {
    if let Some(home) = table.setting("HOME", line.line) {
        return Some(home.to_owned());
    }
    let name = table.user(line);
    users.iter().find(|user| user.name == name).map(|user| user.home.clone())
}

/// Files that a line refers to without saying from where: programs with a slash, and what interpreters read.
pub(crate) fn relative(reading: &Reading) -> Vec<String> {
    let moves = |words: &Vec<String>| ["cd", "pushd", "su", "chroot"].contains(&basename(&words[0]));
    let mut found = Vec::new();
    for words in reading.commands() {
        if moves(words) {
            break;
        }
        let program = &words[0];
        let bare = basename(program).trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        let reads = ["python", "node", "php", "perl", "ruby"].contains(&bare) || SHELLS.contains(&bare);
        let script = words.get(1).filter(|word| reads && word.contains('.') && !word.starts_with('-'));
        let file = if program.contains('/') { Some(program) } else { script };
        if let Some(path) = file.or(script)
            && !path.starts_with(['/', '~', '$', '`', '-'])
            && !path.contains(['$', '*', '?', '`', ':'])
        {
            found.push(path.clone());
        }
    }
    found
}

/// A path below a folder.
pub(crate) fn below(folder: &str, name: &str) -> String {
    let name = name.trim_start_matches("./");
    format!("{}/{name}", folder.trim_end_matches('/'))
}

/// Looks at what `#!` of a script asks for.
fn interpreter(ground: &Ground, path: &str) {
    if let Fact::Known(Entry { interpreter: Some(asked), .. }) = ground.entry(path) {
        for path in interpreter_paths(&asked) {
            ground.entry(&path);
        }
    }
}

/// Where the program of a `#!` may be: one path, or several behind env(1).
pub(crate) fn interpreter_paths(asked: &str) -> Vec<String> {
    let mut words = asked.split_whitespace();
    let Some(program) = words.next().filter(|program| program.starts_with('/')) else { return Vec::new() };
    if basename(program) != "env" {
        return vec![program.to_owned()];
    }
    let name = words.find(|word| !word.starts_with('-') && !shell::is_assignment(word));
    let folders = super::cron::PATH.split(':');
    name.filter(|name| is_plain_name(name))
        .map_or(Vec::new(), |name| folders.map(|folder| below(folder, name)).collect())
}

fn is_shell(entry: &Fact<Entry>) -> bool {
    let asked = entry.known().and_then(|entry| entry.interpreter.as_deref()).unwrap_or_default();
    asked.split_whitespace().any(|word| SHELLS.contains(&basename(word)))
}

/// A shell script as simple commands; none where it is too long, or no text.
pub(super) fn wrapper(ground: &Ground, path: &str) -> Option<Wrapper> {
    let text = ground.read(path).ok().flatten()?;
    if text.bytes.len() > BYTES || text.bytes.contains(&0) {
        return None;
    }
    let text = text.lossy();
    let interpreter = text.lines().next().and_then(|line| line.strip_prefix("#!")).unwrap_or_default();
    let steps: Vec<Step> = shell::commands(&text).iter().take(STEPS).map(step).collect();
    for step in &steps {
        if let Some(program) = step.words.first()
            && program.starts_with('/')
            && is_plain_name(&program.replace('/', "x"))
        {
            ground.entry(program);
        }
    }
    Some(Wrapper { path: path.to_owned(), interpreter: interpreter.trim().to_owned(), steps })
}

fn step(command: &shell::Command) -> Step {
    let mut words: Vec<String> = command.words.iter().map(|word| word.raw.clone()).collect();
    words.extend(command.redirections.iter().map(|to| {
        format!(
            "{}{}{}",
            to.stream.map_or(String::new(), |stream| stream.to_string()),
            to.sign,
            to.target.raw
        )
    }));
    let text = words.join(" ");
    let shown = blot(&text);
    // What was hidden is not worth its quotes.
    if shown != text {
        words = shown.split_whitespace().map(str::to_owned).collect();
    }
    Step { line: command.line, before: command.before.to_owned(), after: command.after.to_owned(), words }
}
