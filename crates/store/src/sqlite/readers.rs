//! The small pool of reading connections. Each read is one short statement with a limit, so no reader can hold the
//! write-ahead log back.

use std::path::PathBuf;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::open;
use crate::contract::StoreError;

/// Reads at the same time.
const READERS: usize = 2;

/// How long a read waits for its turn.
const TURN: Duration = Duration::from_secs(5);

/// Connections are made when first needed and kept.
pub(super) struct Readers {
    path: PathBuf,
    pool: Mutex<Pool>,
    freed: Condvar,
}

struct Pool {
    idle: Vec<Connection>,
    lent: usize,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, pool: Mutex::new(Pool { idle: Vec::new(), lent: 0 }), freed: Condvar::new() }
    }

    pub(super) fn read<T>(
        &self,
        act: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let connection = match self.borrow()? {
            Some(idle) => Ok(idle),
            None => open::open_reader(&self.path),
        };
        let result = match &connection {
            Ok(connection) => act(connection),
            Err(error) => Err(error.clone()),
        };
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        pool.lent -= 1;
        if let Ok(connection) = connection {
            pool.idle.push(connection);
        }
        drop(pool);
        self.freed.notify_one();
        result
    }

    fn borrow(&self) -> Result<Option<Connection>, StoreError> {
        let until = Instant::now() + TURN;
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        while pool.lent >= READERS {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(StoreError::Unavailable(format!("all readers were busy for {TURN:?}")));
            }
            pool = self.freed.wait_timeout(pool, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        pool.lent += 1;
        Ok(pool.idle.pop())
    }
}
