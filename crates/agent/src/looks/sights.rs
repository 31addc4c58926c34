//! The last sight of each check, for the screens. In memory only: after a start it fills up within seconds.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use muster_core::ids::ExpectationId;
use muster_core::look::Last;

/// How everything looked last.
#[derive(Debug, Default)]
pub struct Sights(RwLock<BTreeMap<ExpectationId, Arc<Last>>>);

impl Sights {
    /// How one check looked last; none if it is not looked at.
    pub fn of(&self, about: &ExpectationId) -> Option<Arc<Last>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(about).cloned()
    }

    /// All of them, by name.
    pub fn all(&self) -> Vec<Arc<Last>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    pub(super) fn put(&self, last: Last) {
        let mut sights = self.0.write().unwrap_or_else(PoisonError::into_inner);
        sights.insert(last.about.clone(), Arc::new(last));
    }

    /// Forgets what is looked at no more.
    pub(super) fn keep(&self, keep: impl Fn(&ExpectationId) -> bool) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).retain(|about, _| keep(about));
    }
}
