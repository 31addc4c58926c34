//! Which scheduled commands make copies, take them away or try them, by the names of their programs. Where it is not clear
//! what a program copies it is taken to copy everything: who keeps copies in a way that we do not understand is not told
//! that there are none.

use muster_host::discover::blot::blot;
use muster_host::discover::command::{Reading, Script, basename};

use super::shell::{self, Pipeline};
use crate::facts::database::{Act, StoreKind, Tool};

/// Most commands that are told.
const TOOLS: usize = 1_000;
/// Programs that write a database out.
const DUMPS: [(&str, StoreKind); 14] = [
    ("pg_dump", StoreKind::Postgres),
    ("pg_dumpall", StoreKind::Postgres),
    ("pg_basebackup", StoreKind::Postgres),
    ("pg_receivewal", StoreKind::Postgres),
    ("pg_back", StoreKind::Postgres),
    ("autopostgresqlbackup", StoreKind::Postgres),
    ("mysqldump", StoreKind::Mysql),
    ("mariadb-dump", StoreKind::Mysql),
    ("mariabackup", StoreKind::Mysql),
    ("mariadb-backup", StoreKind::Mysql),
    ("xtrabackup", StoreKind::Mysql),
    ("mydumper", StoreKind::Mysql),
    ("automysqlbackup", StoreKind::Mysql),
    ("mongodump", StoreKind::Mongo),
];
/// Programs that keep copies of what their own files say, most often on another machine.
const KEEPS: [&str; 44] = [
    "restic",
    "resticprofile",
    "autorestic",
    "rustic",
    "borg",
    "borgmatic",
    "borgbackup",
    "duplicity",
    "duply",
    "duplicati-cli",
    "kopia",
    "rdiff-backup",
    "rsnapshot",
    "tarsnap",
    "backupninja",
    "backup-manager",
    "burp",
    "bacula-fd",
    "bareos-fd",
    "urbackupclientctl",
    "proxmox-backup-client",
    "vzdump",
    "pgbackrest",
    "barman",
    "wal-g",
    "wal-e",
    "pg_probackup",
    "litestream",
    "zfs",
    "syncoid",
    "sanoid",
    "zrepl",
    "btrbk",
    "btrfs",
    "snapper",
    "lvcreate",
    "timeshift",
    "dirvish",
    "bup",
    "attic",
    "rclone",
    "storebackup",
    "velero",
    "veeamconfig",
];
/// Programs that copy files by their paths.
const COPIES: [&str; 10] = ["rsync", "tar", "cp", "scp", "cpio", "zip", "7z", "7za", "unison", "dd"];
/// Programs that take files to another machine, whatever is said to them.
const SHIPS: [&str; 22] = [
    "ssh", "sftp", "lftp", "ftp", "ncftpput", "aws", "s3cmd", "s5cmd", "s4cmd", "mc", "gsutil", "gcloud",
    "az", "azcopy", "b2", "swift", "oci", "mail", "mutt", "git", "rclone", "lsyncd",
];
/// Programs that read a copy back.
const PROVES: [&str; 2] = ["pg_restore", "pg_verifybackup"];
/// What those that keep copies are told to read them back.
const TRIES: [&str; 10] = [
    "check",
    "verify",
    "restore",
    "recover",
    "extract",
    "backup-fetch",
    "wal-verify",
    "verify-backup",
    "cryptcheck",
    "restore-test",
];
/// Programs that take a dump in.
const TAKE_IN: [&str; 6] = ["psql", "mysql", "mariadb", "mongorestore", "sqlite3", "myloader"];
/// Parts of names that promise a copy.
const PROMISES: [&str; 5] = ["backup", "dump", "snapshot", "archive", "sicherung"];

/// Where a command stands.
pub(super) struct Place<'p> {
    pub(super) source: &'p str,
    pub(super) line: u32,
}

