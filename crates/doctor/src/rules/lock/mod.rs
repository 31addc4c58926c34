//! Traps in locks.
