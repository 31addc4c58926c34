//! Who subscribed, and that everybody who was on the list gets each bulletin once.

use std::path::Path;

use muster_core::ids::IncidentId;
use muster_core::notice::{Amendment, Extent, NoticeId, Stage, Touched, Update};
use muster_core::time::{Span, Timestamp};
use muster_store::contract::{Commit, Store, StoreError};
use muster_store::keep::Keep;
use muster_store::mailing::{
    BULLETIN_LIMIT, Fate, MAIL_LIMIT, MAILED_WITHIN, Mailing, SUBSCRIBER_LIMIT, Subscribed,
};
use muster_store::memory::Memory;
use muster_store::sqlite::Sqlite;

use crate::made::{at, id};

fn open(path: &Path) -> Sqlite {
    Sqlite::open(path, &Keep::default(), at(0)).unwrap().0
}

/// A store in a folder of its own.
fn store() -> (tempfile::TempDir, Sqlite) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("muster.db"));
    (folder, store)
}

fn subscribe(store: &Sqlite, names: &[&str]) {
    for name in names {
        assert_eq!(store.subscribe(&format!("{name}@example.com"), at(0)).unwrap(), Subscribed::New);
    }
}

fn seen(second: i64) -> Amendment {
    Amendment::Seen {
        incident: IncidentId::of(&id("check.s3cret"), at(second)),
        touched: vec![Touched { component: "API".into(), extent: Extent::Down }],
        at: at(second),
        words: "API is not available.".into(),
    }
}

fn over(began: i64, second: i64) -> Amendment {
    let incident = IncidentId::of(&id("check.s3cret"), at(began));
    Amendment::Over { incident, at: at(second), words: "API is available again.".into() }
}

fn said(second: i64, words: &str) -> Amendment {
    let by = Some("s3cret-ann".to_owned());
    Amendment::Said(Update { at: at(second), stage: Stage::Identified, words: words.into(), by })
}

fn amend(store: &Sqlite, amendments: &[Amendment]) {
    let amendments = amendments.iter().map(|one| (NoticeId::of(at(0), 0), one.clone())).collect();
    store.commit(Commit { amendments, ..Commit::default() }).unwrap();
}

fn spread(store: &Sqlite, now: Timestamp) {
    while store.spread(now).unwrap() {}
}

/// Takes every mail that is due; address and words of each.
fn take(store: &Sqlite, now: Timestamp) -> Vec<(String, String)> {
    spread(store, now);
    let mut taken = Vec::new();
    while let Some(mail) = store.next_mail(now).unwrap() {
        store.settle_mail(mail.number, Fate::Taken).unwrap();
        taken.push((mail.address.replace("@example.com", ""), mail.notice.updates[0].words.clone()));
    }
    taken.sort();
    taken
}

fn words(taken: &[(String, String)]) -> Vec<&str> {
    taken.iter().map(|(_, words)| words.as_str()).collect()
}

pub(crate) fn once_each() {
    let (folder, store) = store();
    subscribe(&store, &["ann", "bob"]);
    let amendments = [seen(10), said(20, "A disk is full.")];
    amend(&store, &amendments);
    subscribe(&store, &["late"]);
    // The same commit again, a mail or two, and a new life.
    amend(&store, &amendments);
    assert!(store.spread(at(30)).unwrap());
    let first = store.next_mail(at(30)).unwrap().unwrap();
    store.settle_mail(first.number, Fate::Taken).unwrap();
    drop(store);
    let store = open(&folder.path().join("muster.db"));
    amend(&store, &amendments);
    let taken = take(&store, at(40));
    assert_eq!(words(&taken).len(), 3, "{taken:?}");
    assert!(taken.iter().all(|(who, _)| who != "late"), "{taken:?}");
    assert_eq!(take(&store, at(50)), [], "nothing twice");
    let counts = store.mail_counts().unwrap();
    assert_eq!((counts.subscribers, counts.waiting, counts.taken, counts.given_up), (3, 0, 4, 0));
}

