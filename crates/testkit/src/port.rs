//! Ports that refuse.

use std::io;
use std::net::{SocketAddr, TcpListener};

/// A loopback address on which nobody listens: it was free a moment ago and is not handed out again soon.
///
/// # Errors
/// When the system has no free port.
pub fn refusing() -> io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}
