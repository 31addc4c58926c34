//! The file read without an agent: what was last written down, for people who ask while nobody runs. Nothing is
//! migrated, moved aside or changed.

use std::path::Path;

use muster_core::ids::{ExpectationId, RunId};

use super::read;
use super::readers::Readers;
use crate::contract::{Loaded, StoreError};
use crate::history::{Cursor, Listed, Run};

/// The embedded database, for reading only.
pub struct Archive {
    readers: Readers,
}

impl Archive {
    /// The file at `path`; none if there is no file.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the folder cannot be looked into.
    pub fn open(path: &Path) -> Result<Option<Self>, StoreError> {
        match path.try_exists() {
            Ok(true) => Ok(Some(Self { readers: Readers::new(path.to_owned()) })),
            Ok(false) => Ok(None),
            Err(error) => Err(StoreError::Unavailable(format!("{}: {error}", path.display()))),
        }
    }

    /// All rows of the roll call and the entries that still wait.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub fn load(&self) -> Result<Loaded, StoreError> {
        self.readers.read(read::load)
    }

    /// Runs of one expectation, or of all, by their start, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub fn runs(
        &self,
        about: Option<&ExpectationId>,
        before: Option<Cursor>,
        limit: usize,
    ) -> Result<Listed<Run>, StoreError> {
        self.readers.read(|connection| read::runs(connection, about, before, limit))
    }

    /// One run.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub fn run(&self, about: &ExpectationId, id: &RunId) -> Result<Option<Run>, StoreError> {
        self.readers.read(|connection| read::run(connection, about, id))
    }
}

#[cfg(test)]
mod tests {
    use muster_core::time::Timestamp;

    use super::*;
    use crate::keep::Keep;
    use crate::sqlite::Sqlite;

    #[test]
    fn an_archive_reads_beside_and_after_the_engine_and_makes_no_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("muster.db");
        assert!(Archive::open(&path).expect("looked").is_none());
        assert!(!path.exists());
        let now = Timestamp::from_seconds(1_795_248_000);
        let (engine, _) = Sqlite::open(&path, &Keep::default(), now).expect("opened");
        let archive = Archive::open(&path).expect("looked").expect("there");
        assert!(archive.runs(None, None, 10).expect("read").items.is_empty());
        drop(engine);
        assert!(archive.load().expect("read").rows.is_empty());
    }
}
