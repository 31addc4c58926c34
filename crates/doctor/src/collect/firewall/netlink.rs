//! Asks the kernel for its lists over netlink(7), which needs no program and no parsing of tables meant for people.

use std::time::Duration;

use rustix::io::Errno;
use rustix::net::netlink::NETFILTER;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::net::{recv, send, socket_with};

const HEADER: usize = 16;
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// `NLM_F_REQUEST | NLM_F_DUMP`.
const DUMP: u16 = 0x301;
/// Most bytes of one list.
const LIMIT: usize = 32 << 20;

/// A list that the kernel keeps.
#[derive(Debug, Clone, Copy)]
pub(super) enum List {
    Links,
    Addresses,
    Routes,
    /// Rules that choose a routing table, of one address family.
    Rules(u8),
    /// Tables of nftables.
    Tables,
}

/// Why there is no list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused(pub(super) Errno);

/// The body of each entry, without netlink's header.
pub(super) fn list(list: List) -> Result<Vec<Vec<u8>>, Refused> {
    // The protocol of links and routes has the number 0, which is that of none.
    let (protocol, sort, body): (Option<Protocol>, u16, Vec<u8>) = match list {
        List::Links => (None, 18, vec![0; 16]),
        List::Addresses => (None, 22, vec![0; 8]),
        List::Routes => (None, 26, vec![0; 12]),
        List::Rules(family) => {
            let mut body = vec![0; 12];
            body[0] = family;
            (None, 34, body)
        }
        // Subsystem 10, NFT_MSG_GETTABLE.
        List::Tables => (Some(NETFILTER), 10 << 8 | 1, vec![0; 4]),
    };
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, protocol).map_err(Refused)?;
    set_socket_timeout(&socket, Timeout::Recv, Some(Duration::from_secs(1))).map_err(Refused)?;
    let mut request = Vec::with_capacity(HEADER + body.len());
    let length = u32::try_from(HEADER + body.len()).map_err(|_| Refused(Errno::INVAL))?;
    request.extend_from_slice(&length.to_ne_bytes());
    request.extend_from_slice(&sort.to_ne_bytes());
    request.extend_from_slice(&DUMP.to_ne_bytes());
    request.extend_from_slice(&1_u32.to_ne_bytes());
    request.extend_from_slice(&0_u32.to_ne_bytes());
    request.extend_from_slice(&body);
    send(&socket, &request, SendFlags::empty()).map_err(Refused)?;

    let mut entries = Vec::new();
    let mut block = vec![0; 64 << 10];
    let mut whole = 0;
    while whole < LIMIT {
        let (count, _) = recv(&socket, block.as_mut_slice(), RecvFlags::empty()).map_err(Refused)?;
        whole += count;
        let mut rest = block.get(..count).unwrap_or_default();
        while let Some((sort, body, after)) = message(rest) {
            match sort {
                DONE => return Ok(entries),
                ERROR => {
                    let code = word(body, 0).map_or(0, |code| i32::from_ne_bytes(code.to_ne_bytes()));
                    return match code {
                        -4095..=-1 => Err(Refused(Errno::from_raw_os_error(-code))),
                        _ => Ok(entries),
                    };
                }
                _ => entries.push(body.to_vec()),
            }
            rest = after;
        }
    }
    Err(Refused(Errno::TOOBIG))
}

/// The first message of a block: its sort, its body, and what comes after.
fn message(block: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = usize::try_from(word(block, 0)?).ok()?;
    let sort = half(block, 4)?;
    let body = block.get(HEADER..length)?;
    Some((sort, body, block.get(aligned(length)..).unwrap_or_default()))
}

fn aligned(length: usize) -> usize {
    (length + 3) & !3
}

/// A number of four bytes, in the order of this machine.
pub(super) fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// The attributes in a body after its fixed part.
pub(super) fn attributes(mut bytes: &[u8]) -> Vec<(u16, &[u8])> {
    let mut attributes = Vec::new();
    while let (Some(length), Some(sort)) = (half(bytes, 0), half(bytes, 2)) {
        let length = usize::from(length);
        let Some(value) = bytes.get(4..length) else { break };
        // The two highest bits say how it is packed.
        attributes.push((sort & 0x3fff, value));
        bytes = bytes.get(aligned(length)..).unwrap_or_default();
    }
    attributes
}

/// A text that ends with a zero.
pub(super) fn text(bytes: &[u8]) -> String {
    let bytes = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(bytes).into_owned()
}
