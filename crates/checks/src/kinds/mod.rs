//! The kinds of check: one file each, one row here.

use muster_config::kind::Kind;

use crate::probe::Part;

pub mod certificate;
pub mod command;
pub mod dns;
pub mod domain;
pub mod file;
pub mod flow;
pub mod http;
pub mod imap;
pub mod mail;
pub mod object;
pub mod ping;
pub mod redis;
pub mod smtp;
pub mod sql;
pub mod tcp;
pub mod tls;

/// Every kind, in the order of the reference page.
pub const KINDS: &[Kind<Part>] = &[
    http::ROW,
    tcp::ROW,
    tls::ROW,
    certificate::ROW,
    domain::ROW,
    dns::ROW,
    ping::ROW,
    smtp::ROW,
    imap::ROW,
    mail::ROW,
    file::ROW,
    object::ROW,
    flow::ROW,
    command::ROW,
    sql::ROW,
    redis::ROW,
];

#[cfg(test)]
mod tests;
