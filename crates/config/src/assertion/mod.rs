//! What must be true of something that was looked at: `status == 200`, `cert.expires_in > 14d`,
//! `json('$.database') == 'ok'`.
//!
//! A small typed language, compiled when the configuration is read. A kind of check lists the words that it can give a
//! value to ([`term::Term`]); whoever looked gives the values ([`facts::Facts`]).
//!
//! | module | holds |
//! |---|---|
//! | [`facts`] | the values, and where they come from |
//! | [`term`] | the words of a kind |

pub mod facts;
pub mod term;
