//! What every engine must do. [`check`] takes a way to make an empty engine, so that another one can be put in.

use std::collections::HashSet;

use muster_core::effect::Verdict;
use muster_core::ids::{IncidentId, RunId, SignalId};
use muster_core::notice::{Amendment, Extent, NoticeId, Touched};
use muster_core::outbox::EntryState;
use muster_core::signal::{Ending, Outcome, Report};
use muster_core::time::Span;
use muster_store::brief::BriefState;
use muster_store::contract::{Commit, Store, Watermark};
use muster_store::credential::{Credential, CredentialKind};
use muster_store::history::RunState;
use muster_store::keep::Keep;
use muster_store::memory::Memory;
use muster_store::sqlite::Sqlite;

use crate::made::{at, beat, failure, id, signal, slot, start, success, transition, waiting};

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

/// Runs the whole contract; each part gets an engine of its own.
pub(crate) fn check(make: impl Fn() -> Box<dyn Store>) {
    an_empty_store_loads_nothing(make().as_ref());
    what_is_committed_is_loaded(make().as_ref());
    a_submitted_commit_is_durable_when_it_says_so(make().as_ref());
    a_commit_twice_is_a_commit_once(make().as_ref());
    runs_follow_from_signals(make().as_ref());
    a_sender_without_run_ids_has_runs_too(make().as_ref());
    pages_join_without_gap_or_overlap(make().as_ref());
    entries_change_in_place(make().as_ref());
    slots_have_one_verdict(make().as_ref());
    briefs_and_gaps_are_newest_first(make().as_ref());
    slots_are_added_up_by_day(make().as_ref());
    notices_follow_from_amendments(make().as_ref());
    a_link_is_spent_once(make().as_ref());
    pruning_by_age_keeps_what_is_open(make().as_ref());
}

fn slots_are_added_up_by_day(store: &dyn Store) {
    let day = |n: i64, verdict| slot("job.x", n * 86_400, verdict);
    let verdicts = [Verdict::Ok, Verdict::Failed, Verdict::Missed, Verdict::Skipped, Verdict::Unknown];
    let mut slots: Vec<_> =
        verdicts.into_iter().enumerate().map(|(n, verdict)| slot("job.x", n as i64, verdict)).collect();
    slots.extend([day(-3, Verdict::Ok), day(-1, Verdict::Ok), slot("job.y", 9, Verdict::Ok)]);
    store.commit(Commit { slots, ..Commit::default() }).unwrap();
    let days = store.slot_days(&id("job.x"), at(-2 * 86_400)).unwrap();
    let counts: Vec<_> = days
        .iter()
        .map(|(day, tally)| {
            (at(0).since(*day).as_millis() / 86_400_000, tally.ok, tally.failed, tally.missed, tally.unknown)
        })
        .collect();
    assert_eq!(counts, [(1, 1, 0, 0, 0), (0, 1, 2, 1, 1)]);
}

fn notices_follow_from_amendments(store: &dyn Store) {
    let incident = |n: i64| IncidentId::of(&id("check.x"), at(n));
    let touched = vec![Touched { component: "API".into(), extent: Extent::Down }];
    let seen = |n: i64| {
        let (touched, words) = (touched.clone(), "API is not available.".to_owned());
        (NoticeId::of(at(n), 0), Amendment::Seen { incident: incident(n), touched, at: at(n), words })
    };
    let over = |n: i64, end: i64| {
        (
            NoticeId::of(at(n), 0),
            Amendment::Over { incident: incident(n), at: at(end), words: "It is over.".into() },
        )
    };
    let commit = Commit { amendments: vec![seen(0), seen(50), over(0, 40)], ..Commit::default() };
    store.commit(commit.clone()).unwrap();
    let before = store.notices(at(0)).unwrap();
    assert_eq!(before.iter().map(|notice| notice.ended).collect::<Vec<_>>(), [None, Some(at(40))]);
    store.commit(commit).unwrap();
    assert_eq!(store.notices(at(0)).unwrap(), before, "the same commit twice changes nothing");
    assert_eq!(store.notices(at(41)).unwrap().len(), 1, "what goes on, and what ended since");
    assert_eq!(store.notice(&NoticeId::of(at(0), 0)).unwrap(), before.last().cloned());
    assert_eq!(store.notice(&NoticeId::of(at(7), 0)).unwrap(), None);
    let keep = Keep { age: Span::days(1), ..Keep::default() };
    store.prune(&keep, at(0) + Span::days(3)).unwrap();
    assert_eq!(store.notices(at(0)).unwrap().len(), 1, "what goes on is never forgotten");
}

