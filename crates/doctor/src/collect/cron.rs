//! Crontabs, the folders of scripts that they run, and the daemon behind them. What a line refers to is looked at as well.

use std::time::Duration;

use muster_host::discover::ask::ask;
use muster_host::discover::blot::blot;
use muster_host::discover::command::{Reading, Script as Work};
use muster_host::discover::crontab::{self, Daemon, Dialect};
use muster_host::discover::{FOLDERS, daemon, five_fields, ignored_name, spool};

use super::ground::{Ground, Text};
use super::{Collector, Put, WITHIN};
use crate::facts::Fact;
use crate::facts::cron::{Cron, Line, Script, Table};

pub(super) const COLLECTOR: Collector =
    Collector { name: "cron", within: WITHIN, read, blind: |facts, why| facts.cron = Fact::unknown(why) };

/// Most crontabs of one host.
const TABLES: usize = 1_000;

/// Folders in which cron looks for programs (crontab(5)), and those that jobs name in a `PATH` of their own are added.
pub(crate) const PATH: &str = "/usr/bin:/bin";

/// Programs that take a job's mail.
const SENDMAIL: [&str; 2] = ["/usr/sbin/sendmail", "/usr/lib/sendmail"];

fn read(ground: &Ground) -> Put {
    let daemon = daemon(|path| ground.exists(path));
    let mut cron = Cron {
        daemon,
        running: running(ground),
        enabled: enabled(ground),
        sendmail: sendmail(ground),
        tables: Vec::new(),
        scripts: Vec::new(),
        wrappers: Vec::new(),
        unseen: Vec::new(),
    };
    if daemon != Daemon::Busybox {
        add(ground, &mut cron, "/etc/crontab", None);
        for name in list(ground, &mut cron, "/etc/cron.d") {
            // What an upgrade put aside is nobody's job, and cron passes over it.
            if ignored_name(&name, daemon).is_some_and(|why| why.starts_with("left over")) {
                continue;
            }
            add(ground, &mut cron, &format!("/etc/cron.d/{name}"), None);
        }
    }
    let blind = cron.unseen.len();
    let spool = spool(daemon);
    for name in list(ground, &mut cron, spool) {
        // Unfinished edits of crontab(1).
        if !name.starts_with("tmp.") {
            add(ground, &mut cron, &format!("{spool}/{name}"), Some(&name));
        }
    }
    if cron.unseen.len() > blind && ground.live {
        own(ground, &mut cron);
    }
    for folder in FOLDERS {
        for name in list(ground, &mut cron, folder) {
            let path = format!("{folder}/{name}");
            if let Fact::Known(entry) = ground.entry(&path)
                && entry.kind == crate::facts::files::Kind::File
            {
                cron.scripts.push(Script { package: entry.package, mode: entry.mode, path });
            }
        }
    }
    super::targets::look(ground, &mut cron);
    let is_there = !cron.tables.is_empty() || !cron.scripts.is_empty() || !cron.unseen.is_empty();
    let cron = match is_there {
        true => Fact::Known(cron),
        false => Fact::nothing("there are no crontabs"),
    };
    Box::new(|facts| facts.cron = cron)
}

fn list(ground: &Ground, cron: &mut Cron, folder: &str) -> Vec<String> {
    match ground.list(folder) {
        Ok(names) => names.unwrap_or_default(),
        Err(why) => {
            cron.unseen.push((folder.to_owned(), why));
            Vec::new()
        }
    }
}

/// A process of that name, by what the kernel calls it.
fn running(ground: &Ground) -> Fact<bool> {
    if !ground.live {
        return Fact::nothing("only files were read");
    }
    let Ok(entries) = std::fs::read_dir("/proc") else { return Fact::unknown("/proc cannot be read") };
    let is_cron = |pid: &str| {
        let comm = muster_host::process::read_small(&format!("/proc/{pid}/comm")).unwrap_or_default();
        matches!(comm.as_slice().trim_ascii(), b"cron" | b"crond" | b"busybox" | b"fcron" | b"systemd-cron")
    };
    let found = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        .any(|pid| is_cron(&pid));
    Fact::Known(found)
}

/// A unit of cron that the host starts by itself.
fn enabled(ground: &Ground) -> Fact<bool> {
    const UNITS: [&str; 3] = ["cron.service", "crond.service", "cronie.service"];
    if ground.live && !ground.exists("/run/systemd/system") {
        return Fact::nothing("systemd does not run here");
    }
    let folders = ["/usr/lib/systemd/system", "/lib/systemd/system"];
    let is_unit = |unit: &&&str| folders.iter().any(|folder| ground.exists(&format!("{folder}/{unit}")));
    match UNITS.iter().find(is_unit) {
        None => Fact::nothing("cron has no unit here"),
        Some(unit) => {
            Fact::Known(ground.exists(&format!("/etc/systemd/system/multi-user.target.wants/{unit}")))
        }
    }
}

fn sendmail(ground: &Ground) -> Fact<String> {
    match SENDMAIL
        .iter()
        .find(|path| matches!(ground.entry(path), Fact::Known(entry) if entry.mode & 0o111 != 0))
    {
        Some(path) => Fact::Known((*path).to_owned()),
        None => Fact::nothing("there is no program that takes mail"),
    }
}

