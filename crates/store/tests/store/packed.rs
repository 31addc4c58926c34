//! Looks in the file: how much room they take, what becomes of damaged ones, and what a crash leaves of them.

use std::path::Path;

use muster_core::effect::Verdict;
use muster_core::look::{Look, Sight, Tally, Trace};
use muster_core::time::Span;
use muster_store::contract::{Commit, Store};
use muster_store::keep::Keep;
use muster_store::sqlite::Sqlite;

use crate::looks::{HOUR, all, at, look, prune, put};
use crate::made::id;

fn open(path: &Path) -> Sqlite {
    Sqlite::open(path, &Keep::default(), at(0)).unwrap().0
}

/// A day of 300 checks every 20 seconds is 1.3 million looks, some of which went badly.
pub(crate) fn a_day() {
    const CHECKS: i64 = 300;
    const MOST: u64 = 6_500_000;
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("m.db"));
    let seen = |check: i64, second: i64| {
        let chance = (check * 7919 + second * 104_729) % 1009;
        Look {
            at: at(second).shifted(chance % 40),
            took: Some(Span::millis((chance * 3 / 2 + 20).unsigned_abs())),
            ..look(&format!("check.c{check}"), second, if chance < 5 { Verdict::Failed } else { Verdict::Ok })
        }
    };
    for hour in 0..24 {
        // The last hour as an agent writes it, a commit each second; before it the same in larger pieces.
        let step = if hour == 23 { 1 } else { 20 };
        for second in (hour * HOUR..(hour + 1) * HOUR).step_by(step as usize) {
            let due = (second..second + step).flat_map(|second| {
                (0..CHECKS).filter(move |check| check % 20 == second % 20).map(move |check| (check, second))
            });
            let looks = due.map(|(check, second)| seen(check, second)).collect();
            store.submit(Commit { looks, ..Commit::default() }, Box::new(|outcome| outcome.unwrap()));
        }
        prune(&store, at((hour + 1) * HOUR - 1));
    }
    let size = store.size().unwrap();
    assert!(size < MOST, "{size}");
    let tallies = store.tallies(None, at(0)).unwrap();
    assert_eq!(tallies.len(), 300);
    assert!(tallies.iter().all(|(_, _, tally)| tally.ok + tally.failed == 4320));
    assert_eq!(all(&store, "check.c7").len(), 4320);
}

/// What goes to disk each second: a page of the log, and little more where the journal grows into a new one.
pub(crate) fn a_page_each_second() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("m.db"));
    let second = |n: i64| {
        let looks = (0..15).map(|k| look(&format!("check.c{}", k * 20 + n % 20), n, Verdict::Ok));
        put(&store, looks.collect());
    };
    let log = || std::fs::metadata(folder.path().join("m.db-wal")).unwrap().len();
    (0..20).for_each(second);
    let before = log();
    (20..220).for_each(second);
    let frames = (log() - before) / (4096 + 24);
    assert!(frames <= 230, "{frames} pages for 200 commits");
}

