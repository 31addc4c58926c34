//! Commands that insert rules: in scripts that run at boot or when a network comes up, in units and crontabs of the
//! operator, and in what those start.

use std::collections::BTreeSet;
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
    let mut started = BTreeSet::new();
    for file in files.iter().filter(|file| !is_brought(ground, file)) {
        let said = text(ground, filters, file);
        let starts = |line: &&str| match file.contains("/cron") {
            // Those that come again are no matter of the boot, but they restore as well.
            true => !line.trim_start().starts_with('#'),
            false => !file.starts_with("/etc/systemd") || line.trim_start().starts_with("Exec"),
        };
        let scripts = said.lines().filter(starts).flat_map(words).filter(|word| {
            HOMES.iter().any(|home| word.starts_with(home)) && !files.iter().any(|file| file == word)
        });
        started.extend(scripts.map(str::to_owned));
        commands(filters, file, &said);
    }
    for script in started.iter().take(SCRIPTS) {
        if let Some(said) = script_text(ground, script) {
            commands(filters, script, &said);
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
        let is_inner = said.starts_with([' ', '\t']) && !file.contains("/cron");
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
        if file.contains("/cron") {
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
            "@reboot root sleep 10 && iptables -I FORWARD -i docker0 -j ACCEPT\n@reboot root /sbin/iptables -L\n",
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
                (4, "iptables -A INPUT -j DROP", Some("sleep 5")),
            ]
        );
    }
}
