//! The nginx of a host: two small files and a flag.
//!
//! The files are written once. They name both sides, and nginx looks for the flag at each request, so that a switch is one
//! `rename` and needs no reload: a reload closes connections on which a client may be sending.
//!
//! nginx speaks to a side on a fresh connection for each request. One that is kept open may be closed by the release at
//! the moment in which nginx sends a POST on it, which then is lost; and kept ones would be counted as requests that the old
//! release still has.
//!
//! What decides about a side is said before the body of a request has come. An upload that began before a switch reaches the
//! old side when it is complete; until then no connection tells of it. The old release must stay for that long.
//!
//! | module | holds |
//! |---|---|
//! | [`server`](mod@server) | what it is about, and the front that it makes |
//! | `text` | the two files |
//! | `flag` | the side, on disk |
//! | `claims` | who answers for a domain, and where |
//! | `objections` | what would keep it from working |
//! | `install` | brings the files into force, or everything back |
//! | [`failures`] | requests that failed, as its log tells |
//! | `program` | the program nginx, what it was built with, and its log |
//! | `client` | one request to this host itself |
//! | [`site`] | who answers already, before anything is deployed |
//! | `sockets`, `diag` | connections and listeners, as the kernel tells |

mod claims;
mod client;
mod diag;
pub mod failures;
mod flag;
mod install;
mod objections;
mod program;
pub mod server;
pub mod site;
mod sockets;
mod text;

pub use server::{Nginx, Place, Token};
