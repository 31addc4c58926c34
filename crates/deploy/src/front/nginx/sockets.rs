//! The kernel's list of TCP sockets.

use std::fs::File;
use std::io::Read;

use super::diag;
use crate::trouble::Trouble;

/// Most bytes of one list: about half a million sockets.
const LIMIT: u64 = 64 << 20;
/// States, as the kernel writes them: established, and on its way to that.
const GOING: [&str; 2] = ["01", "02"];
/// Nobody yet, and a socket that listens.
const LISTENS: [&str; 2] = ["00000000:0000 0A", "00000000000000000000000000000000:0000 0A"];

/// Connections to a port of loopback, seen from those who made them: whoever takes them may sit in another network, behind a
/// proxy of Docker. Those that are being made count as well.
pub(super) fn connections(port: u16) -> Result<usize, Trouble> {
    // A kernel without the part that answers, and a sandbox, leave the lists.
    diag::connections(port).or_else(|_| listed(port))
}

fn listed(port: u16) -> Result<usize, Trouble> {
    // A busy host has tens of thousands of lines, nearly all of connections that are over; so they are searched, not read.
    // Of the two addresses of a line only the far one has the state behind it.
    let needles: Vec<String> = addresses(false)
        .iter()
        .flat_map(|address| GOING.map(|state| format!(" {address}:{port:04X} {state} ")))
        .collect();
    let tables = tables()?;
    let count = |table: &String| needles.iter().map(|needle| table.matches(needle).count()).sum::<usize>();
    Ok(tables.iter().map(count).sum())
}

/// The inode of the socket that takes connections to a port of loopback.
pub(super) fn listener(port: u16) -> Result<Option<u64>, Trouble> {
    let needles: Vec<String> = addresses(true)
        .iter()
        .flat_map(|address| LISTENS.map(|rest| format!(" {address}:{port:04X} {rest} ")))
        .collect();
    let inode = |table: &String| {
        let behind = needles.iter().find_map(|needle| table.split_once(needle))?.1;
        // Queues, timer, retransmits, user, timeout, inode.
        behind.lines().next()?.split_ascii_whitespace().nth(5)?.parse().ok()
    };
    Ok(tables()?.iter().find_map(inode))
}

/// The loopback as the kernel writes it, in both families; with `any`, also all addresses.
fn addresses(any: bool) -> Vec<String> {
    // Words of four bytes in the order of the machine.
    let word = |bytes: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(bytes));
    let (four, zero) = (word([127, 0, 0, 1]), word([0; 4]));
    let (one, mapped) = (word([0, 0, 0, 1]), word([0, 0, 255, 255]));
    let mut all = vec![format!("{zero}{zero}{zero}{one}"), format!("{zero}{zero}{mapped}{four}"), four];
    if any {
        all.extend([zero.repeat(4), zero]);
    }
    all
}

fn tables() -> Result<Vec<String>, Trouble> {
    let read = |path: &str| -> std::io::Result<String> {
        let mut bytes = Vec::new();
        File::open(path)?.take(LIMIT).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let four = read("/proc/net/tcp").map_err(|error| Trouble::new(format!("/proc/net/tcp: {error}")))?;
    // A kernel without IPv6 does not have it.
    Ok([Some(four), read("/proc/net/tcp6").ok()].into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn connections_are_counted_once_from_the_side_that_made_them() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let port = listener.local_addr().expect("an address").port();
        assert_eq!(connections(port), Ok(0));
        assert!(super::listener(port).is_ok_and(|inode| inode.is_some()));
        let mine: Vec<TcpStream> =
            (0..3).map(|_| TcpStream::connect(("127.0.0.1", port)).expect("connected")).collect();
        let theirs: Vec<TcpStream> = (0..3).map(|_| listener.accept().expect("accepted").0).collect();
        assert_eq!((connections(port), listed(port)), (Ok(3), Ok(3)));
        assert!(diag::connections(port).is_ok_and(|count| count == 3), "the kernel answers");
        drop(mine);
        assert_eq!(connections(port), Ok(0), "a client that is gone waits for nothing");
        drop((theirs, listener));
        assert_eq!(super::listener(port), Ok(None));
    }

    #[test]
    fn a_client_that_speaks_ipv6_is_counted_too() {
        let Ok(listener) = TcpListener::bind("[::]:0") else { return };
        let port = listener.local_addr().expect("an address").port();
        let _plain = TcpStream::connect(("::1", port)).expect("connected");
        let _mapped = TcpStream::connect(("::ffff:127.0.0.1", port)).expect("connected");
        assert_eq!((connections(port), listed(port)), (Ok(2), Ok(2)));
        assert!(super::listener(port).is_ok_and(|inode| inode.is_some()));
    }

    #[test]
    fn other_addresses_do_not_count() {
        let listener = TcpListener::bind("127.0.0.2:0").expect("bound");
        let port = listener.local_addr().expect("an address").port();
        let _mine = TcpStream::connect(("127.0.0.2", port)).expect("connected");
        assert_eq!((connections(port), listed(port), super::listener(port)), (Ok(0), Ok(0), Ok(None)));
    }
}
