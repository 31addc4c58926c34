//! What jobs and the scripts that they start copy and dump: database files that are copied like others, dumps that go
//! through a pipe.

mod shell;
mod tools;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use muster_host::discover::blot::blot;
use muster_host::discover::command::{Reading, Script, basename};
use muster_host::discover::crontab::{self, Daemon, Dialect};
use muster_host::discover::{FOLDERS, daemon, spool};

use super::ground::Ground;
use super::{Collector, Put, WITHIN};
use crate::facts::Fact;
use crate::facts::database::{Backups, Copied, Dump};
use shell::Pipeline;

pub(super) const COLLECTOR: Collector = Collector {
    name: "backups",
    within: WITHIN,
    read,
    blind: |facts, why| facts.backups = Fact::unknown(why),
};

/// Most scripts that are read.
const SCRIPTS: usize = 300;
/// How deep scripts are followed into those that they start.
const DEPTH: usize = 2;
/// Programs that write a database to their output.
const DUMPS: [&str; 7] =
    ["pg_dump", "pg_dumpall", "mysqldump", "mariadb-dump", "mongodump", "pg_basebackup", "slapcat"];
/// Programs that a dump is started through.
const THROUGH: [&str; 8] =
    ["docker", "podman", "docker-compose", "kubectl", "ssh", "nerdctl", "muster", "chroot"];
/// Programs that take whatever they get as good.
const TAKERS: [&str; 28] = [
    "gzip", "pigz", "zstd", "xz", "bzip2", "pbzip2", "lz4", "lzop", "7z", "7za", "openssl", "gpg", "gpg2",
    "age", "aws", "rclone", "restic", "ssh", "tee", "split", "dd", "cat", "s3cmd", "mc", "pv", "mbuffer",
    "sed", "borg",
];
/// Programs that copy files as they are.
const COPIES: [&str; 3] = ["cp", "rsync", "scp"];

/// A text that a shell runs.
struct Text {
    source: String,
    text: String,
    /// The line of the source at which it begins.
    first: u32,
    /// It stops at the first failure of a pipe by its first line.
    heard: bool,
}

fn read(ground: &Ground) -> Put {
    let mut backups = Backups::default();
    let mut scripts: BTreeSet<String> = BTreeSet::new();
    let mut texts = Vec::new();
    tables(ground, &mut backups, &mut texts, &mut scripts);
    for folder in FOLDERS {
        let names = ground.list(folder).ok().flatten().unwrap_or_default();
        let paths = names.iter().map(|name| format!("{folder}/{name}"));
        scripts.extend(paths.filter(|path| ground.package(path).is_none()));
    }
    of_packages(ground, &mut backups);
    units(ground, &mut texts, &mut scripts);
    follow(ground, &mut backups, &mut texts, scripts);
    backups.read = texts.len();
    for text in &texts {
        judge(ground, text, &mut backups);
    }
    let is_there = backups.read > 0 || !backups.unseen.is_empty() || !backups.tools.is_empty();
    let backups =
        if is_there { Fact::Known(backups) } else { Fact::nothing("no job and no script was found") };
    Box::new(|facts| facts.backups = backups)
}

/// Scripts of packages that make copies by themselves: their names say so.
fn of_packages(ground: &Ground, backups: &mut Backups) {
    for folder in FOLDERS {
        let names = ground.list(folder).ok().flatten().unwrap_or_default();
        let paths = names.iter().map(|name| format!("{folder}/{name}"));
        for path in paths.filter(|path| ground.package(path).is_some()) {
            backups.tools.extend(tools::by_name(&path));
        }
    }
}