/// What the commands of a pipeline do with copies.
pub(super) fn of(
    place: &Place<'_>,
    pipeline: &Pipeline,
    filled: impl Fn(&str) -> String,
    tools: &mut Vec<Tool>,
) {
    let whole = pipeline.commands.join(" | ");
    for (number, command) in pipeline.commands.iter().enumerate() {
        let words: Vec<String> =
            command.split([' ', '\t', '\n', '"', '\'', '(', ')', '{', '}', '`']).map(&filled).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).filter(|word| !word.is_empty()).collect();
        // `echo` and `which` only speak of programs.
        if words.first().is_none_or(|first| ["echo", "which", "command", "type", "printf"].contains(first)) {
            continue;
        }
        for (act, program) in acts(&words, command, number > 0) {
            if tools.len() >= TOOLS {
                return;
            }
            let into = matches!(act, Act::Dumps(_)).then(|| into(&whole, &filled)).flatten();
            tools.push(Tool {
                source: place.source.to_owned(),
                line: Some(place.line),
                text: blot(&whole),
                program,
                act,
                paths: words.iter().filter_map(|word| path(word)).collect(),
                into,
            });
        }
    }
}

fn acts(words: &[&str], command: &str, behind_pipe: bool) -> Vec<(Act, String)> {
    let mut acts: Vec<(Act, String)> = Vec::new();
    let has = |wanted: &[&str]| words.iter().any(|word| wanted.contains(word));
    if has(&["--version", "--help", "-V"]) {
        return acts;
    }
    for word in words {
        let name = basename(word);
        let mut add = |act: Act| {
            if !acts.iter().any(|(known, _)| *known == act) {
                acts.push((act, name.to_owned()));
            }
        };
        if let Some((_, kind)) = DUMPS.iter().find(|(known, _)| *known == name) {
            add(Act::Dumps(*kind));
        }
        match name {
            "sqlite3"
                if command.contains(".backup")
                    || command.contains(".dump")
                    || command.to_ascii_lowercase().contains("vacuum into") =>
            {
                add(Act::Dumps(StoreKind::Sqlite));
            }
            "redis-cli"
                if has(&["--rdb", "bgsave", "BGSAVE", "save", "SAVE", "bgrewriteaof", "BGREWRITEAOF"]) =>
            {
                add(Act::Dumps(StoreKind::Redis));
            }
            "gzip" | "gunzip" | "zstd" | "xz" | "bzip2" if has(&["-t", "--test"]) => add(Act::Proves),
            "tar" if has(&["-t", "-tf", "tf", "tzf", "-tzf", "--list", "-x", "-xf", "-xzf", "xzf", "xf"]) => {
                add(Act::Proves)
            }
            "curl" | "wget"
                if has(&["-T", "--upload-file", "-F", "--post-file"])
                    || command.contains("--upload-file=") =>
            {
                add(Act::Ships);
            }
            name if KEEPS.contains(&name) => {
                // What borgmatic does by itself is its file's to say: a check is among it.
                let tries = has(&TRIES)
                    || name == "borgmatic"
                    || words.iter().any(|word| word.starts_with("--verify"));
                if tries {
                    add(Act::Proves);
                }
                if !tries || name == "borgmatic" {
                    add(Act::Keeps);
                }
            }
            name if COPIES.contains(&name) => {
                add(Act::Copies);
                if matches!(name, "rsync" | "scp" | "unison") && words.iter().any(|word| is_far(word)) {
                    add(Act::Ships);
                }
            }
            name if PROVES.contains(&name) => add(Act::Proves),
            name if TAKE_IN.contains(&name) && (behind_pipe || command.contains('<')) => add(Act::Proves),
            _ => {}
        }
        if SHIPS.contains(&name) {
            add(Act::Ships);
        }
    }
    if acts.is_empty() {
        let started = Reading::of(command).commands().first().and_then(|words| {
            let program = words.iter().find(|word| promises(word))?;
            Some(basename(program).to_owned())
        });
        acts.extend(started.filter(|_| !is_common(words)).map(|name| (Act::Named, name)));
    }
    acts
}

