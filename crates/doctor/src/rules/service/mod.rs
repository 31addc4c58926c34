//! Traps in units of systemd, and in what supervisor and PM2 keep.

pub(super) mod before_network;
pub(super) mod crash_loop;
pub(super) mod failed;
pub(super) mod ignored_key;
pub(super) mod keys;
pub(super) mod missing_environment;
pub(super) mod no_linger;
pub(super) mod no_restart;
pub(super) mod nobody_told;
pub(super) mod not_enabled;
pub(super) mod not_reloaded;
pub(super) mod old_environment;
pub(super) mod pm2_forgets;
pub(super) mod supervisor_key;

use super::answer::{Answer, Place};
use crate::facts::services::{Services, State, Unit};
use crate::facts::{Fact, Facts};

/// Judges each unit that the operator wrote or added to, and passes on what could not be read.
pub(super) fn each_unit(facts: &Facts, mut judge: impl FnMut(&Services, &Unit, &mut Answer)) -> Answer {
    Answer::of(&facts.services, |services, answer| {
        // What users keep in their homes is another rule's.
        for (what, why) in services.unseen.iter().filter(|(what, _)| !what.contains("/.config/")) {
            answer.blind(format!("{what}: {why}"));
        }
        for unit in &services.units {
            judge(services, unit, answer);
        }
    })
}

/// Judges each service as systemd shows it.
fn each_state(facts: &Facts, mut judge: impl FnMut(&Services, &State, &mut Answer)) -> Answer {
    Answer::of(&facts.services, |services, answer| match &services.live {
        Fact::Known(states) => states.iter().for_each(|state| judge(services, state, answer)),
        Fact::Unknown { why } => answer.blind(why.clone()),
        Fact::Nothing { why } => answer.nothing = Some(why.clone()),
    })
}

/// Where what systemd says was seen.
fn shown(name: &str) -> Place {
    Place::of(format!("systemctl show {name}"))
}

/// Services of a fixture, as systemd shows them.
pub(super) fn tell(facts: &mut Facts, states: Vec<State>) {
    match &mut facts.services {
        Fact::Known(services) => services.live = Fact::Known(states),
        other => {
            *other = Fact::Known(Services {
                units: Vec::new(),
                live: Fact::Known(states),
                of_users: Vec::new(),
                unseen: Vec::new(),
            });
        }
    }
}

/// A service of a fixture that runs as it should.
pub(super) fn sound(name: &str) -> State {
    State {
        name: name.to_owned(),
        file: format!("/etc/systemd/system/{name}"),
        kind: "simple".to_owned(),
        active: "active".to_owned(),
        sub: "running".to_owned(),
        result: "success".to_owned(),
        file_state: "enabled".to_owned(),
        restart: "on-failure".to_owned(),
        wanted: true,
        pid: 100,
        ..State::default()
    }
}