pub(crate) fn public_words() {
    let (folder, store) = store();
    subscribe(&store, &["ann"]);
    amend(&store, &[seen(10), said(20, "A disk is full.")]);
    spread(&store, at(30));
    let first = store.next_mail(at(30)).unwrap().unwrap();
    assert_eq!((first.notice.updates.len(), first.notice.updates[0].stage), (1, Stage::Noticed));
    store.settle_mail(first.number, Fate::Taken).unwrap();
    let second = store.next_mail(at(30)).unwrap().unwrap();
    assert_ne!(first.amendment, second.amendment);
    assert!(!format!("{first:?}{second:?}").contains("s3cret"));
    drop(store);
    let connection = rusqlite::Connection::open(folder.path().join("muster.db")).unwrap();
    let bodies: String =
        connection.query_row("SELECT group_concat(body) FROM bulletins", [], |row| row.get(0)).unwrap();
    assert!(!bodies.contains("s3cret"), "{bodies}");
}

pub(crate) fn the_list() {
    let (_folder, store) = store();
    subscribe(&store, &["ann"]);
    assert_eq!(store.subscribe("ANN@example.com", at(5)).unwrap(), Subscribed::Already);
    assert_eq!(store.subscribers().unwrap().len(), 1);
    amend(&store, &[seen(10)]);
    spread(&store, at(11));
    assert!(store.unsubscribe("Ann@Example.com").unwrap());
    assert!(!store.unsubscribe("ann@example.com").unwrap(), "it was ended before");
    assert_eq!(store.next_mail(at(12)).unwrap(), None, "what waited went with it");
    // Whoever comes back gets what is said from then on.
    subscribe(&store, &["ann"]);
    assert_eq!(take(&store, at(13)), []);
    for n in 1..SUBSCRIBER_LIMIT {
        assert_eq!(store.subscribe(&format!("{n}@example.com"), at(0)).unwrap(), Subscribed::New);
    }
    assert_eq!(store.subscribe("more@example.com", at(0)).unwrap(), Subscribed::Full);
}

pub(crate) fn hidden() {
    let (_folder, store) = store();
    subscribe(&store, &["ann"]);
    amend(&store, &[seen(10)]);
    spread(&store, at(11));
    amend(&store, &[said(20, "Not for everybody."), Amendment::Hidden(true), said(30, "Neither this.")]);
    assert_eq!(take(&store, at(31)), []);
    amend(&store, &[Amendment::Hidden(false), said(40, "This is.")]);
    assert_eq!(words(&take(&store, at(41))), ["This is."]);
}

pub(crate) fn order() {
    let (_folder, store) = store();
    subscribe(&store, &["ann", "bob"]);
    amend(&store, &[seen(10), over(10, 20)]);
    spread(&store, at(21));
    let first = store.next_mail(at(21)).unwrap().unwrap();
    store.settle_mail(first.number, Fate::Later(at(600))).unwrap();
    let taken = take(&store, at(22));
    assert_eq!(taken.iter().map(|(who, _)| who.as_str()).collect::<Vec<_>>(), ["bob", "bob"]);
    let again = store.next_mail(at(600)).unwrap().unwrap();
    assert_eq!((again.number, again.tries), (first.number, 1));
    assert_eq!(words(&take(&store, at(600))), ["API is available again.", "API is not available."]);
}

pub(crate) fn too_late() {
    let (_folder, store) = store();
    subscribe(&store, &["ann"]);
    amend(&store, &[seen(10)]);
    spread(&store, at(11));
    let mail = store.next_mail(at(11)).unwrap().unwrap();
    store.settle_mail(mail.number, Fate::Later(at(600))).unwrap();
    let late = at(10) + MAILED_WITHIN;
    assert_eq!(take(&store, late), []);
    assert_eq!(store.mail_counts().unwrap().given_up, 1);
    // What was old when it became known is not mailed at all.
    amend(&store, &[said(11, "Long ago.")]);
    assert_eq!(take(&store, late + Span::seconds(5)), []);
    assert_eq!(store.mail_counts().unwrap().dropped, 1);
}

pub(crate) fn refused() {
    let (_folder, store) = store();
    subscribe(&store, &["ann"]);
    let refuse = |second: i64, recipient: bool| {
        amend(&store, &[said(second, "…")]);
        spread(&store, at(second));
        let mail = store.next_mail(at(second)).unwrap().unwrap();
        store.settle_mail(mail.number, Fate::Refused { recipient }).unwrap()
    };
    amend(&store, &[Amendment::Opened { title: "Slow".into(), touched: Vec::new(), at: at(0) }]);
    assert!(!refuse(1, true) && !refuse(2, true));
    // One that arrives begins the count anew; a server that refuses all is not the recipient's fault.
    amend(&store, &[said(3, "…")]);
    take(&store, at(3));
    assert!(!refuse(4, true) && !refuse(5, true) && !refuse(6, false));
    assert_eq!(store.subscribers().unwrap()[0].refused, 2);
    assert!(refuse(7, true), "the third in a row");
    assert_eq!(store.subscribers().unwrap(), []);
}

