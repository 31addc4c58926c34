//! Files of other versions. `schema-1.db` was written by the first release of the schema and is never made again.

use std::path::Path;

use muster_core::ids::RunId;
use muster_store::contract::{Commit, Store, StoreError};
use muster_store::history::RunState;
use muster_store::keep::Keep;
use muster_store::sqlite::{Opened, Sqlite};

use crate::made::{at, beat, id};

pub(crate) fn schema_1() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("muster.db");
    let frozen = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/schema-1.db");
    std::fs::copy(frozen, &path).unwrap();
    let (store, opened) = Sqlite::open(&path, &Keep::default(), at(0)).unwrap();
    assert_eq!(opened, Opened::Existing);
    let loaded = store.load().unwrap();
    assert_eq!(loaded.unreadable, Vec::<String>::new());
    assert_eq!((loaded.rows.len(), loaded.outbox.len()), (1, 1));
    assert_eq!(loaded.watermark.unwrap().boot, "b");
    let run = store.run(&id("job.x"), &RunId::new("r1").unwrap()).unwrap().unwrap();
    assert!(matches!(run.state, RunState::Failed(_)));
    assert_eq!(store.signals(None, None, 9).unwrap().items.len(), 3);
    assert_eq!(store.transitions(None, None, 9).unwrap().items.len(), 1);
    assert_eq!(store.slots(&id("job.x"), at(0)).unwrap().len(), 1);
    assert_eq!(store.credentials().unwrap().len(), 1);
    store.commit(Commit { signals: vec![beat("new", 5)], ..Commit::default() }).unwrap();
}

pub(crate) fn newer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("muster.db");
    drop(Sqlite::open(&path, &Keep::default(), at(0)).unwrap());
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 999).unwrap();
    let result = Sqlite::open(&path, &Keep::default(), at(0)).map(|(_, opened)| opened);
    assert!(matches!(result, Err(StoreError::TooNew { found: 999, .. })), "{result:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was set aside");
}