/// Commands that speak of copies and make none.
fn is_common(words: &[&str]) -> bool {
    let common = [
        "find",
        "mkdir",
        "rm",
        "ls",
        "cd",
        "chmod",
        "chown",
        "test",
        "[",
        "[[",
        "export",
        "gzip",
        "mv",
        "touch",
        "du",
        "logger",
        "mount",
        "umount",
        "source",
        ".",
        "set",
        "local",
        "readonly",
        "if",
        "for",
        "tee",
        "exit",
        "sync",
        "head",
        "tail",
        "wc",
        "stat",
        "sha256sum",
        "md5sum",
    ];
    words.first().is_none_or(|first| common.contains(&basename(first)) || first.contains('='))
}

fn promises(word: &str) -> bool {
    let name = basename(word).to_ascii_lowercase();
    !word.starts_with('-') && PROMISES.iter().any(|promise| name.contains(promise))
}

/// `host:path`, `user@host:path`, `rsync://…`.
fn is_far(word: &str) -> bool {
    let Some((host, _)) = word.split_once(':') else { return false };
    !host.is_empty() && !host.contains('/') && !word.starts_with('-')
}

fn path(word: &str) -> Option<String> {
    let word = word.trim_start_matches(['>', '<', '=']).trim_end_matches([';', ',']);
    let word = word.split_once('=').map_or(word, |(_, value)| value);
    (word.starts_with('/') && word.len() < 400).then(|| blot(word))
}

/// The file or folder that a dump goes into; what is only known at run time, and what comes after it, left out.
fn into(command: &str, filled: impl Fn(&str) -> String) -> Option<String> {
    let words: Vec<&str> = command.split_whitespace().collect();
    let options = [
        "-f",
        "--file",
        "-D",
        "--pgdata",
        "-r",
        "--result-file",
        "--target-dir",
        "-o",
        "--out",
        "--rdb",
        "--outputdir",
    ];
    let mut found = None;
    for (at, word) in words.iter().enumerate() {
        let next = || words.get(at + 1).copied();
        let told = match word.trim_start_matches(['1', '&']) {
            ">" | ">>" => next(),
            word if word.starts_with('>') && !word.contains('&') => Some(word.trim_start_matches('>')),
            word if options.contains(&word) => next(),
            word => word.split_once('=').filter(|(name, _)| options.contains(name)).map(|(_, value)| value),
        };
        let told = told.map(|told| filled(told.trim_matches(['"', '\''])));
        found = told.filter(|told| told.starts_with('/') && !told.starts_with("/dev/")).or(found);
    }
    // `.backup '/x'` stands in quotes of its own.
    let quoted = || {
        command
            .split(['\'', '"'])
            .map(&filled)
            .find(|part| part.starts_with('/') && command.contains(".backup"))
    };
    let whole = found.or_else(quoted)?;
    Some(match whole.split_once(['$', '`']) {
        None => blot(&whole),
        Some((known, _)) => match known.rsplit_once('/') {
            Some(("", _)) | None => return None,
            Some((folder, _)) => blot(folder),
        },
    })
}

/// What a program or a script promises by its name alone.
pub(super) fn by_name(path: &str) -> Option<Tool> {
    let name = basename(path);
    let act = match DUMPS.iter().find(|(known, _)| *known == name) {
        Some((_, kind)) => Act::Dumps(*kind),
        None if KEEPS.contains(&name) => Act::Keeps,
        None if promises(name) && !name.starts_with("dpkg") => Act::Named,
        None => return None,
    };
    Some(tool(path, None, String::new(), name, act))
}

/// What a script of another language speaks of, line by line.
pub(super) fn foreign(path: &str, bytes: &[u8]) -> Vec<Tool> {
    if bytes.contains(&0) {
        return by_name(path).into_iter().collect();
    }
    let text = String::from_utf8_lossy(bytes);
    let mut found = Vec::new();
    for (line, said) in (1..).zip(text.lines()).filter(|(_, said)| !said.trim_start().starts_with('#')) {
        let words: Vec<&str> = said
            .split(|letter: char| !(letter.is_ascii_alphanumeric() || "_-./:".contains(letter)))
            .collect();
        for (act, program) in acts(&words, said, false).into_iter().filter(|(act, _)| *act != Act::Named) {
            if found.len() < TOOLS {
                found.push(tool(path, Some(line), blot(said.trim()), &program, act));
            }
        }
    }
    found.extend(by_name(path));
    found
}