/// The file as it would be if the power had failed at any place of the log: whole commits, each look counted once.
pub(crate) fn cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.db");
    let store = open(&path);
    let commit = |n: i64| Commit {
        looks: (0..20)
            .map(|k| look(&format!("check.c{}", k % 5), n * 300 + k / 5 * 20, Verdict::Ok))
            .collect(),
        rows: vec![(id("job.x"), (n + 1).to_string())],
        ..Commit::default()
    };
    for n in 0..30 {
        store.commit(commit(n)).unwrap();
        if n % 6 == 5 {
            prune(&store, at((n + 1) * 300));
        }
    }
    let log = std::fs::read(folder.path().join("m.db-wal")).unwrap();
    let file = std::fs::read(&path).unwrap();
    let frame = 4096 + 24;
    let frames = (log.len() - 32) / frame;
    assert!(frames > 50, "{frames}");
    for cut in 0..=frames {
        let copy = folder.path().join(format!("{cut}.db"));
        std::fs::write(&copy, &file).unwrap();
        // Half a frame more, which was torn.
        let end = (32 + cut * frame + frame / 2).min(log.len());
        std::fs::write(folder.path().join(format!("{cut}.db-wal")), &log[..end]).unwrap();
        let store = open(&copy);
        let done = store.load().unwrap().rows.first().map_or(0, |(_, n)| n.parse().unwrap());
        let whole = |done: i64| {
            let count = |n: i64| u32::try_from(n * 4).unwrap();
            let tallies = store.tallies(None, at(0)).unwrap();
            assert_eq!(tallies.len(), if done == 0 { 0 } else { 5 }, "{cut}");
            assert!(tallies.iter().all(|(_, _, tally)| tally.ok == count(done)), "{cut}: {tallies:?}");
            assert_eq!(all(&store, "check.c3").len(), count(done) as usize, "{cut}");
            let last = store.last_slots().unwrap().get(&id("check.c3")).copied();
            assert_eq!(last, (done > 0).then(|| at((done - 1) * 300 + 60)), "{cut}");
        };
        whole(done);
        if cut % 7 == 0 {
            prune(&store, at(done * 300));
            whole(done);
            // Everything once more, as one that does not know how far it came would do.
            (0..30).for_each(|n| store.commit(commit(n)).unwrap());
            whole(30);
            prune(&store, at(30 * 300 + HOUR));
            whole(30);
        }
    }
}

pub(crate) fn damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.db");
    let store = open(&path);
    for n in 0..400 {
        put(&store, vec![look("check.a", n * 20, Verdict::Ok), look("check.b", n * 20, Verdict::Ok)]);
    }
    let trace = Trace { about: id("check.a"), at: at(1), sight: Sight::default() };
    store.commit(Commit { traces: vec![trace], ..Commit::default() }).unwrap();
    prune(&store, at(2 * HOUR + 5));
    assert_eq!(store.load().unwrap().unreadable, Vec::<String>::new());
    let other = rusqlite::Connection::open(&path).unwrap();
    let sound = || {
        let (a, b) = (all(&store, "check.a"), all(&store, "check.b"));
        assert!(a.len() < 400 && b.len() > 100, "{} {}", a.len(), b.len());
        store.tallies(None, at(0)).unwrap();
        store.last_slots().unwrap();
        store.traces(&id("check.a"), 9).unwrap();
        assert!(!store.health().unreadable.is_empty());
    };
    let hurt = |sql: &str| assert!(other.execute(sql, []).unwrap() > 0, "{sql}");
    hurt("UPDATE strips SET body = substr(body, 1, 100) WHERE seq = (SELECT min(seq) FROM strips)");
    hurt("UPDATE traces SET body = '{'");
    sound();
    hurt("UPDATE journal SET body = substr(body, 1, length(body) - 1) WHERE seq % 3 = 0");
    hurt("UPDATE journal SET body = 'text' WHERE seq % 3 = 1");
    hurt("UPDATE strips SET body = zeroblob(50) WHERE seq = (SELECT max(seq) FROM strips WHERE seq & 1 = 1)");
    hurt("INSERT INTO journal (newest, body) VALUES (9e18, x'01ffffffffffffffffff01ffffffffff')");
    hurt("INSERT INTO checks (name, seen) VALUES ('../..', 0)");
    sound();
    let said = store.load().unwrap().unreadable.len();
    assert!(said > 10, "{said}");
    assert!(store.traces(&id("check.a"), 9).unwrap().is_empty());
    // A look that comes late is joined to what can be read of the strip.
    put(&store, vec![look("check.a", 10, Verdict::Failed)]);
    prune(&store, at(4 * HOUR));
    sound();
    assert!(!store.load().unwrap().unreadable.is_empty(), "what was lost when it was packed is still said");
    prune(&store, at(10 * 24 * HOUR));
    assert_eq!(store.load().unwrap().unreadable, Vec::<String>::new());
    put(&store, vec![look("check.a", 10 * 24 * HOUR, Verdict::Ok)]);
    assert_eq!(all(&store, "check.a").len(), 1);
}

