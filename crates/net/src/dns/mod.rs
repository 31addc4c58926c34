//! Asks name servers (RFC 1035): one question, one bounded answer, judged before it is believed.
//!
//! | module | holds |
//! |---|---|
//! | [`question`] | a name and the type of record that is asked for |
//! | [`reply`] | what came back: code, records as text, time to live |
//! | [`client`] | asks one server, over UDP and over TCP where an answer does not fit |
//! | [`servers`] | which servers a resolv.conf(5) names |
//! | [`resolve`] | a name becomes addresses, by servers of one's choice |
//!
//! Nothing is remembered from one question to the next, and no search list is applied: a name is asked for as it is.

pub mod client;
pub mod question;
pub mod reply;
pub mod resolve;
pub mod servers;

#[cfg(test)]
mod tests;
