//! Timers as systemd shows them, where it runs; their files are read with all units.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_host::discover::ask::ask;

use super::ground::Ground;
use super::{Collector, Put};
use crate::facts::Fact;
use crate::facts::timers::Timer;

pub(super) const COLLECTOR: Collector = Collector {
    name: "timers",
    within: Duration::from_millis(1_000),
    read,
    blind: |facts, why| facts.timers = Fact::unknown(why),
};

/// Most timers of one host.
const TIMERS: usize = 1_000;
/// Time for systemd to answer.
const ANSWER: Duration = Duration::from_millis(800);

/// What is asked of each timer.
const PROPERTIES: &str = "--property=Id,LoadState,ActiveState,NextElapseUSecRealtime,NextElapseUSecMonotonic";

fn read(ground: &Ground) -> Put {
    let timers = live(ground);
    Box::new(|facts| facts.timers = timers)
}

fn live(ground: &Ground) -> Fact<Vec<Timer>> {
    if !ground.live {
        return Fact::nothing("only files were read");
    }
    if !std::path::Path::new("/run/systemd/system").is_dir() {
        return Fact::nothing("this machine was not booted with systemd");
    }
    // systemd answers one after the other: where nobody wrote a timer it is not asked.
    if !super::units::FOLDERS.iter().any(|folder| has_timer(ground, folder)) {
        return Fact::nothing("nobody wrote a timer of their own");
    }
    match ask("systemctl", &["show", "--no-pager", PROPERTIES, "*.timer"], ANSWER) {
        Ok(answer) => Fact::Known(timers(&answer)),
        Err(why) => Fact::unknown(why),
    }
}

fn has_timer(ground: &Ground, folder: &str) -> bool {
    match ground.names(folder) {
        Ok(names) => names
            .into_iter()
            .flatten()
            .any(|(name, kind)| name.ends_with(".timer") && kind == rustix::fs::FileType::RegularFile),
        // Whether there is one cannot be seen: systemd knows.
        Err(_) => true,
    }
}

fn timers(answer: &str) -> Vec<Timer> {
    let blocks = answer
        .split("\n\n")
        .map(|block| block.lines().filter_map(|line| line.split_once('=')).collect::<BTreeMap<&str, &str>>());
    let mut timers: Vec<Timer> = blocks
        .map(|block| {
            let text = |key: &str| block.get(key).copied().unwrap_or_default();
            let never = |key: &str| ["", "n/a", "0", "infinity"].contains(&text(key));
            Timer {
                name: text("Id").to_owned(),
                loaded: text("LoadState").to_owned(),
                active: text("ActiveState").to_owned(),
                next: !(never("NextElapseUSecRealtime") && never("NextElapseUSecMonotonic")),
            }
        })
        .filter(|timer| !timer.name.is_empty() && timer.loaded != "not-found")
        .take(TIMERS)
        .collect();
    timers.sort_by(|one, other| one.name.cmp(&other.name));
    timers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemd_shows_is_read() {
        let answer = "Id=b.timer\nLoadState=loaded\nActiveState=active\nNextElapseUSecRealtime=Mon 2026-11-23 02:00:00 UTC\nNextElapseUSecMonotonic=infinity\n\nId=a.timer\nLoadState=bad-setting\nActiveState=inactive\nNextElapseUSecRealtime=n/a\nNextElapseUSecMonotonic=infinity\n\nId=c.timer\nLoadState=not-found\n";
        let timers = timers(answer);
        assert_eq!(timers.len(), 2);
        assert_eq!(
            (timers[0].name.as_str(), timers[0].loaded.as_str(), timers[0].next),
            ("a.timer", "bad-setting", false)
        );
        assert!(timers[1].next && super::timers("").is_empty());
    }
}
