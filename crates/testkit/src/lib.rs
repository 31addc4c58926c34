//! Temporary hosts, loopback servers and fault injection for tests.

pub mod suite;
