use std::collections::BTreeMap;

use super::{Round, Rounds, Turn};
use crate::effect::Verdict;
use crate::ids::ExpectationId;
use crate::look::Look;
use crate::time::{Now, Span, Timestamp};

fn id(name: &str) -> ExpectationId {
    ExpectationId::of("check", name).expect("a name")
}

fn round(name: &str, every: u64) -> Round {
    Round { id: id(name), every: Span::seconds(every), retry: Span::seconds(2), after: 3 }
}

fn at(millis: u64) -> Now {
    Now {
        wall: Timestamp::from_millis(1_795_246_920_000 + millis as i64),
        uptime: Span::millis(50_000 + millis),
    }
}

/// Drives the rounds in steps of 10 ms; `look` says verdict and length of each look.
fn drive(
    rounds: &mut Rounds,
    from: u64,
    to: u64,
    mut look: impl FnMut(&Turn, u64) -> (Verdict, u64),
) -> (Vec<(u64, Turn)>, Vec<Look>) {
    let mut begun = Vec::new();
    let mut going: Vec<(u64, Turn, Verdict, u64)> = Vec::new();
    let mut closed = Vec::new();
    for now in (from..to).step_by(10) {
        let (over, rest): (Vec<_>, Vec<_>) = going.into_iter().partition(|(end, ..)| *end <= now);
        going = rest;
        for (_, turn, verdict, took) in over {
            rounds.done(&turn.id, verdict, Span::millis(took), at(now));
        }
        for turn in rounds.turns(at(now)) {
            let (verdict, took) = look(&turn, now);
            begun.push((now, turn.clone()));
            going.push((now + took, turn, verdict, took));
        }
        closed.extend(rounds.drain());
    }
    (begun, closed)
}

#[test]
fn everything_is_looked_at_within_five_seconds_of_a_start_and_then_at_its_phase() {
    let mut rounds = Rounds::default();
    let plan: Vec<Round> = (0..300).map(|n| round(&format!("site-{n}"), 20)).collect();
    rounds.plan(plan, &BTreeMap::new(), at(0));
    let (begun, closed) = drive(&mut rounds, 0, 120_000, |_, _| (Verdict::Ok, 50));
    let mut per_check: BTreeMap<ExpectationId, Vec<u64>> = BTreeMap::new();
    for (now, turn) in &begun {
        per_check.entry(turn.id.clone()).or_default().push(*now);
    }
    assert_eq!(per_check.len(), 300);
    for (id, times) in &per_check {
        assert!(times[0] <= 5_000, "{id} {}", times[0]);
        for pair in times[1..].windows(2) {
            assert_eq!(pair[1] - pair[0], 20_000, "{id}");
        }
    }
    // No slot twice, none left out.
    let mut dues: BTreeMap<ExpectationId, Vec<i64>> = BTreeMap::new();
    for look in &closed {
        dues.entry(look.about.clone()).or_default().push(look.due.expect("a slot").millis());
    }
    for (id, dues) in dues {
        assert!(dues.windows(2).all(|pair| pair[1] - pair[0] == 20_000), "{id} {dues:?}");
    }
    // Spread: no second of the steady part has more than twice the mean of 15.
    let mut seconds = [0_u32; 120];
    begun.iter().for_each(|(now, _)| seconds[(*now / 1000) as usize] += 1);
    assert!(seconds[30..].iter().all(|count| (4..=30).contains(count)), "{seconds:?}");
}

#[test]
fn a_restart_keeps_the_phase_and_calls_the_gap_unknown() {
    let plan = || vec![round("site", 20)];
    let mut first = Rounds::default();
    first.plan(plan(), &BTreeMap::new(), at(0));
    let (_, closed) = drive(&mut first, 0, 60_000, |_, _| (Verdict::Ok, 50));
    let last = closed.last().and_then(|look| look.due).expect("a slot");
    let mut second = Rounds::default();
    second.plan(plan(), &BTreeMap::from([(id("site"), last)]), at(200_000));
    let (_, after) = drive(&mut second, 200_000, 300_000, |_, _| (Verdict::Ok, 50));
    assert_eq!(after[0].verdict, Verdict::Unknown);
    let mut dues = Vec::new();
    for look in closed.iter().chain(&after) {
        let due = look.due.expect("a slot").millis();
        dues.extend((0..=i64::from(look.further)).map(|n| due + n * 20_000));
    }
    assert!(dues.windows(2).all(|pair| pair[1] - pair[0] == 20_000), "{dues:?}");
}

#[test]
fn a_restart_within_a_slot_fills_it_once() {
    let mut first = Rounds::default();
    first.plan(vec![round("site", 60)], &BTreeMap::new(), at(0));
    let (begun, closed) = drive(&mut first, 0, 130_000, |_, _| (Verdict::Ok, 50));
    let last = closed.last().and_then(|look| look.due).expect("a slot");
    let again = begun.last().expect("a look").0 + 10_000;
    let mut second = Rounds::default();
    second.plan(vec![round("site", 60)], &BTreeMap::from([(id("site"), last)]), at(again));
    let (_, after) = drive(&mut second, again, again + 130_000, |_, _| (Verdict::Ok, 50));
    let dues: Vec<i64> = closed.iter().chain(&after).filter_map(|look| Some(look.due?.millis())).collect();
    assert!(dues.windows(2).all(|pair| pair[1] - pair[0] == 60_000), "{dues:?}");
    assert_eq!(after[0].due, None, "it looks at once all the same");
}

