//! Commands that insert rules: in scripts that run at boot or when a network comes up, in units and crontabs of the
//! operator, and in what those start.

use std::collections::BTreeMap;
use std::io::Read;

use muster_host::discover::blot::blot;

use super::super::ground::Ground;
use super::{line, text};
use crate::facts::filters::{Filters, Insertion};

/// Files in which commands stand.
const FILES: [&str; 6] = [
    "/etc/rc.local",
    "/etc/crontab",
    "/etc/network/interfaces",
    "/etc/ufw/before.init",
    "/etc/ufw/after.init",
    "/etc/firewall.sh",
];
/// Folders of such files.
const FOLDERS: [&str; 12] = [
    "/etc/network/interfaces.d",
    "/etc/network/if-pre-up.d",
    "/etc/network/if-up.d",
    "/etc/networkd-dispatcher/routable.d",
    "/etc/networkd-dispatcher/configured.d",
    "/etc/NetworkManager/dispatcher.d",
    "/etc/wireguard",
    "/etc/openvpn",
    "/etc/cron.d",
    "/var/spool/cron/crontabs",
    "/etc/systemd/system",
    "/etc/init.d",
];
/// Where scripts of the operator stand.
const HOMES: [&str; 7] = ["/usr/local/", "/opt/", "/srv/", "/root/", "/home/", "/etc/", "/var/lib/"];
/// Most scripts that are followed.
const SCRIPTS: usize = 100;
/// Most bytes of one of them.
const SCRIPT: u64 = 64 << 10;
/// Most commands of one host.
const COMMANDS: usize = 400;
const PROGRAMS: [&str; 8] = [
    "iptables",
    "ip6tables",
    "iptables-restore",
    "ip6tables-restore",
    "iptables-nft",
    "iptables-legacy",
    "nft",
    "ufw",
];

pub(super) fn read(ground: &Ground, filters: &mut Filters) {
    let mut files: Vec<String> = FILES.map(str::to_owned).into();
    for folder in FOLDERS {
        match ground.list(folder) {
            Ok(names) => {
                files.extend(names.unwrap_or_default().iter().map(|name| format!("{folder}/{name}")))
            }
            Err(why) => filters.unseen.push((folder.to_owned(), why)),
        }
    }
    // Scripts, and whether something starts them at boot.
    let mut started: BTreeMap<String, bool> = BTreeMap::new();
    for file in files.iter().filter(|file| !is_brought(ground, file)) {
        let said = text(ground, filters, file);
        let starts = |line: &&str| match is_crontab(file) {
            true => !line.trim_start().starts_with('#'),
            false => !file.starts_with("/etc/systemd") || line.trim_start().starts_with("Exec"),
        };
        for line in said.lines().filter(starts) {
            let scripts = words(line).filter(|word| {
                HOMES.iter().any(|home| word.starts_with(home)) && !files.iter().any(|file| file == word)
            });
            for script in scripts {
                *started.entry(script.to_owned()).or_default() |= is_at_boot(file, line);
            }
        }
        commands(filters, file, &said);
    }
    for (script, boot) in started.iter().take(SCRIPTS) {
        let Some(said) = script_text(ground, script) else { continue };
        let before = filters.scripts.len();
        commands(filters, script, &said);
        if !boot {
            // What comes again restores as well, and its pauses are its own matter.
            filters.scripts.iter_mut().skip(before).for_each(|one| one.after = None);
        }
    }
}

/// What a script says; none where it is a program of another sort, which may be large.
fn script_text(ground: &Ground, path: &str) -> Option<String> {
    let mut file = ground.large(path)?;
    let mut bytes = vec![0; 2];
    file.read_exact(&mut bytes).ok()?;
    if bytes != b"#!" {
        return None;
    }
    file.take(SCRIPT).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Scripts that a package brought run whatever else stands there, and insert nothing of the operator's.
fn is_brought(ground: &Ground, file: &str) -> bool {
    file.starts_with("/etc/init.d/") && ground.package(file).is_some()
}

fn is_crontab(file: &str) -> bool {
    file.contains("/cron")
}

/// A line of a crontab that comes again is none of the boot.
fn is_at_boot(file: &str, line: &str) -> bool {
    !is_crontab(file) || line.trim_start().starts_with("@reboot")
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|letter: char| letter.is_whitespace() || "=;&|()\"'`+!@".contains(letter))
        .filter(|word| word.starts_with('/'))
}

/// The commands of one text.
fn commands(filters: &mut Filters, file: &str, text: &str) {
    let mut slept: Option<String> = None;
    // A pause inside a loop or a branch is another story than one before everything.
    let mut loops = false;
    for (number, said) in (1..).zip(text.lines()) {
        let is_inner = said.starts_with([' ', '\t']) || !is_at_boot(file, said);
        let said = said.trim();
        loops |= ["while ", "until ", "for "].iter().any(|word| said.starts_with(word));
        if said.starts_with(['#', ';']) {
            continue;
        }
        // Commands of one line, in their order.
        for part in said.split([';', '&', '|']) {
            let words: Vec<&str> = part.split_whitespace().collect();
            if let Some(at) = words.iter().position(|word| is_program(word, "sleep"))
                && let Some(time) = words.get(at + 1)
                && !is_inner
                && !loops
            {
                slept = Some(format!("sleep {time}"));
            }
            if words.iter().any(|word| PROGRAMS.iter().any(|program| is_program(word, program)))
                && filters.scripts.len() < COMMANDS
            {
                let at = line(file, number, &blot(part.trim()));
                filters.scripts.push(Insertion { at, after: slept.clone() });
            }
        }
        // Each line of a crontab and of a unit is a story of its own.
        if is_crontab(file) {
            slept = None;
        }
    }
}

/// The program by its name or path, with what a unit puts before it.
fn is_program(word: &str, program: &str) -> bool {
    let word =
        word.trim_start_matches(['@', '-', '+', '!', '"', '\'', '(', '{']).trim_end_matches(['"', '\'']);
    let word = word.strip_prefix("ExecStart=").or_else(|| word.strip_prefix("ExecStartPre=")).unwrap_or(word);
    let word = word.strip_prefix("ExecStartPost=").unwrap_or(word);
    word.rsplit('/').next() == Some(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_before_a_rule_is_seen() {
        let mut filters = Filters::default();
        commands(
            &mut filters,
            "/etc/cron.d/fw",
            "@reboot root sleep 10 && iptables -I FORWARD -i docker0 -j ACCEPT\n@reboot root /sbin/iptables -L\n\
             0 3 * * * root sleep 9; iptables -I INPUT -s 192.0.2.1 -j DROP\n",
        );
        commands(&mut filters, "/x.sh", "#!/bin/sh\nsleep 5\n# iptables -F\niptables -A INPUT -j DROP\n");
        let seen: Vec<_> = filters
            .scripts
            .iter()
            .map(|one| (one.at.line, one.at.text.as_str(), one.after.as_deref()))
            .collect();
        assert_eq!(
            seen,
            [
                (1, "iptables -I FORWARD -i docker0 -j ACCEPT", Some("sleep 10")),
                (2, "@reboot root /sbin/iptables -L", None),
                (3, "iptables -I INPUT -s 192.0.2.1 -j DROP", None),
                (4, "iptables -A INPUT -j DROP", Some("sleep 5")),
            ]
        );
    }
}