pub(crate) fn bounds() {
    let (_folder, store) = store();
    for n in 0..150 {
        subscribe(&store, &[&format!("p{n}")]);
    }
    amend(&store, &[Amendment::Opened { title: "Slow".into(), touched: Vec::new(), at: at(0) }]);
    let now = at(10_000);
    for n in 0..BULLETIN_LIMIT + 20 {
        let amendments = vec![
            (NoticeId::of(at(n), 1), Amendment::Opened { title: "x".into(), touched: vec![], at: at(n) }),
            (NoticeId::of(at(n), 1), said(9_000 + n % 7, &format!("{n}"))),
        ];
        store.commit(Commit { amendments, ..Commit::default() }).unwrap();
    }
    assert_eq!(store.mail_counts().unwrap().dropped, 20);
    spread(&store, now);
    let counts = store.mail_counts().unwrap();
    assert_eq!(counts.waiting, MAIL_LIMIT, "{counts:?}");
    assert!(counts.unspread > 0, "the rest waits");
    let mail = store.next_mail(now).unwrap().unwrap();
    store.settle_mail(mail.number, Fate::Taken).unwrap();
    spread(&store, now);
    assert_eq!(store.mail_counts().unwrap().waiting, MAIL_LIMIT);
}

pub(crate) fn flapping() {
    let (_folder, store) = store();
    subscribe(&store, &["ann"]);
    let mut got = Vec::new();
    for n in 0..20 {
        let began = n * 60;
        amend(&store, &[seen(began)]);
        got.extend(take(&store, at(began + 1)));
        amend(&store, &[over(began, began + 30)]);
        got.extend(take(&store, at(began + 31)));
    }
    // Four at once, one when the last was a quarter of an hour old; the newest at the end.
    assert_eq!(got.len(), 5, "{got:?}");
    // What a person says goes out all the same.
    amend(&store, &[said(1_201, "We are looking.")]);
    assert_eq!(words(&take(&store, at(1_202))), ["We are looking."]);
    let last = take(&store, at(2_400));
    assert_eq!(words(&last), ["API is available again."]);
    assert_eq!(take(&store, at(9_000)), []);
}

pub(crate) fn clock_set_back() {
    let (_folder, store) = store();
    subscribe(&store, &["ann"]);
    amend(&store, &[seen(10)]);
    spread(&store, at(86_000));
    let mail = store.next_mail(at(86_000)).unwrap().unwrap();
    store.settle_mail(mail.number, Fate::Later(at(86_300))).unwrap();
    assert_eq!(take(&store, at(20)).len(), 1, "it does not wait for a day that was none");
}

pub(crate) fn schema_4() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("muster.db");
    let store = open(&path);
    amend(&store, &[seen(10)]);
    drop(store);
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "DROP TABLE subscribers; DROP TABLE bulletins; DROP TABLE mails; DROP TABLE mail_counts; PRAGMA user_version = 4",
        )
        .unwrap();
    drop(connection);
    let store = open(&path);
    assert_eq!(store.notices(at(0)).unwrap().len(), 1);
    subscribe(&store, &["ann"]);
    amend(&store, &[said(20, "A disk is full.")]);
    assert_eq!(words(&take(&store, at(21))), ["A disk is full."]);
}

pub(crate) fn memory() {
    let memory = Memory::new();
    let refused = memory.subscribe("ann@example.com", at(0));
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    // What happened while the disk was gone is mailed once it is back.
    let amendments = vec![(NoticeId::of(at(0), 0), seen(10))];
    memory.commit(Commit { amendments, ..Commit::default() }).unwrap();
    let (_folder, store) = store();
    subscribe(&store, &["ann"]);
    store.commit(memory.held().0).unwrap();
    assert_eq!(words(&take(&store, at(20))), ["API is not available."]);
}