/// What the operator's units start.
fn units(ground: &Ground, texts: &mut Vec<Text>, scripts: &mut BTreeSet<String>) {
    let folder = "/etc/systemd/system";
    for name in ground.list(folder).ok().flatten().unwrap_or_default() {
        let path = format!("{folder}/{name}");
        if name.ends_with(".service")
            && let Ok(Some(unit)) = ground.read(&path)
        {
            for (first, line) in (1..).zip(unit.lossy().lines()) {
                let Some((key, started)) = line.trim().split_once('=') else { continue };
                if !key.starts_with("ExecStart") {
                    continue;
                }
                let text = started.trim_start_matches(['-', '+', '!', '@', ':']).to_owned();
                scripts.extend(script(&text));
                texts.push(Text { source: path.clone(), text, first, heard: false });
            }
        }
    }
}

/// Reads scripts, and those that they start.
fn follow(ground: &Ground, backups: &mut Backups, texts: &mut Vec<Text>, scripts: BTreeSet<String>) {
    let mut open: VecDeque<(String, usize)> = scripts.into_iter().map(|path| (path, DEPTH)).collect();
    let mut seen: BTreeSet<String> = open.iter().map(|(path, _)| path.clone()).collect();
    let mut left = SCRIPTS;
    while let Some((path, depth)) = open.pop_front() {
        if left == 0 {
            return backups.unseen.push(("scripts".to_owned(), format!("more than {SCRIPTS}")));
        }
        left -= 1;
        match ground.read(&path) {
            Ok(Some(text)) if is_shell(&text.bytes) => {
                let text = text.lossy();
                let heard = text.lines().next().is_some_and(|line| line.contains("pipefail"));
                let inner = if depth > 0 { tools::started(&path, &text) } else { Vec::new() };
                for path in inner.into_iter().filter(|path| ground.exists(path)) {
                    if seen.insert(path.clone()) {
                        open.push_back((path, depth - 1));
                    }
                }
                texts.push(Text { source: path, text, first: 1, heard });
            }
            Ok(Some(text)) => backups.tools.extend(tools::foreign(&path, &text.bytes)),
            Ok(None) => {}
            // A program of a megabyte is no script.
            Err(why) if why.starts_with("larger") => backups.tools.extend(tools::by_name(&path)),
            Err(why) => backups.unseen.push((path, why)),
        }
    }
}

fn tables(ground: &Ground, backups: &mut Backups, texts: &mut Vec<Text>, scripts: &mut BTreeSet<String>) {
    let daemon = daemon(|path| ground.exists(path));
    let spool = spool(daemon);
    let mut paths = Vec::new();
    if daemon != Daemon::Busybox {
        paths.push(("/etc/crontab".to_owned(), true));
    }
    for (folder, user_column) in [("/etc/cron.d", true), (spool, false)] {
        match ground.list(folder) {
            Ok(names) => paths.extend(
                names.unwrap_or_default().iter().map(|name| (format!("{folder}/{name}"), user_column)),
            ),
            Err(why) => backups.unseen.push((folder.to_owned(), why)),
        }
    }
    for (path, user_column) in paths {
        let text = match ground.read(&path) {
            Ok(Some(text)) => text,
            Ok(None) => continue,
            Err(why) => {
                backups.unseen.push((path, why));
                continue;
            }
        };
        for entry in crontab::parse(&text.bytes, Dialect { daemon, user_column }).entries {
            scripts.extend(script(&entry.shell));
            let first = u32::try_from(entry.line).unwrap_or(u32::MAX);
            texts.push(Text { source: path.clone(), text: entry.shell, first, heard: false });
        }
    }
}

fn script(line: &str) -> Option<String> {
    let reading = Reading::of(line);
    let reading = reading.wrapped().unwrap_or(reading);
    match reading.script()? {
        Script::Started(path) | Script::Interpreted(path) => Some(path),
    }
}

fn is_shell(bytes: &[u8]) -> bool {
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let first = String::from_utf8_lossy(first);
    match first.strip_prefix("#!") {
        Some(asked) => {
            asked.split([' ', '/']).any(|word| matches!(word, "sh" | "bash" | "dash" | "ash" | "zsh" | "ksh"))
        }
        // Without a first line of the sort, the shell that starts it runs it.
        None => !bytes.contains(&0),
    }
}

