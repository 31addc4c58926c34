//! What every engine must do with looks, tallies and traces.

use muster_core::effect::Verdict;
use muster_core::look::{Look, Sight, Tally, Trace};
use muster_core::time::{Span, Timestamp};
use muster_store::contract::{Commit, Store};
use muster_store::keep::Keep;
use muster_store::memory::Memory;
use muster_store::sqlite::Sqlite;

use crate::made::id;

pub(crate) const HOUR: i64 = 3600;
pub(crate) const DAY: i64 = 24 * HOUR;

/// Seconds after a midnight.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(20_833 * DAY + seconds)
}

pub(crate) fn look(about: &str, seconds: i64, verdict: Verdict) -> Look {
    Look {
        about: id(about),
        due: Some(at(seconds)),
        at: at(seconds).shifted(3),
        verdict,
        took: Some(Span::millis(200)),
        further: 0,
        every: Span::seconds(20),
    }
}

pub(crate) fn put(store: &dyn Store, looks: Vec<Look>) {
    store.commit(Commit { looks, ..Commit::default() }).unwrap();
}

pub(crate) fn prune(store: &dyn Store, now: Timestamp) {
    while store.prune(&Keep::default(), now).unwrap().more {}
}

pub(crate) fn all(store: &dyn Store, about: &str) -> Vec<Look> {
    store.looks(&id(about), Timestamp::from_millis(i64::MIN), usize::MAX).unwrap()
}

pub(crate) fn sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let made = std::cell::Cell::new(0);
    check(|| {
        made.set(made.get() + 1);
        let path = folder.path().join(format!("{}.db", made.get()));
        Box::new(Sqlite::open(&path, &Keep::default(), at(0)).unwrap().0)
    });
}

pub(crate) fn memory() {
    check(|| Box::new(Memory::new()));
}

/// Each part before its hour is over, and once more after the looks were packed.
fn check(make: impl Fn() -> Box<dyn Store>) {
    for part in [
        every_field_comes_back,
        looks_come_in_order_and_within_limits,
        looks_twice_are_looks_once,
        a_row_of_slots_counts_on_its_days,
    ] {
        part(make().as_ref(), &|_| {});
        part(make().as_ref(), &|store| prune(store, at(2 * DAY + HOUR)));
    }
    traces_are_bounded(make().as_ref());
    what_is_too_old_goes(make().as_ref());
}

type Then<'a> = &'a dyn Fn(&dyn Store);

fn every_field_comes_back(store: &dyn Store, then: Then<'_>) {
    let mut given = Vec::new();
    let verdicts = [Verdict::Ok, Verdict::Failed, Verdict::Skipped, Verdict::Missed, Verdict::Unknown];
    for (n, verdict) in (0..).zip(verdicts) {
        given.push(look("check.a", n * 20, verdict));
        given.push(Look { due: None, every: Span::millis(1501), ..look("check.a", n * 20 + 7, verdict) });
        given.push(Look { took: None, further: 3 + n as u32, ..look("check.a", 1000 + n * 200, verdict) });
    }
    given.sort_by_key(|look| {
        look.due.map_or(look.at, |due| look.at.max(due + look.every.times(look.further.into())))
    });
    let strange = [0, -1, 1, i64::MAX, i64::MIN, 1_666_000_000_000].map(Timestamp::from_millis);
    for (n, when) in (0..).zip(strange) {
        let other = strange[(n + 3) % strange.len()];
        let (took, every) = (Some(Span::millis(u64::MAX - n as u64)), Span::millis(u64::MAX));
        put(
            store,
            vec![Look {
                about: id("check.odd"),
                due: Some(when),
                at: other,
                took,
                every,
                ..given[0].clone()
            }],
        );
    }
    put(store, given.clone());
    then(store);
    assert_eq!(all(store, "check.a"), given);
    assert_eq!(all(store, "check.none"), []);
    // What is far in the past is pruned.
    let odd = all(store, "check.odd");
    assert!(odd.iter().all(|look| look.every == Span::millis(u64::MAX) && look.took.is_some()));
    assert!(odd.iter().any(|look| look.due == Some(Timestamp::from_millis(i64::MAX))));
}

