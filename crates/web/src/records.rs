//! The store and the logs, asked from async code. Both block, so each question runs on a thread that may wait, and
//! has a deadline.

use std::sync::Arc;
use std::time::Duration;

use muster_store::contract::{Store, StoreError};

/// Longest wait for an answer of the store.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Asks the store.
///
/// # Errors
/// What the store says, or [`StoreError::Unavailable`] when it does not answer in time.
pub async fn ask<T: Send + 'static>(
    store: &Arc<dyn Store>,
    question: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let store = Arc::clone(store);
    blocking(move || question(store.as_ref())).await.unwrap_or_else(|| {
        Err(StoreError::Unavailable(format!("no answer within {} s", ANSWER_WITHIN.as_secs())))
    })
}

/// Runs something that blocks; none if it takes longer than [`ANSWER_WITHIN`] or dies.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::time::timeout(ANSWER_WITHIN, tokio::task::spawn_blocking(work)).await.ok()?.ok()
}