fn judge(ground: &Ground, text: &Text, backups: &mut Backups) {
    let mut heard = text.heard;
    let mut stopped = false;
    let mut folder = String::new();
    let mut variables: BTreeMap<String, String> = BTreeMap::new();
    heard |= text.text.contains("pipefail -");
    let asks_each = text.text.contains("PIPESTATUS") || text.text.contains("pipestatus");
    for pipeline in shell::pipelines(&text.text) {
        for command in &pipeline.commands {
            let words: Vec<&str> = command.split_whitespace().collect();
            heard |= words.contains(&"pipefail");
            let stops = ["stop", "down", "pause"].iter().any(|word| words.contains(word));
            stopped |= stops
                && ["systemctl", "docker", "service", "docker-compose", "podman", "supervisorctl", "pm2"]
                    .iter()
                    .any(|program| words.contains(program));
            for word in &words {
                if let Some((name, value)) = word.split_once('=')
                    && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                {
                    let value = filled(value.trim_matches(['"', '\'']), &variables);
                    variables.insert(name.to_owned(), value);
                }
            }
        }
        let line = text.first.saturating_add(pipeline.line.saturating_sub(1));
        let place = tools::Place { source: &text.source, line };
        tools::of(&place, &pipeline, |word| filled(word, &variables), &mut backups.tools);
        if let Some(dump) = dump(text, &pipeline, line, heard || asks_each) {
            backups.dumps.push(dump);
        }
        for command in &pipeline.commands {
            let reading = Reading::of(command);
            for words in reading.commands() {
                if words[0] == "cd" {
                    folder = words.get(1).map(|word| filled(word, &variables)).unwrap_or_default();
                }
                for file in copied(words, &variables, &folder) {
                    let (source, file_text) = (text.source.clone(), blot(command));
                    let wal = match ground.entry(&format!("{file}-wal")) {
                        Fact::Known(entry) => Fact::Known(entry.size),
                        Fact::Unknown { why } => Fact::Unknown { why },
                        Fact::Nothing { .. } => Fact::nothing("there is no -wal beside it"),
                    };
                    let known = Copied { source, line, text: file_text, file, wal, after_stop: stopped };
                    backups.copies.push(known);
                }
            }
        }
    }
}

fn dump(text: &Text, pipeline: &Pipeline, line: u32, heard: bool) -> Option<Dump> {
    let (first, rest) = pipeline.commands.split_first()?;
    let into = rest.iter().find_map(|command| {
        let reading = Reading::of(command);
        let name = basename(reading.commands().first()?.first()?).to_owned();
        (TAKERS.contains(&name.as_str()) || command.contains('>')).then_some(name)
    })?;
    let reading = Reading::of(first);
    let words = reading.commands().last()?;
    let starts = basename(&words[0]);
    let is_dump = |word: &&String| DUMPS.contains(&basename(word));
    let program = match THROUGH.contains(&starts) {
        true => words.iter().find(is_dump)?,
        false => words.first().filter(is_dump)?,
    };
    Some(Dump {
        source: text.source.clone(),
        line,
        text: blot(&pipeline.commands.join(" | ")),
        program: basename(program).to_owned(),
        into,
        heard,
    })
}

/// The database files that a command copies as they are, the last of its arguments left out: it is where to.
fn copied(words: &[String], variables: &BTreeMap<String, String>, folder: &str) -> Vec<String> {
    if !COPIES.contains(&basename(&words[0])) {
        return Vec::new();
    }
    let arguments: Vec<&String> = words[1..].iter().filter(|word| !word.starts_with('-')).collect();
    let Some((_, from)) = arguments.split_last() else { return Vec::new() };
    let whole = |word: &&String| {
        let path = filled(word, variables);
        let path = match (path.starts_with('/'), folder.starts_with('/')) {
            (true, _) => path,
            (false, true) => format!("{}/{}", folder.trim_end_matches('/'), path.trim_start_matches("./")),
            (false, false) => return None,
        };
        let ends = [".db", ".sqlite", ".sqlite3", ".db3"].iter().any(|ending| path.ends_with(ending));
        (ends && !path.contains(['$', '*', '?', '`', '[', '~', ':'])).then_some(path)
    };
    from.iter().filter_map(whole).collect()
}

