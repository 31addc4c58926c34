//! Which instants of a job are due since the last one, and what a stepped clock makes of them.

use serde::{Deserialize, Serialize};

use crate::expectation::Rhythm;
use crate::ids::{ExpectationId, RunId};
use crate::roll_call::is_wild;
use crate::time::{Span, Timestamp};

/// Instants of one look that are walked through at most.
const WALKED: usize = 10_000;
/// From here on a step is a correction and not a change of civil time, as in cron(8).
const LARGE_STEP: i64 = 3 * 3_600_000;

/// How far a job has come: no slot up to here is started again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// The last slot that was dealt with.
    pub(super) at: Timestamp,
    /// The rhythm that it belongs to, as text.
    pub(super) rhythm: String,
    /// How often its slots began again because the clock was put back.
    #[serde(default)]
    pub(super) rewinds: u16,
}

/// The first slot after `mark`; none if there is none or it cannot be computed, which the roll call tells.
pub(super) fn next(rhythm: &Rhythm, mark: Timestamp) -> Option<Timestamp> {
    match rhythm {
        Rhythm::Cron(schedule) => schedule.next_after(mark).ok(),
        Rhythm::Every(period) => Some(mark + (*period).max(Span::seconds(1))),
        Rhythm::OnReport | Rhythm::Unknown { .. } => None,
    }
}

/// The slots after `mark` up to `now`, oldest first, the last `most` of them.
pub(super) fn due(rhythm: &Rhythm, mark: Timestamp, now: Timestamp, most: usize) -> Vec<Timestamp> {
    if let Rhythm::Every(period) = rhythm {
        let period = (*period).max(Span::seconds(1));
        let gone = now.since(mark).as_millis() / period.as_millis();
        let first = gone.saturating_sub(most as u64) + 1;
        return (first..=gone).map(|n| mark + period.times(n)).collect();
    }
    // Backwards, because after a year there may be more slots than anybody would walk through.
    let mut back = Span::minutes(2);
    loop {
        let from = mark.max(now - back);
        let slots = walk(rhythm, from, now);
        if slots.len() >= most || from == mark {
            return slots[slots.len().saturating_sub(most)..].to_vec();
        }
        back = back.times(2);
    }
}

fn walk(rhythm: &Rhythm, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
    let first = next(rhythm, from);
    std::iter::successors(first, |slot| next(rhythm, *slot))
        .take_while(|slot| *slot <= to)
        .take(WALKED)
        .collect()
}

impl Mark {
    /// The clock was stepped by so many milliseconds and now shows `now`. A small step forward lets a job of a fixed time
    /// catch up and one back repeats none; jobs with a star in minute or hour follow the clock; a large step starts
    /// afresh (cron(8) of Debian, as in the roll call).
    pub(super) fn step(&mut self, rhythm: &Rhythm, step: i64, now: Timestamp) {
        match rhythm {
            Rhythm::Every(_) | Rhythm::OnReport | Rhythm::Unknown { .. } => self.at = self.at.shifted(step),
            Rhythm::Cron(schedule) if is_wild(schedule) || step.abs() >= LARGE_STEP => {
                self.at = now;
                if step < 0 {
                    self.rewinds = self.rewinds.wrapping_add(1);
                }
            }
            Rhythm::Cron(_) => {}
        }
    }
}

/// How much after its slots a job is started: the same each time and after each restart, different between jobs.
pub(super) fn delay(about: &ExpectationId, jitter: Span) -> Span {
    match jitter.as_millis() {
        0 => Span::ZERO,
        most => Span::millis(hash(&[about.as_str()]) % most),
    }
}

/// The run of a slot; the same however often it is asked.
pub(super) fn run_of(about: &ExpectationId, slot: Timestamp, rewinds: u16) -> Option<RunId> {
    let mut stamp: String = slot.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
    stamp.truncate(stamp.trim_end_matches('Z').len());
    let millis = slot.millis().rem_euclid(1000);
    let mark = hash(&[about.as_str(), &slot.millis().to_string(), &rewinds.to_string()]) & 0xffff_ffff;
    RunId::new(format!("{stamp}.{millis:03}Z-{mark:08x}")).ok()
}

/// FNV-1a, with the bits mixed: the same in every build.
fn hash(texts: &[&str]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for text in texts {
        for byte in text.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}
