//! Contact with networks: dialling with deadlines, TLS, HTTP. Async; every wait has a deadline.
//!
//! | module | holds |
//! |---|---|
//! | [`error`] | what can go wrong, without a secret in it |
//! | [`dial`] | a name becomes a connection, each phase timed; the last good address for when names fail |
//! | [`tls`] | a connection becomes a private one, trusting the host's roots |
//! | [`dns`] | one question to a name server, one judged answer |
//! | [`ping`] | ICMP echo |
//! | [`line`] | a dialogue in lines, bounded and written down |
//! | [`mail`] | SMTP and IMAP, the client's side |
//! | [`http`] | one request, one bounded answer |
//!
//! It leaves retries, redirects and the meaning of an answer to those who ask.

pub mod dial;
pub mod dns;
pub mod error;
pub mod http;
pub mod line;
pub mod mail;
pub mod ping;
pub mod tls;
