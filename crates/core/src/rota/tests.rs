//! The rota in a world where the agent dies at any step, and single sentences.

use std::collections::{BTreeMap, BTreeSet};

use super::{CatchUp, Entry, Rota, StoredRota, Turn};
use crate::expectation::Rhythm;
use crate::ids::{ExpectationId, RunId, SignalId};
use crate::schedule::Schedule;
use crate::signal::{Ending, Outcome, Report, Signal};
use crate::time::{Now, Span, Timestamp};

/// 2026-11-21T00:00:00Z.
const MIDNIGHT: i64 = 1_795_219_200;
const BOOT: &str = "one";

fn id(name: &str) -> ExpectationId {
    ExpectationId::of("job", name).expect("valid")
}

fn at(minutes: u64) -> Now {
    after(Span::minutes(minutes))
}

fn after(span: Span) -> Now {
    Now { wall: Timestamp::from_seconds(MIDNIGHT) + span, uptime: Span::hours(1) + span }
}

fn entry(name: &str, rhythm: Rhythm, catch_up: CatchUp) -> Entry {
    Entry { about: id(name), rhythm, start_within: Span::minutes(5), catch_up, jitter: Span::ZERO }
}

fn cron(text: &str) -> Rhythm {
    Rhythm::Cron(Schedule::parse(text, "UTC").expect("valid"))
}

fn hourly(catch_up: CatchUp) -> Entry {
    entry("sync", cron("0 * * * *"), catch_up)
}

fn begun(plan: Vec<Entry>, at_once: usize) -> Rota {
    let mut rota = Rota::restore(None, BOOT, at(0));
    rota.expect(plan, at_once, at(0));
    rota.drained();
    rota
}

fn again(state: StoredRota, plan: Vec<Entry>, now: Now) -> Rota {
    let mut rota = Rota::restore(Some(state), BOOT, now);
    rota.expect(plan, 4, now);
    rota
}

fn signal(turn: &Turn, report: Report) -> Signal {
    let id = SignalId::new("s").expect("valid");
    Signal { id, about: turn.about.clone(), at: turn.due, run: Some(turn.run.clone()), report }
}

fn start() -> Report {
    Report::Start { process: None }
}

fn end() -> Report {
    Report::Success(Outcome::bare(Ending::Exit { code: 0 }))
}

/// Starts and ends everything that is issued, and says which slots that were, in minutes since midnight.
fn works_off(rota: &mut Rota, now: Now) -> Vec<i64> {
    let mut slots = Vec::new();
    rota.tick(now);
    while let Some(turn) = rota.issued().first().cloned() {
        slots.push((turn.due.seconds() - MIDNIGHT) / 60);
        rota.hear(&signal(&turn, start()));
        rota.hear(&signal(&turn, end()));
        rota.tick(now);
    }
    slots
}

#[test]
fn a_slot_is_issued_at_its_instant_and_once() {
    let mut rota = begun(vec![hourly(CatchUp::Once)], 4);
    assert_eq!(rota.next_deadline(), Some(at(60).wall));
    rota.tick(after(Span::millis(3_599_999)));
    assert!(rota.issued().is_empty());
    assert_eq!(works_off(&mut rota, at(60)), [60]);
    assert!(works_off(&mut rota, at(119)).is_empty());
}

#[test]
fn what_was_missed_is_caught_up_as_the_policy_says() {
    for (policy, minutes, slots) in [
        (CatchUp::Once, 315, vec![300]),
        (CatchUp::Skip, 315, vec![]),
        (CatchUp::Skip, 304, vec![300]),
        (CatchUp::All, 315, vec![60, 120, 180, 240, 300]),
    ] {
        let plan = vec![hourly(policy)];
        let state = begun(plan.clone(), 4).memory();
        let mut rota = again(state, plan, at(minutes));
        rota.tick(at(minutes));
        assert!(rota.issued().is_empty(), "what was spooled is not read yet");
        rota.drained();
        assert_eq!(works_off(&mut rota, at(minutes)), slots, "{policy:?}");
        assert_eq!(works_off(&mut rota, at(360)), [360], "{policy:?}");
    }
}

#[test]
fn a_year_is_caught_up_in_no_time_and_within_bounds() {
    for (policy, most) in [(CatchUp::Once, 1), (CatchUp::All, 50)] {
        let plan = vec![
            entry("tick", cron("* * * * *"), policy),
            entry("tock", Rhythm::Every(Span::seconds(1)), policy),
        ];
        let state = begun(plan.clone(), 4).memory();
        let now = at(365 * 24 * 60);
        let mut rota = again(state, plan, now);
        rota.drained();
        assert_eq!(works_off(&mut rota, now).len(), 2 * most);
    }
}

