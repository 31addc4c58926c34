//! Temporary hosts, loopback servers and fault injection for tests.
//!
//! | module | holds |
//! |---|---|
//! | [`suite`] | tests that need a part of the machine, counted as ignored where it is missing |
//! | [`database`] | PostgreSQL, MariaDB, Redis |
//! | [`swift`] | an object store: OpenStack Swift, spoken to as S3 |
//! | [`http`] | a web server that answers, refuses, hangs, drips or breaks off |
//! | [`smtp`] | a mail server that takes, refuses, hangs or upgrades to TLS |
//! | [`bind`] | BIND, answering for zones of ours |
//! | [`mailhost`] | Dovecot and OpenSMTPD, from submission to mailbox |
//! | [`tls`] | a certificate of our own for loopback servers |
//! | [`port`] | ports that refuse |
//! | [`raw`] | a server that does with each connection what the test says |

pub mod bind;
mod daemon;
pub mod database;
pub mod http;
mod listener;
pub mod mailhost;
pub mod port;
pub mod raw;
pub mod smtp;
pub mod suite;
pub mod swift;
pub mod tls;
mod until;
