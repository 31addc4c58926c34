//! Traps of containers as their engine runs them.

pub(super) mod database_inside;
pub(super) mod log_without_end;
pub(super) mod moving_tag;
pub(super) mod no_health;
pub(super) mod no_restart;
pub(super) mod old_image;
pub(super) mod open_database;
pub(super) mod takes_the_host;
pub(super) mod unhealthy;
pub(super) mod unready;

use super::answer::{Answer, Place};
use crate::facts::compose::ComposeFile;
use crate::facts::containers::{Container, Containers, Image};
use crate::facts::{Fact, Facts};

/// Judges each container, and passes on what could not be read.
pub(super) fn each(facts: &Facts, mut judge: impl FnMut(&Container, &mut Answer)) -> Answer {
    Answer::of(&facts.containers, |containers, answer| {
        for (what, why) in &containers.unseen {
            answer.blind(format!("{what}: {why}"));
        }
        for container in &containers.all {
            judge(container, answer);
        }
    })
}

/// Where what the engine says was seen.
pub(super) fn place(container: &Container) -> Place {
    Place::of(format!("docker inspect {}", container.name))
}

/// Judges each compose file, and passes on what could not be read.
fn each_file(facts: &Facts, mut judge: impl FnMut(&ComposeFile, &mut Answer)) -> Answer {
    Answer::of(&facts.compose, |compose, answer| {
        for (what, why) in &compose.unseen {
            answer.blind(format!("{what}: {why}"));
        }
        compose.files.iter().for_each(|file| judge(file, answer));
    })
}

/// Puts two looks together: there is nothing to judge only where neither found something.
pub(super) fn join(answer: &mut Answer, other: Answer) {
    answer.nothing = match (answer.nothing.take(), other.nothing) {
        (Some(one), Some(two)) => Some(format!("{one}; {two}")),
        _ => None,
    };
    answer.findings.extend(other.findings);
    for why in other.unknown {
        answer.blind(why);
    }
}

/// Containers of a fixture.
pub(super) fn tell(facts: &mut Facts, all: Vec<Container>) {
    facts.containers = Fact::Known(Containers {
        socket: "/var/run/docker.sock".to_owned(),
        version: "28.0.0".to_owned(),
        all,
        images: vec![Image { id: "sha256:1".to_owned(), pulled: true, ..Image::default() }],
        unseen: Vec::new(),
    });
}

/// It is a service of the operator's own: it runs, does not go when it ends, and no orchestrator keeps it.
fn is_service(container: &Container) -> bool {
    ["running", "restarting"].contains(&container.status.as_str())
        && !container.passing
        && !container.orchestrated
}