#[test]
fn no_more_run_at_once_than_may_and_the_others_wait_for_their_turn() {
    let plan: Vec<Entry> =
        (0..5).map(|n| entry(&format!("j{n}"), cron("0 * * * *"), CatchUp::Once)).collect();
    let mut rota = begun(plan, 2);
    rota.tick(at(60));
    let first = rota.issued();
    assert_eq!(first.len(), 2);
    rota.hear(&signal(&first[0], start()));
    rota.tick(at(61));
    assert_eq!(rota.issued().len(), 1, "one that runs holds its place");
    rota.hear(&signal(&first[0], end()));
    rota.tick(at(62));
    assert_eq!(rota.issued().len(), 2);
    rota.run_now(id("j0"), RunId::new("wish").expect("valid"), at(62));
    assert_eq!(rota.issued().len(), 3, "a person does not wait");
    rota.tick(at(120));
    assert_eq!(rota.memory().turns.iter().filter(|turn| turn.about == id("j4")).count(), 1, "waiting once");
}

#[test]
fn a_clock_that_is_put_back_starts_no_slot_again() {
    let plan = vec![
        entry("daily", cron("30 1 * * *"), CatchUp::Once),
        entry("often", Rhythm::Every(Span::minutes(20)), CatchUp::Once),
    ];
    let mut rota = begun(plan, 4);
    assert_eq!(works_off(&mut rota, at(91)), [90, 80]);
    let put_back = |minutes: u64| Now { wall: at(minutes - 60).wall, uptime: at(minutes).uptime };
    assert!(works_off(&mut rota, put_back(92)).is_empty());
    assert_eq!(works_off(&mut rota, put_back(101)), [40], "twenty minutes are twenty minutes");
    assert!(!works_off(&mut rota, put_back(152)).contains(&90), "half past one came twice");
    let state = rota.memory();
    let plan = vec![entry("daily", cron("30 1 * * *"), CatchUp::Once)];
    let mut rota = again(state, plan, Now { wall: at(30).wall, uptime: at(155).uptime });
    rota.drained();
    assert!(works_off(&mut rota, Now { wall: at(91).wall, uptime: at(216).uptime }).is_empty());
}

#[test]
fn a_clock_that_was_years_ahead_does_not_stop_a_job_for_years() {
    let mut rota = begun(vec![hourly(CatchUp::Once)], 4);
    let ahead = Now { wall: at(60).wall + Span::days(3650), uptime: at(1).uptime };
    assert!(works_off(&mut rota, ahead).is_empty(), "a large step starts afresh");
    let corrected = |minutes| at(minutes);
    assert!(works_off(&mut rota, corrected(2)).is_empty());
    assert_eq!(works_off(&mut rota, corrected(60)), [60]);
}

#[test]
fn a_night_of_changing_clocks_has_each_slot_once() {
    let berlin = |text: &str| Rhythm::Cron(Schedule::parse(text, "Europe/Berlin").expect("valid"));
    // From 2026-10-24 and 2026-03-28, noon in UTC.
    for (noon, shown) in [(1_792_843_200, "back"), (1_774_699_200, "forward")] {
        let mut now = Now { wall: Timestamp::from_seconds(noon), uptime: Span::ZERO };
        let mut rota = Rota::restore(None, BOOT, now);
        rota.expect(vec![entry("night", berlin("30 2 * * *"), CatchUp::Once)], 4, now);
        rota.drained();
        let mut count = 0;
        for _ in 0..24 * 60 {
            now = Now { wall: now.wall + Span::minutes(1), uptime: now.uptime + Span::minutes(1) };
            count += works_off(&mut rota, now).len();
        }
        assert_eq!(count, 1, "{shown}");
    }
}

#[test]
fn jitter_is_the_same_after_a_restart_and_differs_between_jobs() {
    let plan = |names: &[&str]| -> Vec<Entry> {
        names
            .iter()
            .map(|name| Entry { jitter: Span::minutes(10), ..entry(name, cron("0 * * * *"), CatchUp::Once) })
            .collect()
    };
    let delay = |name: &str| begun(plan(&[name]), 4).next_deadline().expect("due").since(at(60).wall);
    let delays: BTreeSet<Span> = ["a", "b", "c", "d", "e", "f"].map(delay).into();
    assert!(delays.len() == 6 && delays.iter().all(|delay| *delay < Span::minutes(10)), "{delays:?}");
    let rota = begun(plan(&["a"]), 4);
    let mut again = again(rota.memory(), plan(&["a"]), at(10));
    again.drained();
    assert_eq!(again.next_deadline(), rota.next_deadline());
}

