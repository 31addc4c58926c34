//! Real hosts for the end-to-end tests: a Debian server with systemd as process 1, in a container.
//!
//! | module | holds |
//! |---|---|
//! | [`host`] | one server: start it, put files on it, run commands in it |
//! | [`network`] | a network between servers |
//! | [`receiver`] | what the webhook receiver on a server has heard |

pub mod host;
pub mod network;
pub mod receiver;
