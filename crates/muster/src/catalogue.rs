//! Every kind of every family: the one file that names the tables of the rooms. A room that gains a family gains a line
//! here.

use muster_checks::probe;
use muster_config::kind::Catalogue;
use muster_notify::{kinds, medium};

/// What a channel of the configuration comes to, whatever its kind.
pub(crate) type Part = medium::Part;

/// What a check of the configuration comes to, whatever its kind.
pub(crate) type Probe = probe::Part;

/// The whole catalogue. All fields are written out, so that a forgotten family does not compile.
pub(crate) const CATALOGUE: Catalogue<Part, Probe> =
    Catalogue { channels: kinds::KINDS, checks: muster_checks::kinds::KINDS };