/// Variables that were set plainly before, put in.
fn filled(word: &str, variables: &BTreeMap<String, String>) -> String {
    if !word.contains('$') {
        return word.to_owned();
    }
    let mut text = word.to_owned();
    // The longest first: `$DB` is also the beginning of `$DB_FILE`.
    let mut names: Vec<&String> = variables.keys().collect();
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    for name in names {
        if text.len() > 4_000 {
            break;
        }
        text = text
            .replace(&format!("${{{name}}}"), &variables[name])
            .replace(&format!("${name}"), &variables[name]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dumps(script: &str) -> Vec<(u32, String, bool)> {
        let text = Text { source: "/x".to_owned(), text: script.to_owned(), first: 1, heard: false };
        let mut backups = Backups::default();
        judge(&Ground::new(std::path::Path::new("/nowhere"), false), &text, &mut backups);
        backups.dumps.into_iter().map(|dump| (dump.line, dump.program, dump.heard)).collect()
    }

    #[test]
    fn dumps_through_a_pipe_are_told_from_what_looks_like_them() {
        let heard = |line: u32, name: &str| vec![(line, name.to_owned(), true)];
        let deaf = |line: u32, name: &str| vec![(line, name.to_owned(), false)];
        for (script, found) in [
            ("pg_dump app | gzip > x", deaf(1, "pg_dump")),
            ("docker exec -t db pg_dump -U a b \\\n | gzip > x", deaf(1, "pg_dump")),
            ("PGPASSWORD=x nice -n 5 pg_dump a | zstd -o x", deaf(1, "pg_dump")),
            ("set -euo pipefail\npg_dump app | gzip > x", heard(2, "pg_dump")),
            ("mysqldump a | gzip > x\n[ ${PIPESTATUS[0]} = 0 ]", heard(1, "mysqldump")),
            ("muster run d -- bash -c 'set -o pipefail; pg_dump a | gzip > x'", heard(1, "pg_dump")),
            ("bash -o pipefail -c 'pg_dump a | gzip > x'", heard(1, "pg_dump")),
            ("muster run d -- sh -c 'pg_dump a | gzip > x'", deaf(1, "pg_dump")),
            ("pg_dump -Fc app > x", vec![]),
            ("which pg_dump | cat", vec![]),
            ("pg_dump --version | grep 16", vec![]),
            ("echo 'pg_dump | gzip'", vec![]),
            ("gunzip < x | psql app", vec![]),
        ] {
            assert_eq!(dumps(script), found, "{script}");
        }
    }

    #[test]
    fn a_copied_file_is_found_behind_variables_and_cd() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let variables = BTreeMap::from([("DB".to_owned(), "/srv/a".to_owned())]);
        for (command, folder, file) in [
            ("cp -a /srv/a.db /backup/", "", Some("/srv/a.db")),
            ("cp ${DB}/x.sqlite3 /backup/", "", Some("/srv/a/x.sqlite3")),
            ("cp ./a.db /backup/", "/srv", Some("/srv/a.db")),
            ("cp a.db /backup/", "", None),
            ("cp /backup/x /srv/a.db", "", None),
            ("mv /srv/a.db /backup/", "", None),
            ("cp $OTHER/x.db /backup/", "", None),
        ] {
            assert_eq!(
                copied(&words(command), &variables, folder).first().map(String::as_str),
                file,
                "{command}"
            );
        }
    }
}