/// Everything fails for a while, and says a lot.
pub(crate) fn many_traces() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.db");
    let keep = Keep { bytes: 4 << 20, ..Keep::default() };
    let (store, _) = Sqlite::open(&path, &keep, at(0)).unwrap();
    for round in 0..5 {
        let trace = |check: i64| Trace {
            about: id(&format!("check.c{check}")),
            at: at(round * 20),
            sight: Sight { lines: vec!["x".repeat(3000); 20], ..Sight::default() },
        };
        store.commit(Commit { traces: (0..100).map(trace).collect(), ..Commit::default() }).unwrap();
        assert!(store.size().unwrap() < 3 << 20, "{}", store.size().unwrap());
    }
    assert_eq!(store.traces(&id("check.c99"), 9).unwrap()[0].at, at(80), "the newest stay");
    assert!(store.traces(&id("check.c0"), 9).unwrap().is_empty());
}

/// The last slot outlives the looks, and a name outlives it only as long as it is on the roll or something is left.
pub(crate) fn names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.db");
    let store = open(&path);
    put(&store, vec![look("check.on", 5, Verdict::Ok), look("check.off", 5, Verdict::Ok)]);
    store.commit(Commit { rows: vec![(id("check.on"), "{}".into())], ..Commit::default() }).unwrap();
    drop(store);
    let store = open(&path);
    let both = [(id("check.on"), at(5)), (id("check.off"), at(5))].into();
    assert_eq!(store.last_slots().unwrap(), both);
    prune(&store, at(80 * 24 * HOUR));
    assert!(all(&store, "check.on").is_empty());
    assert_eq!(store.tallies(None, at(0)).unwrap().len(), 2);
    assert_eq!(store.last_slots().unwrap(), both);
    prune(&store, at(100 * 24 * HOUR));
    assert_eq!(store.tallies(None, at(0)).unwrap(), Vec::<(_, _, Tally)>::new());
    assert_eq!(store.last_slots().unwrap(), [(id("check.on"), at(5))].into());
    // A name that comes again after a long time is not taken for one that is gone.
    put(&store, vec![look("check.on", 100 * 24 * HOUR, Verdict::Ok)]);
    store.commit(Commit { removed: vec![id("check.on")], ..Commit::default() }).unwrap();
    prune(&store, at(100 * 24 * HOUR + 5));
    assert_eq!(all(&store, "check.on").len(), 1);
}

/// Looks give way to the bound of the store as all history does.
pub(crate) fn bounds() {
    let folder = tempfile::tempdir().unwrap();
    let keep = Keep { bytes: 1 << 20, ..Keep::default() };
    let (store, _) = Sqlite::open(&folder.path().join("m.db"), &keep, at(0)).unwrap();
    for n in 0..60 {
        let looks =
            (0..5000).map(|k| look(&format!("check.c{}", k % 100), n * 1000 + k / 100 * 20, Verdict::Ok));
        put(&store, looks.collect());
        if n % 4 == 0 {
            while store.prune(&keep, at(n * 1000 + HOUR)).unwrap().more {}
        }
    }
    while store.prune(&keep, at(63 * 1000)).unwrap().more {}
    assert!(store.size().unwrap() <= keep.bytes);
    let left = all(&store, "check.c7");
    assert_eq!(left.last().unwrap().due, Some(at(59_980)), "the newest stay");
    assert!(left.len() > 500, "{}", left.len());
    assert_eq!(store.tallies(Some(&id("check.c7")), at(0)).unwrap()[0].2.ok, 3000, "what they came to stays");
    assert_eq!(store.health().fault, None);
}