fn an_empty_store_loads_nothing(store: &dyn Store) {
    assert_eq!(store.load().unwrap(), muster_store::contract::Loaded::default());
    assert_eq!(store.known(&[SignalId::new("s1").unwrap()]).unwrap(), HashSet::new());
    assert!(store.signals(None, None, 10).unwrap().items.is_empty());
    assert_eq!(store.run(&id("job.x"), &RunId::new("r").unwrap()).unwrap(), None);
}

fn what_is_committed_is_loaded(store: &dyn Store) {
    let watermark = Watermark { wall: at(5), uptime: Span::seconds(9), boot: "b".into() };
    store
        .commit(Commit {
            signals: vec![signal("s1", "job.x", None, 1, start())],
            rows: vec![(id("job.x"), "{\"a\":1}".into()), (id("job.y"), "{}".into())],
            transitions: vec![transition("job.x", 1)],
            outbox: vec![waiting("i", 1, 2), waiting("i", 0, 1)],
            notes: vec![("a".into(), "1".into()), ("b".into(), "2".into())],
            watermark: Some(watermark.clone()),
            ..Commit::default()
        })
        .unwrap();
    store
        .commit(Commit {
            rows: vec![(id("job.x"), "{\"a\":2}".into())],
            removed: vec![id("job.y")],
            notes: vec![("a".into(), "3".into())],
            ..Commit::default()
        })
        .unwrap();
    let loaded = store.load().unwrap();
    assert_eq!(loaded.rows, [(id("job.x"), "{\"a\":2}".to_owned())]);
    assert_eq!(loaded.outbox, [waiting("i", 0, 1), waiting("i", 1, 2)], "oldest first");
    assert_eq!(loaded.watermark, Some(watermark));
    assert_eq!(
        loaded.notes,
        [("a", "3"), ("b", "2")].map(|(name, text)| (name.to_owned(), text.to_owned())).into()
    );
    assert_eq!(store.transitions(None, None, 9).unwrap().items, [transition("job.x", 1)]);
    assert!(store.transitions(Some(&id("job.y")), None, 9).unwrap().items.is_empty());
    let asked = [SignalId::new("s1").unwrap(), SignalId::new("s2").unwrap()];
    assert_eq!(store.known(&asked).unwrap(), HashSet::from([asked[0].clone()]));
}

fn a_submitted_commit_is_durable_when_it_says_so(store: &dyn Store) {
    let (send, heard) = std::sync::mpsc::channel();
    let signals = vec![signal("s1", "job.x", None, 1, start())];
    store.submit(
        Commit { signals, ..Commit::default() },
        Box::new(move |outcome| send.send(outcome).unwrap()),
    );
    assert_eq!(heard.recv_timeout(std::time::Duration::from_secs(10)).unwrap(), Ok(()));
    assert_eq!(store.signals(None, None, 9).unwrap().items.len(), 1);
}

fn a_commit_twice_is_a_commit_once(store: &dyn Store) {
    let commit = Commit {
        signals: vec![
            signal("s1", "job.x", Some("r"), 1, start()),
            signal("s2", "job.x", Some("r"), 2, success()),
        ],
        slots: vec![slot("job.x", 1, Verdict::Ok)],
        outbox: vec![waiting("i", 0, 1)],
        ..Commit::default()
    };
    store.commit(commit.clone()).unwrap();
    store.commit(commit).unwrap();
    assert_eq!(store.signals(None, None, 9).unwrap().items.len(), 2);
    assert_eq!(store.runs(None, None, 9).unwrap().items.len(), 1);
    assert_eq!(store.slots(&id("job.x"), at(0)).unwrap().len(), 1);
    assert_eq!(store.deliveries(None, 9).unwrap().items.len(), 1);
}