fn looks_come_in_order_and_within_limits(store: &dyn Store, then: Then<'_>) {
    let given: Vec<_> = (0..600).map(|n| look("check.a", n * 20, Verdict::Ok)).collect();
    for (n, chunk) in given.rchunks(50).enumerate() {
        put(store, chunk.iter().rev().cloned().chain([look("check.b", n as i64, Verdict::Ok)]).collect());
    }
    then(store);
    assert_eq!(all(store, "check.a"), given);
    let some = |since, limit| store.looks(&id("check.a"), since, limit).unwrap();
    assert_eq!(some(at(0), 7), given[593..], "the newest, oldest first");
    assert_eq!(some(at(100 * 20).shifted(3), 1000), given[100..], "began then");
    assert_eq!(some(at(100 * 20).shifted(4), 1000), given[101..]);
    assert_eq!(some(at(599 * 20 + 1), 10), []);
    assert_eq!(some(at(0), 0), []);
    let row = Look { further: 1000, ..look("check.c", 0, Verdict::Unknown) };
    put(store, vec![row.clone()]);
    then(store);
    assert_eq!(store.looks(&id("check.c"), at(1000 * 20), 9).unwrap(), [row], "its last slot was due then");
}

fn looks_twice_are_looks_once(store: &dyn Store, then: Then<'_>) {
    let given: Vec<_> = (0..400).map(|n| look("check.a", n * 20, Verdict::Ok)).collect();
    let ok = |ok| {
        let tally = Tally { ok, took: u64::from(ok) * 200, longest: 200, ..Tally::default() };
        vec![(id("check.a"), at(0), tally)]
    };
    put(store, given[..200].to_vec());
    put(store, given[..200].to_vec());
    assert_eq!(store.tallies(None, at(5)).unwrap(), ok(200));
    then(store);
    assert_eq!(store.tallies(None, at(5)).unwrap(), ok(200));
    // Once more, in other parts, and with another verdict: the first one stays.
    put(store, given[100..].to_vec());
    put(store, vec![look("check.a", 0, Verdict::Failed)]);
    assert_eq!(store.tallies(Some(&id("check.a")), at(5)).unwrap(), ok(400));
    assert_eq!(all(store, "check.a"), given);
    then(store);
    assert_eq!(store.tallies(None, at(5)).unwrap(), ok(400));
    assert_eq!(all(store, "check.a"), given);
}

fn a_row_of_slots_counts_on_its_days(store: &dyn Store, then: Then<'_>) {
    let hourly = |seconds, verdict, further| Look {
        every: Span::hours(1),
        further,
        took: (further == 0).then(|| Span::millis(200)),
        at: at(2 * DAY),
        ..look("check.b", seconds, verdict)
    };
    put(store, vec![hourly(DAY - HOUR, Verdict::Ok, 0), hourly(DAY, Verdict::Unknown, 24)]);
    put(
        store,
        vec![Look { due: None, ..look("check.b", 5, Verdict::Failed) }, look("check.a", 9, Verdict::Failed)],
    );
    then(store);
    let tallies = |about: Option<&str>, since| store.tallies(about.map(id).as_ref(), at(since)).unwrap();
    let one = Tally { took: 200, longest: 200, ..Tally::default() };
    let expected = [
        (id("check.a"), at(0), Tally { failed: 1, ..one }),
        (id("check.b"), at(0), Tally { ok: 1, ..one }),
        (id("check.b"), at(DAY), Tally { unknown: 24, ..Tally::default() }),
        (id("check.b"), at(2 * DAY), Tally { unknown: 1, ..Tally::default() }),
    ];
    assert_eq!(tallies(None, 0), expected);
    assert_eq!(tallies(Some("check.b"), DAY - 1), expected[1..]);
    assert_eq!(tallies(Some("check.b"), DAY), expected[2..]);
    assert_eq!(tallies(Some("check.c"), 0), []);
    let last = store.last_slots().unwrap();
    assert_eq!(last, [(id("check.a"), at(9)), (id("check.b"), at(2 * DAY))].into());
}

