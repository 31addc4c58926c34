//! Who is asking, and whether they may.
//!
//! Loopback is not authentication: anybody with an account on the machine, and any page in a browser on it, can reach
//! a loopback port. So what acts needs a person, a token or the control socket, wherever it comes from.
//!
//! | module | holds |
//! |---|---|
//! | [`far_end`] | where a request came from, as the listener saw it |
//! | [`address`] | the Host and Origin that are ours |
//! | [`who`] | the asker, and what they may do |
//! | [`session`] | sessions, one-time links, tokens |
//! | [`password`] | the sign-in form's password, slowly and one at a time |
//! | [`digest`] | secrets made, digested and compared |
//! | [`gate`] | the layer through which every request goes |

pub mod address;
pub mod digest;
pub mod far_end;
pub mod gate;
pub mod password;
pub mod session;
pub mod who;