fn runs_follow_from_signals(store: &dyn Store) {
    let skip = Report::Skip { holder: Some(RunId::new("r1").unwrap()), why: "the lock is held".into() };
    store
        .commit(Commit {
            signals: vec![
                signal("s1", "job.x", Some("r1"), 1, start()),
                signal("s2", "job.x", Some("r2"), 2, start()),
                signal("s3", "job.x", Some("r3"), 3, skip),
                signal("s4", "job.y", Some("r1"), 4, start()),
                signal("s5", "job.x", Some("r1"), 9, failure()),
            ],
            ..Commit::default()
        })
        .unwrap();
    let runs = store.runs(Some(&id("job.x")), None, 9).unwrap().items;
    let ids: Vec<_> = runs.iter().map(|run| run.id.as_str()).collect();
    assert_eq!(ids, ["r3", "r2", "r1"], "newest start first");
    assert!(matches!(runs[0].state, RunState::Skipped { .. }));
    assert_eq!(runs[1].state, RunState::Running);
    assert!(
        matches!(&runs[2].state, RunState::Failed(outcome) if outcome.ending == Ending::Exit { code: 3 })
    );
    assert_eq!(runs[2].ended, Some(at(9)));
    let open: Vec<_> = store.open_runs().unwrap().into_iter().map(|run| (run.about, run.id)).collect();
    let expected =
        [("job.x", "r2"), ("job.y", "r1")].map(|(about, run)| (id(about), RunId::new(run).unwrap()));
    assert_eq!(open, expected, "the same run id of two expectations is two runs");
    let mut took = Outcome::bare(Ending::Exit { code: 0 });
    took.duration = Some(Span::seconds(4));
    let orphan = signal("s6", "job.z", Some("r"), 10, Report::Success(took));
    store.commit(Commit { signals: vec![orphan], ..Commit::default() }).unwrap();
    let run = store.run(&id("job.z"), &RunId::new("r").unwrap()).unwrap().unwrap();
    assert_eq!(
        (run.started, run.ended),
        (at(6), Some(at(10))),
        "an end whose start was lost is reckoned back"
    );
}

fn a_sender_without_run_ids_has_runs_too(store: &dyn Store) {
    let signals = vec![
        signal("a", "check.p", None, 1, start()),
        signal("b", "check.p", None, 5, success()),
        signal("c", "check.p", None, 9, success()),
        signal("d", "check.p", None, 12, failure()),
    ];
    store.commit(Commit { signals, ..Commit::default() }).unwrap();
    let runs = store.runs(Some(&id("check.p")), None, 9).unwrap().items;
    assert_eq!(runs.len(), 2, "a plain beat makes no run, a failure does");
    assert_eq!((runs[1].started, runs[1].ended), (at(1), Some(at(5))));
    assert!(matches!(runs[0].state, RunState::Failed(_)));
    assert!(store.open_runs().unwrap().is_empty());
}

fn pages_join_without_gap_or_overlap(store: &dyn Store) {
    // Three of each second, so that page ends fall between items of one time.
    let all: Vec<_> = (0..100).map(|n| beat(&format!("s{n:03}"), n / 3)).collect();
    store.commit(Commit { signals: all.clone(), ..Commit::default() }).unwrap();
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let page = store.signals(Some(&id("check.beat")), before, 7).unwrap();
        seen.extend(page.items);
        // Something new on top does not move the pages below.
        let newer = beat(&format!("n{}", seen.len()), 1000 + i64::try_from(seen.len()).unwrap());
        store.commit(Commit { signals: vec![newer], ..Commit::default() }).unwrap();
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    let expected: Vec<_> = all.into_iter().rev().collect();
    assert_eq!(seen, expected);
}

fn entries_change_in_place(store: &dyn Store) {
    let mut entry = waiting("i", 0, 1);
    store.commit(Commit { outbox: vec![entry.clone()], ..Commit::default() }).unwrap();
    entry.state = EntryState::Delivered { at: at(3), receipt: "250 ok".into() };
    entry.attempts = 2;
    store.commit(Commit { outbox: vec![entry.clone()], ..Commit::default() }).unwrap();
    assert_eq!(store.load().unwrap().outbox, [entry.clone()], "it says who must hear the end");
    store.commit(Commit { forgotten: vec![entry.key()], ..Commit::default() }).unwrap();
    assert!(store.load().unwrap().outbox.is_empty());
    assert_eq!(store.deliveries(None, 9).unwrap().items, [entry]);
}

fn slots_have_one_verdict(store: &dyn Store) {
    let slots = vec![
        slot("job.x", 60, Verdict::Ok),
        slot("job.x", 0, Verdict::Missed),
        slot("job.x", 60, Verdict::Failed),
        slot("job.y", 60, Verdict::Unknown),
    ];
    store.commit(Commit { slots, ..Commit::default() }).unwrap();
    let verdicts: Vec<_> =
        store.slots(&id("job.x"), at(0)).unwrap().into_iter().map(|slot| slot.verdict).collect();
    assert_eq!(verdicts, [Verdict::Missed, Verdict::Ok], "the first verdict stays");
    assert_eq!(store.slots(&id("job.x"), at(1)).unwrap().len(), 1);
}

