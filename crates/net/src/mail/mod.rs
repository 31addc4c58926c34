//! The client's side of mail, on connections that stand already.
//!
//! | module | holds |
//! |---|---|
//! | [`error`] | why a dialogue came to no good end |
//! | [`smtp`] | sending: greeting, extensions, STARTTLS, login, one mail |
//! | [`imap`] | reading: greeting, capabilities, STARTTLS, login, folders, search, delete |
//! | [`sasl`] | logins as they go over the line |
//! | [`response`] | what an IMAP server says, taken apart |
//!
//! Whoever asks makes the connection, shakes hands for TLS and says what an answer means.

pub mod error;
pub mod imap;
pub mod response;
pub mod sasl;
pub mod smtp;
