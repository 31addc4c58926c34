//! Agents that watch each other. Each sends beats to its peers, with proof that it works; the answer carries the proof of
//! the other side, so that one which cannot be called is heard by its calls and hears by the answers.
//!
//! | module | holds |
//! |---|---|
//! | [`peering`] | what is wired: where the other one is, how it is called, the key |
//! | `message` | what is said, and the seal that shows who said it |
//! | `member` | one peer: what was heard of it, what the last try said, when silence is bad news |
//! | [`circle`] | all of them: takes messages in, answers them, judges silence |
//! | `call` | one call from here |
//! | [`dial`] | connections that one makes to the other one's host |
//! | `look` | looks that one makes for the other |
//! | `strangers` | those who come with a wrong key |
//!
//! The duty that calls and judges again and again is `duties::peers`; the listener is the web's.

pub(crate) mod call;
pub mod circle;
pub mod dial;
pub(crate) mod look;
mod member;
pub(crate) mod message;
pub mod peering;
mod strangers;

pub use circle::Circle;
pub use dial::NotDialled;
pub use peering::{KEY_BYTES, Peering, Reply};
