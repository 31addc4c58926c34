//! Tells people, and reports whether telling worked.
//!
//! A dispatch of the outbox becomes a [`letter::Letter`], and a medium carries it once. Nothing here tries again,
//! remembers or decides whom to tell: the outbox in the core does.
//!
//! | module | holds |
//! |---|---|
//! | [`channel`] | the seam: deliver one dispatch, once |
//! | [`medium`] | what a kind of channel must do |
//! | [`letter`] | a dispatch in words |
//! | [`mailing`] | mail to people outside of the house, over a connection of its own |
//! | [`post`] | secrets, requests and verdicts of the kinds that speak HTTP |
//! | [`kinds`] | one file per kind, one row each |

pub mod channel;
pub mod kinds;
pub mod letter;
pub mod mailing;
pub mod medium;
pub mod post;
