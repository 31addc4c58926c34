//! What was seen of a host, as data: one file for each part. Nothing in here is judged.

pub use muster_core::fact::Fact;

pub mod firewall;