/// The crontab of the user that we are: crontab(1) may read it where we may not.
fn own(ground: &Ground, cron: &mut Cron) {
    let within = Duration::from_secs(1);
    let Ok(answer) = ask("crontab", &["-l"], within) else { return };
    let user = muster_host::user::own();
    let text = Text { bytes: answer.into_bytes(), mode: 0, uid: 0 };
    let path = format!("crontab of {user}");
    let table =
        table(ground, cron.daemon, &path, Some(&user), &text, Fact::unknown("only crontab(1) may read it"));
    cron.tables.push(table);
}

fn add(ground: &Ground, cron: &mut Cron, path: &str, owner: Option<&str>) {
    if cron.tables.len() >= TABLES {
        if cron.tables.len() == TABLES {
            cron.unseen.push((path.to_owned(), format!("more than {TABLES} crontabs")));
        }
        return;
    }
    match ground.read(path) {
        Ok(Some(text)) => {
            let access = Fact::Known((text.mode, text.uid));
            let table = table(ground, cron.daemon, path, owner, &text, access);
            cron.tables.push(table);
        }
        Ok(None) => {}
        Err(why) => cron.unseen.push((path.to_owned(), why)),
    }
}

fn table(
    ground: &Ground,
    daemon: Daemon,
    path: &str,
    owner: Option<&str>,
    text: &Text,
    access: Fact<(u32, u32)>,
) -> Table {
    let read = crontab::parse(&text.bytes, Dialect { daemon, user_column: owner.is_none() });
    let starts = starts(&text.bytes);
    let place = |line: usize| starts.get(line.saturating_sub(1)).cloned().unwrap_or(0..0);
    let lines = read.entries.iter().map(|entry| {
        let range = place(entry.line);
        let raw = &text.bytes[range.start..range.end];
        let at = find(raw, entry.command.as_bytes()).map_or(range.end, |at| range.start + at);
        line(ground, entry, range.start, at, &text.bytes[at..range.end.max(at)])
    });
    Table {
        lines: lines.collect(),
        path: path.to_owned(),
        owner: owner.map(str::to_owned),
        access,
        package: ground.package(path),
        size: text.bytes.len() as u64,
        finished: !read.unfinished,
        carriage_returns: text.bytes.windows(2).any(|pair| pair == b"\r\n"),
        settings: settings(&text.bytes, &read),
        faults: read.faults.into_iter().map(|fault| (number(fault.line), fault.what)).collect(),
    }
}

fn line(ground: &Ground, entry: &crontab::Entry, begins: usize, at: usize, raw: &[u8]) -> Line {
    let reading = Reading::of(&entry.shell);
    for reading in std::iter::once(reading.wrapped()).flatten().chain([reading]) {
        if let Some(Work::Started(path) | Work::Interpreted(path)) = reading.script() {
            ground.entry(&path);
        }
        for words in reading.commands() {
            let word = &words[0];
            if word.starts_with('/') && !word.contains(['$', '*', '?', '`']) {
                ground.entry(word);
            }
        }
    }
    let percents =
        if entry.cut { bare_percents(raw).map(|offset| (at + offset) as u64).collect() } else { Vec::new() };
    Line {
        line: number(entry.line),
        begins: begins as u64,
        at: at as u64,
        cron: five_fields(&entry.schedule).0,
        schedule: entry.schedule.clone(),
        user: entry.user.clone(),
        command: blot(&entry.command),
        shell: blot(&entry.shell),
        percents,
    }
}

/// `%` without a backslash before it.
fn bare_percents(raw: &[u8]) -> impl Iterator<Item = usize> {
    raw.iter()
        .enumerate()
        .filter(|(at, byte)| **byte == b'%' && (*at == 0 || raw[at - 1] != b'\\'))
        .map(|(at, _)| at)
}

/// Settings with their lines. The parser has read them; here they only get their places back.
fn settings(bytes: &[u8], read: &crontab::Crontab) -> Vec<(u32, String, String)> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = (1_u32..).zip(text.lines());
    let mut placed = Vec::new();
    for (name, value) in &read.settings {
        let found = lines.find(|(_, line)| {
            line.split_once('=').is_some_and(|(key, _)| key.trim().trim_matches(['"', '\'']) == name)
        });
        let said = format!("{name}={value}");
        let shown = blot(&said).split_once('=').map_or_else(|| value.clone(), |(_, value)| value.to_owned());
        placed.push((found.map_or(0, |(line, _)| line), name.clone(), shown));
    }
    placed
}

/// Where each line begins and ends, its newline left out.
fn starts(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut at = 0;
    bytes
        .split(|byte| *byte == b'\n')
        .map(|line| {
            let range = at..at + line.len();
            at += line.len() + 1;
            range
        })
        .collect()
}

fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    if needle.is_empty() {
        return None;
    }
    hay.windows(needle.len()).rposition(|window| window == needle)
}

fn number(line: usize) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX)
}
