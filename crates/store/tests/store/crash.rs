//! What a crash leaves: whole transactions only, and every one that was confirmed.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;

use muster_store::contract::{Commit, Store};
use muster_store::keep::Keep;
use muster_store::sqlite::{Opened, Sqlite};

use crate::made::{at, beat, id, transition, waiting};

/// Set for the child process of [`kill_9`]: the path of the database.
pub(crate) const CHILD: &str = "MUSTER_STORE_TEST_CHILD";

/// Signals, transitions and pages of one commit.
const EACH: usize = 5;

fn open(path: &Path) -> (Sqlite, Opened) {
    Sqlite::open(path, &Keep::default(), at(0)).unwrap()
}

fn done(store: &Sqlite) -> usize {
    store.load().unwrap().rows.first().map_or(0, |(_, n)| n.parse().unwrap())
}

/// Commits numbered steps for ever and says each number once it is durable.
pub(crate) fn child(path: &Path) -> ExitCode {
    let (store, _) = open(path);
    for step in done(&store) + 1..100_000 {
        let number = |n: usize| u32::try_from(step * EACH + n).unwrap();
        store
            .commit(Commit {
                signals: (0..EACH).map(|n| beat(&format!("{step}-{n}"), 1)).collect(),
                rows: vec![(id("job.x"), step.to_string())],
                transitions: (0..EACH).map(|_| transition("job.x", 1)).collect(),
                outbox: (0..EACH).map(|n| waiting("i", number(n), 1)).collect(),
                ..Commit::default()
            })
            .unwrap();
        println!("{step}");
    }
    ExitCode::SUCCESS
}

pub(crate) fn kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.db");
    let mut confirmed = 0;
    for round in 0..6 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for _ in 0..7 + round * 11 {
            confirmed = lines.next().unwrap().unwrap().parse().unwrap();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it said between the last line read and its death.
        for line in lines.map_while(Result::ok) {
            confirmed = line.parse().unwrap_or(confirmed);
        }
        let (store, opened) = open(&path);
        assert_eq!(opened, Opened::Existing);
        let steps = done(&store);
        assert!(steps >= confirmed, "confirmed {confirmed}, found {steps}");
        assert_eq!(store.load().unwrap().outbox.len(), steps * EACH);
        assert_eq!(count(|before| store.signals(None, before, 1000).unwrap()), steps * EACH);
        assert_eq!(count(|before| store.transitions(None, before, 1000).unwrap()), steps * EACH);
    }
    assert!(confirmed > 100, "{confirmed}");
}

fn count<T>(
    page: impl Fn(Option<muster_store::history::Cursor>) -> muster_store::history::Listed<T>,
) -> usize {
    let mut total = 0;
    let mut before = None;
    loop {
        let listed = page(before);
        total += listed.items.len();
        before = listed.next;
        if before.is_none() {
            return total;
        }
    }
}

pub(crate) fn group_commit() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(open(&folder.path().join("m.db")).0);
    let threads: Vec<_> = (0..20)
        .map(|thread| {
            let store = Arc::clone(&store);
            std::thread::spawn(move || {
                for n in 0..50 {
                    let signals = vec![beat(&format!("{thread}-{n}"), n)];
                    store.commit(Commit { signals, ..Commit::default() }).unwrap();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(count(|before| store.signals(None, before, 1000).unwrap()), 1000);
}