fn briefs_and_gaps_are_newest_first(store: &dyn Store) {
    store
        .commit(Commit {
            signals: vec![
                signal("s1", "job.x", Some("r1"), 10, start()),
                signal("s2", "job.x", Some("r1"), 14, success()),
                signal("s3", "job.y", Some("r2"), 20, start()),
                signal("s4", "job.x", Some("r3"), 30, start()),
                signal("s5", "job.x", Some("r3"), 31, failure()),
            ],
            slots: vec![
                slot("job.x", 10, Verdict::Ok),
                slot("job.y", 5, Verdict::Missed),
                slot("job.y", 15, Verdict::Unknown),
                slot("job.x", 1, Verdict::Missed),
            ],
            ..Commit::default()
        })
        .unwrap();
    let briefs = |about: Option<&str>, since, limit| {
        let about = about.map(id);
        let briefs = store.briefs(about.as_ref(), at(since), limit).unwrap();
        briefs.into_iter().map(|brief| (brief.id.to_string(), brief.state)).collect::<Vec<_>>()
    };
    let (r1, r2, r3) = (
        ("r1".to_owned(), BriefState::Ok),
        ("r2".to_owned(), BriefState::Running),
        ("r3".to_owned(), BriefState::Failed),
    );
    assert_eq!(briefs(None, 0, 9), [r3.clone(), r2.clone(), r1.clone()]);
    assert_eq!(briefs(None, 11, 9), [r3.clone(), r2]);
    assert_eq!(briefs(None, 30, 9).as_slice(), std::slice::from_ref(&r3));
    assert_eq!(briefs(None, 0, 1).len(), 1);
    assert_eq!(briefs(Some("job.x"), 10, 9), [r3, r1]);
    let gaps: Vec<_> = store.gaps(at(5)).unwrap().into_iter().map(|gap| (gap.due, gap.verdict)).collect();
    assert_eq!(gaps, [(at(15), Verdict::Unknown), (at(5), Verdict::Missed)]);
}

fn a_link_is_spent_once(store: &dyn Store) {
    let link = Credential {
        digest: "d1".into(),
        kind: CredentialKind::Link,
        scope: "sign-in".into(),
        by: "root".into(),
        created: at(0),
        expires: Some(at(60)),
        used: None,
    };
    store.put_credential(&link).unwrap();
    assert_eq!(store.credential("d1").unwrap(), Some(link.clone()));
    assert_eq!(store.spend_credential("d1", at(60)).unwrap(), None, "expired");
    let spent = store.spend_credential("d1", at(9)).unwrap().unwrap();
    assert_eq!(spent.used, Some(at(9)));
    assert_eq!(store.spend_credential("d1", at(10)).unwrap(), None, "spent");
    let token = Credential { digest: "d2".into(), kind: CredentialKind::Token, expires: None, ..link };
    store.put_credential(&token).unwrap();
    store.put_credential(&Credential { used: Some(at(4)), ..token }).unwrap();
    assert_eq!(store.credentials().unwrap().len(), 2);
    store.prune(&Keep::default(), at(61)).unwrap();
    assert_eq!(store.credentials().unwrap().len(), 1, "an expired link goes, a token without end stays");
    assert!(store.drop_credential("d2").unwrap());
    assert!(!store.drop_credential("d2").unwrap());
}

