//! Whether a service still has the settings that its files have. Values are compared in here and go nowhere.

use std::collections::BTreeMap;
use std::io::Read;

use muster_core::time::Timestamp;

use super::ground::Ground;
use super::ini;
use crate::facts::services::Unit;

/// Most bytes of one environment.
const LIMIT: u64 = 1 << 20;

/// Variables that the files of a unit set otherwise than its process was given them; none where that cannot be seen.
pub(super) fn outdated(ground: &Ground, unit: &Unit, pid: u32) -> Option<Vec<String>> {
    let mut wanted: BTreeMap<String, String> = BTreeMap::new();
    let mut younger = false;
    let started = started(pid);
    for (_, setting) in unit.all("Service", "EnvironmentFile") {
        let path = setting.value.trim_start_matches('-');
        match ground.read(path) {
            Ok(Some(text)) => {
                wanted.extend(variables(&text.lossy()));
                younger |= ground.entry(path).known().is_some_and(|entry| Some(entry.modified) > started);
            }
            Ok(None) => {}
            Err(_) => return None,
        }
    }
    // What a wrapper sets otherwise before it starts the program is as it should be.
    if !younger || started.is_none() {
        return Some(Vec::new());
    }
    let mut given = Vec::new();
    let file = std::fs::File::open(format!("/proc/{pid}/environ")).ok()?;
    file.take(LIMIT).read_to_end(&mut given).ok()?;
    let given: BTreeMap<String, String> = given
        .split(|byte| *byte == 0)
        .filter_map(|pair| {
            let (name, value) = std::str::from_utf8(pair).ok()?.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        })
        .collect();
    // A process that wrote its title over its environment shows none of it.
    if given.is_empty() {
        return None;
    }
    let differs = wanted.into_iter().filter(|(name, value)| given.get(name) != Some(value));
    Some(differs.map(|(name, _)| name).collect())
}

/// When a process was started.
fn started(pid: u32) -> Option<Timestamp> {
    let now = muster_host::clock::now();
    let booted = now.wall.millis().saturating_sub_unsigned(now.uptime.as_millis());
    let ticks = rustix::param::clock_ticks_per_second().max(1);
    let age =
        i64::try_from(muster_host::process::stat(pid).ok()?.started.saturating_mul(1000) / ticks).ok()?;
    Some(Timestamp::from_millis(booted.saturating_add(age)))
}

/// Plain assignments of an environment file; those with escapes or open quotes are left out, not guessed.
fn variables(text: &str) -> Vec<(String, String)> {
    let one = |line: &str| {
        let (name, value) = line.trim().split_once('=')?;
        let value = value.trim();
        let quoted = |quote: char| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
        let value = quoted('"').or_else(|| quoted('\'')).unwrap_or(value);
        let plain = ini::is_name(name.trim()) && !value.contains(['\\', '"', '\'']);
        plain.then(|| (name.trim().to_owned(), value.to_owned()))
    };
    let mut found: Vec<(String, String)> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        let goes_on = line.trim_end().ends_with('\\');
        if !open
            && !goes_on
            && let Some(one) = one(line)
        {
            found.push(one);
        }
        open = goes_on;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_variables_are_compared() {
        let text = "# A=1\nB=2\nC=\"two words\"\nD=a\\\n E=3\nF='x'\nG=a\\nb\n";
        let names: Vec<String> = variables(text).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["B", "C", "F"]);
    }
}