fn tool(source: &str, line: Option<u32>, text: String, program: &str, act: Act) -> Tool {
    let (source, program) = (source.to_owned(), program.to_owned());
    Tool { source, line, text, program, act, paths: Vec::new(), into: None }
}

/// Scripts that a script starts: by their whole path, or beside it where their folder is only known at run time.
pub(super) fn started(path: &str, text: &str) -> Vec<String> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut found = Vec::new();
    for pipeline in shell::pipelines(text) {
        for command in &pipeline.commands {
            match Reading::of(command).script() {
                Some(Script::Started(path) | Script::Interpreted(path)) if path.starts_with('/') => {
                    found.push(path)
                }
                _ => {}
            }
            let beside = command
                .split([' ', '\t', '"', '\''])
                .filter(|word| word.ends_with(".sh") && !word.starts_with('/'));
            found.extend(beside.map(|word| format!("{folder}/{}", basename(word))));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acts_of(script: &str) -> String {
        let mut tools = Vec::new();
        for pipeline in shell::pipelines(script) {
            of(&Place { source: "/x", line: 1 }, &pipeline, str::to_owned, &mut tools);
        }
        let told = |tool: &Tool| {
            let act = match tool.act {
                Act::Dumps(kind) => kind.word(),
                Act::Copies => "copies",
                Act::Keeps => "keeps",
                Act::Ships => "ships",
                Act::Proves => "proves",
                Act::Named => "named",
            };
            let into = tool.into.as_ref().map_or(String::new(), |into| format!(" into {into}"));
            format!("{}: {act}{into}", tool.program)
        };
        tools.iter().map(told).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn commands_are_told_by_what_they_do_with_copies() {
        for (script, acts) in [
            ("pg_dump shop | gzip > /backup/shop-$(date +%F).gz", "pg_dump: PostgreSQL into /backup"),
            (
                "docker exec db pg_dumpall -U a > /backup/all.sql",
                "pg_dumpall: PostgreSQL into /backup/all.sql",
            ),
            ("pg_dump -Fc -f /backup/a shop 2>/dev/null", "pg_dump: PostgreSQL into /backup/a"),
            ("mysqldump --result-file=/backup/a.sql shop", "mysqldump: MySQL into /backup/a.sql"),
            ("pg_dump shop | ssh b 'cat > /x'", "pg_dump: PostgreSQL into /x; ssh: ships"),
            ("sqlite3 /srv/a.db \".backup '/backup/a.db'\"", "sqlite3: SQLite into /backup/a.db"),
            ("restic -r sftp:b:/x backup /srv", "restic: keeps"),
            ("restic check --read-data-subset=5%", "restic: proves"),
            ("rsync -a /var/lib/mysql/ b:/backup/", "rsync: copies; rsync: ships"),
            ("rsync -a /srv /mnt/x", "rsync: copies"),
            ("aws s3 cp /backup s3://x", "aws: ships; cp: copies"),
            ("zcat /backup/a.gz | psql try", "psql: proves"),
            ("/usr/local/bin/backup-shop --all", "backup-shop: named"),
            ("find /backup -mtime +7 -delete", ""),
            ("echo pg_dump", ""),
            ("pg_dump --version", ""),
            ("certbot renew -q", ""),
        ] {
            assert_eq!(acts_of(script), acts, "{script}");
        }
    }

    #[test]
    fn scripts_are_followed_beside_themselves() {
        let text = "#!/bin/sh\n. \"$(dirname \"$0\")/lib.sh\"\n/opt/b/dump.sh now\n";
        assert_eq!(started("/opt/a/run", text), ["/opt/a/lib.sh", "/opt/b/dump.sh"]);
    }
}
