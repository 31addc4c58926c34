//! What nginx is told, read as it reads it itself.
//!
//! | module | holds |
//! |---|---|
//! | [`directive`] | one directive with its place, and those in it |
//! | [`parse`](mod@parse) | the text of one file as a tree |
//! | [`whole`] | all files of a configuration as one tree |

pub mod directive;
pub mod parse;
pub mod whole;

pub use directive::{Directive, each};
pub use parse::parse;
pub use whole::{Configuration, fits};