#[test]
fn a_bad_look_is_tried_again_soon_until_it_counts() {
    let mut rounds = Rounds::default();
    rounds.plan(vec![round("site", 20)], &BTreeMap::new(), at(0));
    let (begun, closed) = drive(&mut rounds, 0, 100_000, |_, now| {
        (if now > 30_000 { Verdict::Failed } else { Verdict::Ok }, 100)
    });
    let bad: Vec<u64> = begun.iter().filter(|(now, _)| *now > 30_000).map(|(now, _)| *now).collect();
    assert_eq!(bad[1] - bad[0], 2_000, "{bad:?}");
    assert_eq!(bad[2] - bad[1], 2_000, "{bad:?}");
    assert_eq!(bad[3] - bad[0], 20_000, "{bad:?}");
    assert_eq!(bad[4] - bad[3], 20_000, "{bad:?}");
    assert_eq!(closed.iter().filter(|look| look.due.is_none()).count(), 2);
}

#[test]
fn a_look_that_takes_longer_than_the_pause_is_followed_at_once() {
    let mut rounds = Rounds::default();
    rounds.plan(vec![round("site", 20)], &BTreeMap::new(), at(0));
    let (begun, _) = drive(&mut rounds, 0, 60_000, |_, now| {
        if now > 30_000 { (Verdict::Failed, 3_000) } else { (Verdict::Ok, 100) }
    });
    let bad: Vec<u64> = begun.iter().filter(|(now, _)| *now > 30_000).map(|(now, _)| *now).collect();
    assert_eq!((bad[1] - bad[0], bad[2] - bad[1]), (3_000, 3_000), "{bad:?}");
}

#[test]
fn a_look_that_hangs_misses_slots_and_stacks_nothing() {
    let mut rounds = Rounds::default();
    rounds.plan(vec![round("site", 20), round("other", 20)], &BTreeMap::new(), at(0));
    let (begun, closed) = drive(&mut rounds, 0, 200_000, |turn, now| {
        (Verdict::Ok, if turn.id == id("site") && now > 30_000 { 90_000 } else { 10 })
    });
    let missed = closed.iter().filter(|look| look.verdict == Verdict::Missed).count();
    assert!(missed >= 3, "{missed}");
    assert!(closed.iter().all(|look| look.verdict == Verdict::Ok || look.about == id("site")));
    let gaps: Vec<u64> =
        begun.iter().filter(|(_, turn)| turn.id == id("other")).map(|(now, _)| *now).collect();
    assert!(gaps[1..].windows(2).all(|pair| pair[1] - pair[0] == 20_000), "{gaps:?}");
}

#[test]
fn whole_slots_that_nobody_asked_for_are_missed() {
    let mut rounds = Rounds::default();
    rounds.plan(vec![round("site", 20)], &BTreeMap::new(), at(0));
    drive(&mut rounds, 0, 40_000, |_, _| (Verdict::Ok, 10));
    let turns = rounds.turns(at(140_000));
    assert_eq!(turns.len(), 1);
    let missed = rounds.drain();
    assert_eq!(missed.len(), 1);
    assert_eq!(
        (missed[0].verdict, missed[0].further),
        (Verdict::Missed, 4 - u32::from(missed[0].further == 3))
    );
    let due = missed[0].due.expect("a slot") + Span::seconds(20).times(u64::from(missed[0].further) + 1);
    assert_eq!(turns[0].due, Some(due));
}

#[test]
fn clocks_that_differ_by_a_millisecond_move_no_slot() {
    let mut rounds = Rounds::default();
    rounds.plan(vec![round("site", 20)], &BTreeMap::new(), at(0));
    let mut dues = Vec::new();
    for millis in (0..200_000).step_by(10) {
        let mut now = at(millis);
        now.wall = now.wall - Span::millis(millis / 10 % 2);
        for turn in rounds.turns(now) {
            dues.push(turn.due.expect("a slot").millis());
            rounds.done(&turn.id, Verdict::Ok, Span::millis(1), now);
        }
    }
    assert!(dues.windows(2).all(|pair| pair[1] - pair[0] == 20_000), "{dues:?}");
}

#[test]
fn a_step_of_the_clock_moves_no_look() {
    let mut rounds = Rounds::default();
    rounds.plan(vec![round("site", 20)], &BTreeMap::new(), at(0));
    let (begun, _) = drive(&mut rounds, 0, 60_000, |_, _| (Verdict::Ok, 10));
    let last = begun.last().expect("one").0;
    let stepped = Now { wall: at(0).wall - Span::hours(5), uptime: at(last + 19_990).uptime };
    assert!(rounds.turns(stepped).is_empty());
    let stepped = Now { wall: at(0).wall - Span::hours(5), uptime: at(last + 20_000).uptime };
    assert_eq!(rounds.turns(stepped).len(), 1);
}

#[test]
fn a_new_plan_leaves_what_it_keeps_alone() {
    let mut rounds = Rounds::default();
    rounds.plan(vec![round("a", 20), round("b", 20)], &BTreeMap::new(), at(0));
    drive(&mut rounds, 0, 40_000, |_, _| (Verdict::Ok, 10));
    let next = rounds.clone().next();
    rounds.plan(vec![round("b", 20), round("a", 20)], &BTreeMap::new(), at(40_000));
    assert_eq!(rounds.next(), next);
    rounds.plan(vec![round("b", 20)], &BTreeMap::new(), at(40_000));
    assert!(!rounds.look_now(&id("a"), at(40_000)));
    assert!(rounds.look_now(&id("b"), at(40_000)));
    assert_eq!(rounds.turns(at(40_000)), [Turn { id: id("b"), due: None }]);
}