fn pruning_by_age_keeps_what_is_open(store: &dyn Store) {
    let mut told = waiting("i", 0, 1);
    told.state = EntryState::Delivered { at: at(2), receipt: String::new() };
    store
        .commit(Commit {
            signals: vec![
                signal("s1", "job.x", Some("r1"), 1, start()),
                signal("s2", "job.x", Some("r2"), 2, start()),
                signal("s3", "job.x", Some("r2"), 3, success()),
            ],
            rows: vec![(id("job.x"), "{}".into())],
            transitions: vec![transition("job.x", 1), transition("job.x", 2), transition("job.y", 1)],
            slots: vec![slot("job.x", 1, Verdict::Ok), slot("job.x", 500, Verdict::Ok)],
            forgotten: vec![told.key()],
            outbox: vec![told, waiting("i", 1, 1)],
            ..Commit::default()
        })
        .unwrap();
    let keep = Keep { age: Span::seconds(100), bytes: 1 << 30, ..Keep::default() };
    let pruned = store.prune(&keep, at(550)).unwrap();
    assert_eq!(pruned.rows, 3 + 1 + 1 + 1 + 1, "signals, a run, a transition, a slot, a told page");
    assert!(!pruned.more);
    assert_eq!(store.open_runs().unwrap().len(), 1);
    assert_eq!(store.transitions(Some(&id("job.x")), None, 9).unwrap().items, [transition("job.x", 2)]);
    assert_eq!(store.transitions(Some(&id("job.y")), None, 9).unwrap().items, [transition("job.y", 1)]);
    let loaded = store.load().unwrap();
    assert_eq!((loaded.rows.len(), loaded.outbox.len()), (1, 1));
    assert_eq!(store.slots(&id("job.x"), at(0)).unwrap().len(), 1);
    assert_eq!(store.prune(&keep, at(550)).unwrap().rows, 0);
}

/// After a time without a disk, what memory held becomes part of the lasting history.
pub(crate) fn memory_into_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, _) = Sqlite::open(&folder.path().join("m.db"), &Keep::default(), at(0)).unwrap();
    let before = Commit {
        signals: vec![signal("s1", "job.x", Some("r"), 1, start())],
        rows: vec![(id("job.x"), "1".into()), (id("job.old"), "1".into())],
        outbox: vec![waiting("i", 0, 1)],
        ..Commit::default()
    };
    disk.commit(before).unwrap();
    let memory = Memory::new();
    let mut told = waiting("i", 0, 1);
    told.state = EntryState::Delivered { at: at(2), receipt: String::new() };
    let during = Commit {
        signals: vec![signal("s2", "job.x", Some("r"), 2, success())],
        rows: vec![(id("job.x"), "2".into())],
        removed: vec![id("job.old")],
        forgotten: vec![told.key()],
        outbox: vec![told],
        ..Commit::default()
    };
    memory.commit(during).unwrap();
    let (held, dropped) = memory.held();
    disk.commit(held).unwrap();
    assert_eq!(dropped, 0);
    let loaded = disk.load().unwrap();
    assert_eq!(loaded.rows, [(id("job.x"), "2".to_owned())]);
    assert!(loaded.outbox.is_empty());
    let run = disk.run(&id("job.x"), &RunId::new("r").unwrap()).unwrap().unwrap();
    assert!(matches!(run.state, RunState::Ok(_)), "the end heard in memory ends the run begun on disk");
    // And memory never grows without end.
    for round in 0..30 {
        let signals = (0..500).map(|n| beat(&format!("b{round}-{n}"), round)).collect();
        memory.commit(Commit { signals, ..Commit::default() }).unwrap();
    }
    assert!(memory.signals(None, None, 1000).unwrap().items.len() == 1000);
    assert!(memory.size().unwrap() < 4 << 20);
    assert!(memory.held().1 > 10_000, "what was given up is counted");
}

/// The cap is a real one, a full store makes room by itself, and pruning brings it below its bound.
pub(crate) fn bounds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.db");
    let keep = Keep { age: Span::days(1000), bytes: 1 << 20, ..Keep::default() };
    let (store, _) = Sqlite::open(&path, &keep, at(0)).unwrap();
    store
        .commit(Commit {
            signals: vec![signal("open", "job.x", Some("r"), 0, start())],
            outbox: vec![waiting("i", 0, 0)],
            ..Commit::default()
        })
        .unwrap();
    for round in 0..60 {
        let signals = (0..200).map(|n| beat(&format!("{round}-{n}"), round * 200 + n)).collect();
        store.commit(Commit { signals, ..Commit::default() }).unwrap();
        assert!(std::fs::metadata(&path).unwrap().len() <= keep.hard_cap());
    }
    let mut calls = 0;
    while store.prune(&keep, at(20_000)).unwrap().more {
        calls += 1;
        assert!(calls < 200, "pruning must come to an end");
    }
    assert!(store.size().unwrap() <= keep.bytes);
    let newest = store.signals(None, None, 1).unwrap().items;
    assert_eq!(newest[0].id.as_str(), "59-199", "the newest stays");
    assert_eq!(store.open_runs().unwrap().len(), 1);
    assert_eq!(store.load().unwrap().outbox.len(), 1);
    assert_eq!(store.health().fault, None);
}
