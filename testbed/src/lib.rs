//! Real hosts for the end-to-end tests: a Debian server with systemd as process 1, in a container; and what is tried on
//! them.
//!
//! | module | holds |
//! |---|---|
//! | [`fleet`] | web servers with what a deploy needs, and the machine that deploys to them |
//! | [`host`] | one server: start it, put files on it, run commands in it |
//! | [`http`] | as much of HTTP/1.1 as the app and the load client need |
//! | [`load`] | clients that never rest and label every request that fails |
//! | [`network`] | a network between servers |
//! | [`receiver`] | what the webhook receiver on a server has heard |
//! | [`websocket`] | as much of the WebSocket protocol as an echo needs |
//!
//! Programs: `app`, a web app that is deployed and can be broken; `load`, the clients; `receiver`, which hears pages.

pub mod fleet;
pub mod host;
pub mod http;
pub mod load;
pub mod network;
pub mod receiver;
pub mod websocket;
