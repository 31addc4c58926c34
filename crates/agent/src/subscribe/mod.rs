//! People who have what is reported mailed to them: how they come onto the list and off it again.
//!
//! | module | holds |
//! |---|---|
//! | [`address`] | which texts are mail addresses, and how they are shown |
//! | [`token`] | the seals of links |
//! | [`limits`] | how many questions are mailed |
//! | [`desk`] | takes wishes in; what a link does |
//! | [`wishes`] | addresses that nobody confirmed yet, in memory only |
//! | [`round`] | one round of sending |

mod address;
pub mod desk;
mod limits;
pub(crate) mod round;
mod token;
mod wishes;
