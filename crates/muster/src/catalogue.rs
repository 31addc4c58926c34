//! Every kind of every family: the one file that names the tables of the rooms. A room that gains a family gains a line
//! here.

use muster_config::kind::Catalogue;

/// What a channel of the configuration comes to, whatever its kind. No kind has a row yet.
pub(crate) type Part = std::convert::Infallible;

/// The whole catalogue. All fields are written out, so that a forgotten family does not compile.
pub(crate) const CATALOGUE: Catalogue<Part> = Catalogue { channels: &[] };
