//! Traps in timers of systemd that the operator wrote.

mod calendar;
pub(super) mod not_caught_up;
pub(super) mod not_firing;

use super::answer::Answer;
use super::service::each_unit;
use crate::facts::Facts;
use crate::facts::services::{Services, Unit};

/// Judges each timer that the operator wrote; a template fires only by its instances.
fn each_timer(facts: &Facts, mut judge: impl FnMut(&Services, &Unit, &mut Answer)) -> Answer {
    each_unit(facts, |services, unit, answer| {
        if unit.own && unit.name.ends_with(".timer") && !unit.name.contains('@') {
            judge(services, unit, answer);
        }
    })
}
