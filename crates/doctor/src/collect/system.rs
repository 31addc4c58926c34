//! Who keeps the clock and the zone, whom names are asked of, and whether upgrades come.

use std::io::{Read, Seek, SeekFrom};
use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use muster_core::time::Timestamp;
use muster_host::discover::ask::ask;

use super::ground::Ground;
use super::{Collector, Put, WITHIN};
use crate::facts::Fact;
use crate::facts::system::{Clock, Resolver, System, Upgrades};

pub(super) const COLLECTOR: Collector =
    Collector { name: "system", within: WITHIN, read, blind: |facts, why| facts.system = Fact::unknown(why) };

/// Programs that keep a clock, by what the kernel calls their process.
const KEEPERS: [&str; 5] = ["systemd-timesyn", "chronyd", "ntpd", "openntpd", "ptp4l"];
const UPGRADES: &str = "/var/log/unattended-upgrades/unattended-upgrades.log";
/// Bytes of a log that are read, from its end.
const TAIL: u64 = 64 << 10;
/// Most errors that are kept.
const ERRORS: usize = 5;

fn read(ground: &Ground) -> Put {
    let text = |path: &str| ground.read(path).ok().flatten().map(|text| text.lossy());
    let zone = ground.link("/etc/localtime");
    let system = System {
        clock: clock(ground),
        zone: zone.and_then(|link| link.split_once("zoneinfo/").map(|(_, zone)| zone.to_owned())),
        zone_file: text("/etc/timezone").map(|zone| zone.trim().to_owned()).filter(|zone| !zone.is_empty()),
        resolver: resolver(ground),
        restart: restart(ground),
        upgrades: upgrades(ground),
    };
    Box::new(|facts| facts.system = Fact::Known(system))
}

fn clock(ground: &Ground) -> Fact<Clock> {
    if !ground.live {
        return Fact::nothing("only files were read");
    }
    if ground.is_container() {
        return Fact::nothing("the clock belongs to the host of this container");
    }
    let uptime = muster_host::process::read_small("/proc/uptime").unwrap_or_default();
    let uptime = String::from_utf8_lossy(&uptime).split('.').next().and_then(|text| text.parse().ok());
    let mut keeper = None;
    for name in KEEPERS {
        match ground.runs(name) {
            Fact::Known(true) => keeper = keeper.or(Some(name.to_owned())),
            Fact::Known(false) => {}
            Fact::Unknown { why } | Fact::Nothing { why } => return Fact::unknown(why),
        }
    }
    let set = match keeper.as_deref() {
        // It makes this file when it has set the clock (systemd-timesyncd(8)).
        Some("systemd-timesyn") => Fact::Known(ground.exists("/run/systemd/timesync/synchronized")),
        Some("chronyd") => chrony(),
        Some(other) => Fact::unknown(format!("{other} was not asked")),
        None => Fact::nothing("nobody keeps it"),
    };
    Fact::Known(Clock { keeper, set, uptime: uptime.unwrap_or(0) })
}

fn chrony() -> Fact<bool> {
    match ask("chronyc", &["-c", "tracking"], Duration::from_secs(1)) {
        Ok(answer) => Fact::Known(!answer.trim().ends_with("Not synchronised")),
        Err(why) => Fact::unknown(why),
    }
}

fn resolver(ground: &Ground) -> Fact<Resolver> {
    const FILE: &str = "/etc/resolv.conf";
    let link = ground.link(FILE);
    // What a running host makes below /run is not in a tree of files.
    let made_later = link.as_ref().map_or(!ground.exists(FILE), |link| link.contains("run/"));
    if !ground.live && made_later {
        return Fact::nothing("only a running host has its name servers");
    }
    let text = match ground.read(FILE) {
        Ok(text) => text.map(|text| text.lossy()),
        Err(why) => return Fact::unknown(format!("{FILE}: {why}")),
    };
    let is_there = text.is_some();
    let found = servers(&text.unwrap_or_default());
    let stub = found.iter().any(|(_, server)| server == "127.0.0.53" || server == "127.0.0.54");
    let behind = stub.then(|| ground.read("/run/systemd/resolve/resolv.conf").ok().flatten()).flatten();
    let behind = behind.map(|text| servers(&text.lossy()).into_iter().map(|(_, server)| server).collect());
    Fact::Known(Resolver { link, is_there, servers: found, behind })
}

