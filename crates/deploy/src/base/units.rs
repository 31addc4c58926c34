//! Units of systemd that start with the host and run now.

use std::time::Duration;

use super::record::{Made, Record};
use super::{MOMENT, Standing, holds, is_plain, run};
use crate::program::Ended;
use crate::trouble::Trouble;

/// The longest that starting a unit may take: an engine sets up its network first.
const START: Duration = Duration::from_secs(120);

/// How a unit is.
struct State {
    enabled: bool,
    active: bool,
    there: bool,
}

fn state(name: &str) -> Result<State, Trouble> {
    if !is_plain(name) {
        return Err(Trouble::new(format!("{name:?} is no name of a unit")));
    }
    let words = ["systemctl", "show", "--property=LoadState,UnitFileState,ActiveState", "--", name];
    let said = run(&words, &[], MOMENT).and_then(Ended::good)?;
    let said = String::from_utf8_lossy(&said).into_owned();
    let is = |line: &str| said.lines().any(|one| one.trim() == line);
    let begins = ["enabled", "static", "alias", "indirect", "generated"];
    Ok(State {
        enabled: begins.iter().any(|word| is(&format!("UnitFileState={word}"))),
        active: is("ActiveState=active"),
        there: is("LoadState=loaded"),
    })
}

pub(super) fn look(name: &str, proof: &[String]) -> Result<Standing, Trouble> {
    let State { enabled, active, there } = state(name)?;
    Ok(match (there, enabled, active) {
        (true, true, true) => Standing::There,
        // Somebody runs it in another way.
        (false, ..) if holds(proof) => Standing::There,
        (true, true, false) => Standing::Missing("started".to_owned()),
        (true, false, true) => Standing::Missing("enabled".to_owned()),
        (..) => Standing::Missing("enabled and started".to_owned()),
    })
}

pub(super) fn make(name: &str, record: &mut Record) -> Result<(), Trouble> {
    // Its file may have come a moment ago.
    reload()?;
    let State { enabled, active, .. } = state(name)?;
    record.add(Made::Unit { name: name.to_owned(), enabled, active })?;
    run(&["systemctl", "enable", "--now", "--", name], &[], START)
        .and_then(Ended::good)
        .map(drop)
        .map_err(|trouble| trouble.help(format!("systemctl status {name}; journalctl -u {name} -n 50")))
}

/// Makes a unit as it was.
pub(super) fn take_back(name: &str, was_enabled: bool, was_active: bool) -> Result<(), Trouble> {
    let now = state(name)?;
    let tell = |words: &[&str]| run(words, &[], START).and_then(Ended::good).map(drop);
    if now.there && now.enabled && !was_enabled {
        tell(&["systemctl", "disable", "--", name])?;
    }
    if now.active && !was_active {
        tell(&["systemctl", "stop", "--", name])?;
    }
    Ok(())
}

/// systemd reads the files of units again.
pub(super) fn reload() -> Result<(), Trouble> {
    run(&["systemctl", "daemon-reload"], &[], MOMENT).and_then(Ended::good).map(drop)
}

/// Has a unit run the program that is there now, if it runs.
pub(super) fn renew(name: &str) -> Result<(), Trouble> {
    run(&["systemctl", "try-restart", "--", name], &[], START).and_then(Ended::good).map(drop)
}

/// Whether it runs.
pub(super) fn runs(name: &str) -> bool {
    state(name).is_ok_and(|state| state.active)
}
