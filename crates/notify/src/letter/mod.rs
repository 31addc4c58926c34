//! The words of a page: one title and a body that a tired person can act on.
//!
//! | module | holds |
//! |---|---|
//! | `sheet` | [`Letter`], the written page |
//! | `desk` | [`Desk`], which writes it in a zone and for an installation |

mod desk;
mod sheet;

pub use desk::Desk;
pub use sheet::{Event, Letter};
