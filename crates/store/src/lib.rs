//! What is remembered: SQLite behind one contract.
