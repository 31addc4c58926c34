//! The kinds of check: one file each, one row here.

use muster_config::kind::Kind;

use crate::probe::Part;

pub mod command;
pub mod dns;
pub mod file;
pub mod imap;
pub mod mail;
pub mod ping;
pub mod smtp;

/// Every kind, in the order of the reference page.
pub const KINDS: &[Kind<Part>] =
    &[dns::ROW, ping::ROW, smtp::ROW, imap::ROW, mail::ROW, file::ROW, command::ROW];

#[cfg(test)]
mod tests;
