//! Contact with networks: dialling with deadlines, TLS, HTTP, name service, mail, ping. Async; every wait has a deadline.
//!
//! | module | holds |
//! |---|---|
//! | [`error`] | what can go wrong, without a secret in it |
//! | [`endpoint`], [`url`] | where to dial, as people write it |
//! | [`dial`] | a name becomes a connection, each phase timed; the last good address for when names fail |
//! | [`tls`] | a connection becomes a private one, trusting the host's roots |
//! | [`pinned`] | the same, trusting nobody but the certificates of one file |
//! | [`dns`] | one question to a name server, one judged answer |
//! | [`ping`] | ICMP echo |
//! | [`line`] | a dialogue in lines, bounded and written down |
//! | [`mail`] | SMTP and IMAP, the client's side |
//! | [`http`] | one request, one bounded answer |
//! | [`exchange`] | the same on a connection that stands, in HTTP/1.1 or HTTP/2 |
//! | [`reach`] | a fresh connection as a check needs it, and what was tried for it |
//! | [`inspect`] | a handshake that keeps what the peer showed, trusted or not |
//! | [`certificate`] | what a certificate says |
//!
//! [`http`] is for those who send; checks put [`reach`](mod@reach), [`inspect`](mod@inspect) and [`exchange`] together
//! themselves, so that a look that is cut off still tells how far it came. It leaves retries, redirects and the meaning
//! of an answer to those who ask.

pub mod certificate;
pub mod dial;
pub mod dns;
pub mod endpoint;
pub mod error;
pub mod exchange;
pub mod http;
pub mod inspect;
pub mod line;
pub mod mail;
pub mod ping;
pub mod pinned;
pub mod reach;
pub mod tls;
pub mod url;
