//! The datagram that tells the agent to look into the spool now instead of at its next tick.

use std::path::Path;

use rustix::net::{AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, sendto, socket_with};

/// Sends one datagram without ever blocking. No agent, a busy agent and a path that is too long are all fine: the
/// record waits in the spool. True if the agent's socket took it.
pub fn wake(path: &Path) -> bool {
    let Ok(to) = SocketAddrUnix::new(path) else { return false };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None);
    socket.is_ok_and(|socket| sendto(socket, b"spool", SendFlags::NOSIGNAL, &to).is_ok())
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;

    #[test]
    fn waking_never_blocks_whether_the_agent_listens_or_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("agent.dgram");
        assert!(!wake(&path), "nobody there");
        let agent = UnixDatagram::bind(&path).expect("bound");
        assert!(wake(&path));
        let mut word = [0; 16];
        assert_eq!(agent.recv(&mut word).expect("received"), 5);
        for _ in 0..10_000 {
            wake(&path);
        }
        drop(agent);
        assert!(!wake(&path), "a socket file without a listener");
    }
}
