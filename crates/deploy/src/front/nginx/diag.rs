//! The kernel asked for single connections (sock_diag(7)). Its lists in `/proc` name every one that was closed in the last
//! minute, tens of thousands on a busy host, and take a tenth of a second to be made.

use std::io;
use std::time::Duration;

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with, sockopt,
};

/// Bytes of the head of a message, of a question behind it, and of an answer.
const HEAD: usize = 16;
const QUESTION: usize = 56;
const ANSWER: usize = 72;
/// Types of messages: an error, the end, and what is asked and answered.
const ERROR: u16 = 2;
const DONE: u16 = 3;
const BY_FAMILY: u16 = 20;
/// A question for all that fit.
const DUMP: u16 = 0x301;
/// TCP, and the families by their numbers.
const TCP: u8 = 6;
const FOUR: u8 = 2;
const SIX: u8 = 10;
/// States as bits: established, and on its way to that.
const GOING: u32 = 1 << 1 | 1 << 2;
/// The kernel answers at once or never.
const WITHIN: Duration = Duration::from_secs(1);
/// Most messages' worth of blocks: more connections than a host has ports.
const BLOCKS: usize = 2_000;

/// Connections to a port of loopback that are established or being made, seen from those who made them.
///
/// # Errors
/// The kernel has no such answer, or the process may not ask.
pub(super) fn connections(port: u16) -> io::Result<usize> {
    Ok(ask(FOUR, port)? + ask(SIX, port)?)
}

fn ask(family: u8, port: u16) -> io::Result<usize> {
    let socket =
        socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, Some(netlink::SOCK_DIAG))?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(WITHIN))?;
    send(&socket, &question(family, port), SendFlags::empty())?;
    let mut count = 0;
    let mut block = vec![0; 32 << 10];
    for _ in 0..BLOCKS {
        let (length, _) = recv(&socket, block.as_mut_slice(), RecvFlags::empty())?;
        let (more, is_over) = answers(block.get(..length).unwrap_or_default())?;
        count += more;
        if is_over {
            return Ok(count);
        }
    }
    Err(io::Error::other("the kernel does not come to an end"))
}

fn question(family: u8, port: u16) -> Vec<u8> {
    let length = u32::try_from(HEAD + QUESTION).unwrap_or_default();
    let mut bytes = Vec::with_capacity(HEAD + QUESTION);
    bytes.extend(length.to_ne_bytes());
    bytes.extend(BY_FAMILY.to_ne_bytes());
    bytes.extend(DUMP.to_ne_bytes());
    // A number of the question, and who asks: the kernel fills that in.
    bytes.extend([0; 8]);
    bytes.extend([family, TCP, 0, 0]);
    bytes.extend(GOING.to_ne_bytes());
    // From any port to this one; addresses are not looked at there.
    bytes.extend([0, 0]);
    bytes.extend(port.to_be_bytes());
    bytes.resize(HEAD + QUESTION, 0);
    bytes
}

/// Connections to the loopback in a block of messages, and whether it is the last.
fn answers(mut block: &[u8]) -> io::Result<(usize, bool)> {
    let mut count = 0;
    while let Some((head, rest)) = block.split_at_checked(HEAD) {
        let short = || io::Error::other("the kernel broke off");
        let length = head.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes)).ok_or_else(short)?;
        let kind = head.get(4..6).and_then(|bytes| bytes.first_chunk()).ok_or_else(short)?;
        let body = usize::try_from(length).unwrap_or(0).checked_sub(HEAD).ok_or_else(short)?;
        let message = rest.get(..body).ok_or_else(short)?;
        match u16::from_ne_bytes(*kind) {
            DONE => return Ok((count, true)),
            ERROR => {
                let number = message.first_chunk().map_or(0, |bytes| i32::from_ne_bytes(*bytes));
                return Err(io::Error::from_raw_os_error(number.wrapping_neg()));
            }
            BY_FAMILY if message.len() >= ANSWER => count += usize::from(is_loopback(message)),
            _ => {}
        }
        // Messages begin at multiples of four.
        block = rest.get(body.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok((count, false))
}

/// Whether the far address of an answer is this host's own.
fn is_loopback(message: &[u8]) -> bool {
    let far = message.get(24..40).unwrap_or_default();
    match message.first() {
        Some(&FOUR) => far.starts_with(&[127, 0, 0, 1]),
        _ => {
            far == std::net::Ipv6Addr::LOCALHOST.octets()
                || far == std::net::Ipv4Addr::LOCALHOST.to_ipv6_mapped().octets()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_that_is_cut_off_is_no_answer() {
        let message = |length: u32, kind: u16, body: &[u8]| {
            let mut bytes = length.to_ne_bytes().to_vec();
            bytes.extend(kind.to_ne_bytes());
            bytes.extend([0; 10]);
            bytes.extend(body);
            bytes
        };
        assert_eq!(answers(&message(20, DONE, &[0; 4])).expect("whole"), (0, true));
        let mut one = [0; ANSWER];
        one[0] = FOUR;
        one[24..28].copy_from_slice(&[127, 0, 0, 1]);
        let mut two = message(88, BY_FAMILY, &one);
        two.extend(two.clone());
        assert_eq!(answers(&two).expect("whole"), (2, false));
        let refused = answers(&message(20, ERROR, &(-1_i32).to_ne_bytes())).expect_err("refused");
        assert_eq!(refused.raw_os_error(), Some(1));
        for cut in [message(15, DONE, &[]), message(88, BY_FAMILY, &one[..70]), message(0, BY_FAMILY, &[])] {
            assert!(answers(&cut).is_err());
        }
    }
}
