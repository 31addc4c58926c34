//! Who is expected in the simulation: twenty of all kinds.

use crate::expectation::{Expectation, Hearing, Level, Rhythm, Step};
use crate::ids::{ChannelName, ExpectationId};
use crate::maintenance::{Maintenance, Spell};
use crate::schedule::Schedule;
use crate::time::{Span, Timestamp};

use super::random::Random;

pub(super) const SIZE: usize = 20;

pub(super) fn id(place: usize) -> ExpectationId {
    ExpectationId::of("job", &format!("j{place:02}")).expect("valid")
}

pub(super) fn channel(name: &str) -> ChannelName {
    ChannelName::new(name).expect("valid")
}

thread_local! {
    static CRONS: Vec<Schedule> = ["*/5 * * * *", "0 * * * *", "7,37 * * * *", "30 2,14 * * *", "15 */2 * * *"]
        .iter()
        .zip(["UTC", "Europe/Berlin", "UTC", "America/New_York", "UTC"])
        .map(|(text, zone)| Schedule::parse(text, zone).expect("valid"))
        .collect();
    static UPKEEP: Vec<Schedule> = ["0 */3 * * *", "*/20 * * * *", "30 1 * * *", "10 4 * * 1-5", "45 * * * *"]
        .iter()
        .zip(["UTC", "UTC", "Europe/Berlin", "America/New_York", "UTC"])
        .map(|(text, zone)| Schedule::parse(text, zone).expect("valid"))
        .collect();
}

/// The verdicts on these are their reports and nothing else, so that the oracle can count them.
pub(super) fn is_counted(place: usize) -> bool {
    place % 10 == 9
}

/// One or two planned times, at least one of them soon.
fn maintenance(random: &mut Random, wall: Timestamp) -> Maintenance {
    let minutes = |random: &mut Random, low, high| Span::minutes(random.between(low, high) as u64);
    let mut spells = Vec::new();
    if random.chance(700) {
        let schedule = UPKEEP.with(|upkeep| upkeep[random.index(upkeep.len())].clone());
        let most = schedule.interval_hint(wall).as_millis() as i64 / 60_000;
        spells.push(Spell::Recurrent { schedule, lasts: minutes(random, 1, (most - 1).min(300)) });
    }
    if spells.is_empty() || random.chance(300) {
        let from = wall + minutes(random, 0, 2_880);
        spells.push(Spell::Once { from, until: from + minutes(random, 1, 600) });
    }
    Maintenance::new(spells).expect("it ends")
}

/// The place fixes what kind it is, the seed its numbers.
pub(super) fn expectation(place: usize, random: &mut Random, wall: Timestamp) -> Expectation {
    let minutes = |random: &mut Random, low, high| Span::minutes(random.between(low, high) as u64);
    let rhythm = match place % 5 {
        0..=2 => Rhythm::Every(minutes(random, 2, 40)),
        3 => Rhythm::Cron(CRONS.with(|crons| crons[random.index(crons.len())].clone())),
        _ => Rhythm::OnReport,
    };
    let start_within = Span::seconds(random.between(10, 400) as u64);
    let mut spec = Expectation::new(id(place), rhythm, start_within);
    spec.hearing = if place % 3 == 1 { Hearing::Direct } else { Hearing::Spooled };
    spec.notify = vec![channel("ops")];
    if random.chance(400) {
        spec.notify.push(channel("chat"));
    }
    if random.chance(400) {
        let after = minutes(random, 5, 30);
        spec.steps.push(Step { after, notify: vec![channel("phone")] });
        if random.chance(500) {
            let notify = vec![channel("chat"), channel("ops")];
            spec.steps.push(Step { after: after + minutes(random, 1, 90), notify });
        }
    }
    if random.chance(300) {
        spec.after = random.between(2, 4) as u32;
        spec.recover = random.between(1, 3) as u32;
    }
    if spec.after > 1 && random.chance(500) {
        spec.of = Some(spec.after + random.between(0, 6) as u32);
    }
    spec.skip_alert = random.between(1, 4) as u32;
    if random.chance(600) {
        spec.max_runtime = Some(minutes(random, 3, 30));
    }
    if random.chance(200) {
        spec.min_runtime = Some(Span::seconds(random.between(1, 20) as u64));
    }
    if random.chance(300) {
        spec.success_every = Some(minutes(random, 30, 300));
    }
    if random.chance(100) {
        spec.severity.failed = Level::Warn;
    }
    if random.chance(60) {
        spec.severity.missed = Level::Warn;
    }
    if random.chance(60) {
        spec.severity.missed = Level::Ignore;
    }
    if random.chance(300) {
        spec.severity.odd = if random.chance(500) { Level::Page } else { Level::Ignore };
    }
    if is_counted(place) {
        spec.after = random.between(2, 4) as u32;
        spec.of = Some(spec.after + random.between(1, 6) as u32);
        (spec.max_runtime, spec.min_runtime, spec.success_every) = (None, None, None);
        spec.severity.failed = Level::Page;
        spec.severity.odd = Level::Ignore;
    }
    if random.chance(250) {
        spec.maintenance = maintenance(random, wall);
    }
    if random.chance(300) && place > 0 {
        // One hop, and never a circle.
        spec.parents.push(id(random.index(place)));
        let other = id(random.index(place));
        if random.chance(400) && !spec.parents.contains(&other) {
            spec.parents.push(other);
        }
    }
    spec
}