fn traces_are_bounded(store: &dyn Store) {
    let trace = |about: &str, seconds| Trace {
        about: id(about),
        at: at(seconds),
        sight: Sight {
            words: "no answer within 10s".into(),
            class: Some("timeout".into()),
            phases: vec![("connect".into(), Span::millis(31))],
            unmet: vec!["status == 200".into()],
            facts: vec![("address".into(), "192.0.2.1".into())],
            lines: vec!["> GET /".into()],
        },
    };
    for n in 0..30 {
        let traces = vec![trace("check.a", n), trace("check.a", n)];
        store.commit(Commit { traces, ..Commit::default() }).unwrap();
    }
    store.commit(Commit { traces: vec![trace("check.b", 0)], ..Commit::default() }).unwrap();
    let expected: Vec<_> = (10..30).rev().map(|n| trace("check.a", n)).collect();
    assert_eq!(store.traces(&id("check.a"), 100).unwrap(), expected);
    assert_eq!(store.traces(&id("check.a"), 3).unwrap(), expected[..3]);
    assert_eq!(store.traces(&id("check.b"), 3).unwrap(), [trace("check.b", 0)]);
    assert_eq!(store.traces(&id("check.c"), 3).unwrap(), []);
}

fn what_is_too_old_goes(store: &dyn Store) {
    for day in 0..10 {
        put(store, (0..10).map(|n| look("check.a", day * DAY + n * 20, Verdict::Ok)).collect());
    }
    let keep = Keep { looks: Span::days(3), age: Span::days(6), ..Keep::default() };
    let now = at(10 * DAY);
    while store.prune(&keep, now).unwrap().more {}
    assert_eq!(all(store, "check.a").len(), 30);
    let days: Vec<_> = store.tallies(None, at(0)).unwrap().into_iter().map(|(_, day, _)| day).collect();
    assert_eq!(days, (4..10).map(|day| at(day * DAY)).collect::<Vec<_>>());
    assert_eq!(store.last_slots().unwrap(), [(id("check.a"), at(9 * DAY + 180))].into());
    assert_eq!(store.prune(&keep, now).unwrap().rows, 0);
}

/// After a time without a disk, what memory still holds is joined to what was written before.
pub(crate) fn memory_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Sqlite::open(&folder.path().join("m.db"), &Keep::default(), at(0)).unwrap().0;
    let trace = |n| Trace { about: id(&format!("check.c{n}")), at: at(n), sight: Sight::default() };
    let some = |from: i64, to: i64| Commit {
        looks: (from..to).map(|n| look("check.a", n * 20, Verdict::Ok)).collect(),
        traces: (from..to).map(trace).collect(),
        ..Commit::default()
    };
    disk.commit(some(0, 300)).unwrap();
    prune(&disk, at(200 * 20));
    let memory = Memory::new();
    memory.commit(some(200, 500)).unwrap();
    let (held, dropped) = memory.held();
    disk.commit(held).unwrap();
    assert_eq!((dropped, all(&disk, "check.a").len()), (0, 500));
    assert_eq!(disk.tallies(None, at(0)).unwrap()[0].2.ok, 500);
    assert_eq!(disk.traces(&id("check.c400"), 1).unwrap(), [trace(400)]);
    (0..100).for_each(|round| memory.commit(some(round * 500, round * 500 + 500)).unwrap());
    assert!(memory.size().unwrap() < 12 << 20);
    assert!(memory.held().1 > 10_000, "what was given up is counted");
    let counted: u32 = memory.tallies(None, at(0)).unwrap().iter().map(|(_, _, tally)| tally.ok).sum();
    assert_eq!(counted, 50_000, "what was given up stays in the tallies");
    assert_eq!(memory.last_slots().unwrap(), [(id("check.a"), at(49_999 * 20))].into());
}
