//! Collectors: each reads one part of a host within its own time and its own bounds, changes nothing and judges nothing.

pub mod firewall;