#[test]
fn a_job_that_left_the_plan_is_not_started_and_one_with_another_rhythm_begins_with_its_next_slot() {
    let mut rota = begun(vec![hourly(CatchUp::All)], 4);
    rota.expect(vec![entry("sync", cron("30 * * * *"), CatchUp::All)], 4, at(45));
    assert_eq!(works_off(&mut rota, at(89)), [0; 0]);
    assert_eq!(works_off(&mut rota, at(90)), [90]);
    rota.expect(Vec::new(), 4, at(91));
    assert_eq!(rota.next_deadline(), None);
    assert!(works_off(&mut rota, at(600)).is_empty());
}

/// Numbers that follow from a seed (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn chance(&mut self, of_thousand: u64) -> bool {
        self.next() % 1000 < of_thousand
    }
}

/// Everything that outlives an agent.
#[derive(Default)]
struct World {
    stored: StoredRota,
    /// Processes that were started and have not claimed their run yet.
    racing: Vec<Turn>,
    claimed: BTreeSet<RunId>,
    ran: BTreeMap<(ExpectationId, Timestamp), u32>,
    going_on: Vec<Turn>,
    spool: Vec<Signal>,
}

impl World {
    /// What goes on whether or not there is an agent.
    fn pass(&mut self, random: &mut Random) {
        for turn in std::mem::take(&mut self.racing) {
            if random.chance(300) {
                self.racing.push(turn);
            } else if self.claimed.insert(turn.run.clone()) {
                *self.ran.entry((turn.about.clone(), turn.due)).or_insert(0) += 1;
                self.spool.push(signal(&turn, start()));
                self.going_on.push(turn);
            }
        }
        for turn in std::mem::take(&mut self.going_on) {
            if random.chance(400) {
                self.going_on.push(turn);
            } else {
                self.spool.push(signal(&turn, end()));
            }
        }
    }
}

#[test]
fn however_often_the_agent_dies_no_slot_runs_twice_and_none_is_lost() {
    let plan = vec![
        entry("all", cron("*/7 * * * *"), CatchUp::All),
        entry("every", Rhythm::Every(Span::minutes(3)), CatchUp::All),
        entry("once", cron("*/5 * * * *"), CatchUp::Once),
    ];
    for seed in 1..=300 {
        let mut random = Random(seed);
        let (mut world, mut minute, mut deaths) = (World::default(), 0, 0);
        world.stored = begun(plan.clone(), 2).memory();
        while minute < 600 {
            // One life. It may die between any two of these steps.
            let mut rota = again(world.stored.clone(), plan.clone(), at(minute));
            let mut children: BTreeSet<RunId> = BTreeSet::new();
            let mut read = false;
            loop {
                // The last hours are peaceful, so that all can come to its end.
                let mortal = minute < 420;
                macro_rules! may_die {
                    () => {
                        if mortal && random.chance(25) {
                            break;
                        }
                    };
                }
                minute += 1;
                world.pass(&mut random);
                for heard in std::mem::take(&mut world.spool) {
                    rota.hear(&heard);
                    // Heard and committed in one transaction, else it stays in the spool.
                    world.stored = rota.memory();
                }
                may_die!();
                if !read {
                    rota.drained();
                    read = true;
                }
                rota.tick(at(minute));
                may_die!();
                world.stored = rota.memory();
                may_die!();
                for turn in rota.issued() {
                    if !world.claimed.contains(&turn.run) && !children.contains(&turn.run) {
                        children.insert(turn.run.clone());
                        world.racing.push(turn);
                    }
                }
                may_die!();
                if minute >= 600 {
                    break;
                }
            }
            deaths += 1;
            minute += if minute < 420 { random.next() % 40 } else { 1 };
        }
        assert!(deaths > 1, "seed {seed}");
        for ((about, slot), times) in &world.ran {
            assert_eq!(*times, 1, "seed {seed}: {about} at {slot}");
        }
        let ran = |name: &str| -> Vec<i64> {
            let about = id(name);
            let slots = world.ran.keys().filter(|(job, _)| *job == about);
            // The very last may still be about to begin.
            slots.map(|(_, slot)| (slot.seconds() - MIDNIGHT) / 60).filter(|slot| *slot <= 580).collect()
        };
        let whole = |slots: Vec<i64>, step: i64, name: &str| {
            for pair in slots.windows(2) {
                assert_eq!(pair[1] - pair[0], step, "seed {seed}: {name}: {slots:?}");
            }
        };
        whole(ran("every"), 3, "every");
        let all: Vec<i64> =
            (0..10).flat_map(|hour| (0..60).step_by(7).map(move |minute| hour * 60 + minute)).collect();
        let seen = ran("all");
        assert_eq!(seen[..], all[1..=seen.len()], "seed {seed}");
        assert!(seen.len() > 80, "seed {seed}");
        let once = ran("once");
        assert!(once.iter().all(|slot| slot % 5 == 0) && once.last() == Some(&580), "seed {seed}: {once:?}");
    }
}
