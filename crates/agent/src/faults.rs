//! What is wrong with muster itself, shown on every page until it is right again.

use std::collections::BTreeMap;

use muster_core::board::Fault;
use muster_core::time::Timestamp;
use muster_store::contract::StoreError;

/// What can be wrong with the store, as `StoreError::code` says it.
const STORE: [&str; 5] = ["M0301", "M0302", "M0303", "M0304", "M0305"];
/// The configuration on disk cannot be used.
pub(crate) const CONFIG: &str = "M0311";
/// The history was damaged and begun anew.
pub(crate) const REPLACED: &str = "M0306";
/// Something stored could not be read.
pub(crate) const UNREADABLE: &str = "M0307";
/// While the store was gone more happened than memory could hold.
pub(crate) const GAVE_UP: &str = "M0308";
/// More unknown names were heard than are taken in.
pub(crate) const TOO_MANY: &str = "M0312";

/// The faults of the moment by code.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    by_code: BTreeMap<&'static str, Fault>,
    changed: bool,
}

impl Faults {
    /// Raises a fault, or changes its words; `since` stays as it was.
    pub(crate) fn raise(&mut self, code: &'static str, what: String, help: &str, now: Timestamp) {
        let since = self.by_code.get(code).map_or(now, |fault| fault.since);
        let fault = Fault { code: code.to_owned(), what, help: help.to_owned(), since };
        self.changed |= self.by_code.get(code) != Some(&fault);
        self.by_code.insert(code, fault);
    }

    /// Raises the fault of a store that is gone. There is one at a time: a reason that changes keeps its beginning.
    pub(crate) fn lack_store(&mut self, error: &StoreError, what: String, now: Timestamp) {
        let since = STORE.iter().filter_map(|code| self.by_code.get(code)).map(|fault| fault.since).min();
        if !self.by_code.contains_key(error.code()) {
            self.clear_store();
        }
        self.raise(error.code(), what, error.help(), since.unwrap_or(now));
    }

    /// The store is back.
    pub(crate) fn clear_store(&mut self) {
        for code in STORE {
            self.clear(code);
        }
    }

    /// Takes a fault back.
    pub(crate) fn clear(&mut self, code: &str) {
        self.changed |= self.by_code.remove(code).is_some();
    }

    /// True if something changed since the last call.
    pub(crate) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    pub(crate) fn list(&self) -> Vec<Fault> {
        self.by_code.values().cloned().collect()
    }
}
