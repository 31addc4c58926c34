//! The kinds of channel: one file each, one row here.

use muster_config::kind::Kind;

use crate::medium::Part;

pub mod command;
pub mod email;
pub mod ntfy;
pub mod slack;
pub mod telegram;
pub mod webhook;

/// Every kind, in the order of the reference page.
pub const KINDS: &[Kind<Part>] =
    &[email::ROW, slack::ROW, webhook::ROW, ntfy::ROW, telegram::ROW, command::ROW];

#[cfg(test)]
mod tests;
