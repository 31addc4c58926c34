//! The kinds of check: one file each, one row here.

use muster_config::kind::Kind;

use crate::probe::Part;

/// Every kind, in the order of the reference page.
pub const KINDS: &[Kind<Part>] = &[];