fn servers(text: &str) -> Vec<(u32, String)> {
    let server = |line: &str| {
        let mut words = line.split_whitespace();
        (words.next() == Some("nameserver")).then(|| words.next().map(str::to_owned)).flatten()
    };
    (1..).zip(text.lines()).filter_map(|(number, line)| Some((number, server(line)?))).collect()
}

fn restart(ground: &Ground) -> Fact<(Timestamp, Vec<String>)> {
    if !ground.live {
        return Fact::nothing("only files were read");
    }
    match ground.entry("/run/reboot-required") {
        Fact::Known(flag) => {
            let text = ground.read("/run/reboot-required.pkgs").ok().flatten();
            let text = text.map(|text| text.lossy()).unwrap_or_default();
            let mut packages: Vec<String> = text.lines().take(50).map(str::to_owned).collect();
            packages.sort();
            packages.dedup();
            Fact::Known((flag.modified, packages))
        }
        Fact::Unknown { why } => Fact::Unknown { why },
        Fact::Nothing { .. } => Fact::nothing("no restart is asked for"),
    }
}

fn upgrades(ground: &Ground) -> Fact<Upgrades> {
    let folder = "/etc/apt/apt.conf.d";
    let names = match ground.list(folder) {
        Ok(names) => names.unwrap_or_default(),
        Err(why) => return Fact::unknown(format!("{folder}: {why}")),
    };
    let mut asked = None;
    for name in names {
        let path = format!("{folder}/{name}");
        let text = ground.read(&path).ok().flatten().map(|text| text.lossy()).unwrap_or_default();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if let Some(value) = line.strip_prefix("APT::Periodic::Unattended-Upgrade") {
                let wanted = !matches!(value.trim().trim_end_matches(';').trim_matches('"'), "0" | "");
                asked = wanted.then(|| (path.clone(), number));
            }
        }
    }
    let Some(asked) = asked else {
        return Fact::nothing("nobody asked for upgrades that come by themselves");
    };
    let is_installed = ["/usr/bin/unattended-upgrade", "/usr/bin/unattended-upgrades"]
        .iter()
        .any(|path| ground.exists(path));
    let (last, errors) = match tail(ground) {
        Ok(text) => last_upgrade(&text),
        Err(why) => return Fact::unknown(why),
    };
    Fact::Known(Upgrades { asked, is_installed, last, errors })
}

fn tail(ground: &Ground) -> Result<String, String> {
    let folder = UPGRADES.rsplit_once('/').map_or(UPGRADES, |(folder, _)| folder);
    if let Err(why) = ground.list(folder) {
        return Err(format!("{folder}: {why}"));
    }
    let Some(mut log) = ground.large(UPGRADES) else { return Ok(String::new()) };
    let size = log.metadata().map_or(0, |about| about.len());
    let mut bytes = Vec::new();
    let sought = log.seek(SeekFrom::Start(size.saturating_sub(TAIL)));
    let read = sought.and_then(|_| log.take(TAIL).read_to_end(&mut bytes));
    read.map_err(|error| format!("{UPGRADES}: {error}"))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// When the last run began, and its errors.
fn last_upgrade(log: &str) -> (Option<Timestamp>, Vec<(u32, String)>) {
    let lines: Vec<&str> = log.lines().collect();
    let start = lines.iter().rposition(|line| line.contains("Starting unattended upgrades script"));
    let Some(start) = start else { return (None, Vec::new()) };
    let errors = (1..)
        .zip(&lines)
        .skip(start)
        .filter(|(_, line)| line.get(23..).is_some_and(|rest| rest.starts_with(" ERROR ")))
        .map(|(number, line)| (number, line.chars().take(300).collect()))
        .take(ERRORS)
        .collect();
    let civil: Option<DateTime> = lines[start].get(..19).and_then(|at| at.replacen(' ', "T", 1).parse().ok());
    let at = civil.and_then(|civil| civil.to_zoned(TimeZone::system()).ok());
    (at.map(|at| Timestamp::from_seconds(at.timestamp().as_second())), errors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_of_the_last_upgrade_count() {
        let log = "2026-11-01 06:00:00,001 INFO Starting unattended upgrades script\n\
                   2026-11-01 06:00:01,001 ERROR Lock could not be acquired\n\
                   2026-11-02 06:00:00,001 INFO Starting unattended upgrades script\n";
        let (at, errors) = last_upgrade(log);
        assert!(at.is_some() && errors.is_empty());
        let (_, errors) =
            last_upgrade(&format!("{log}2026-11-02 06:00:01,001 ERROR dpkg returned an error\n"));
        assert_eq!(errors.len(), 1);
    }
}
