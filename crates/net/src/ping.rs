//! ICMP echo (RFC 792, RFC 4443): without privileges where the kernel lets the group do it, else raw.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, socket_with};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

/// Time from one packet to the next, as much as ping(8) allows everybody.
const INTERVAL: Duration = Duration::from_millis(200);
/// How long the last packet is waited for, at most.
const PATIENCE: Duration = Duration::from_secs(2);
/// Bytes behind the header, as ping(8) has them.
const PAYLOAD: usize = 56;
/// Random bytes at the beginning of the payload, by which an answer is known.
const TOKEN: usize = 16;
const HEADER: usize = 8;

/// Packets that could not be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PingError {
    /// Neither the unprivileged nor the raw socket may be made.
    #[error(
        "this user may not send ICMP: set net.ipv4.ping_group_range so that it holds the group of muster \
         (sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"), or give it CAP_NET_RAW"
    )]
    NotPermitted,
    /// This host has no such socket, for instance because it has no IPv6.
    #[error("no socket for ICMP can be made: {0}")]
    NoSocket(String),
    /// The packet does not leave this host.
    #[error("{address} cannot be reached: {why}")]
    Unreachable {
        /// Where it should go.
        address: IpAddr,
        /// The system's words.
        why: String,
    },
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Echoes {
    /// For each packet the time until its answer; none for one that is lost.
    pub times: Vec<Option<Duration>>,
    /// What a host on the way said of a packet that is lost.
    pub complaint: Option<String>,
}

impl Echoes {
    /// The share that is lost, from 0 to 1.
    pub fn loss(&self) -> f64 {
        let lost = self.times.iter().filter(|time| time.is_none()).count();
        if self.times.is_empty() { 0.0 } else { lost as f64 / self.times.len() as f64 }
    }

    /// The mean and the longest time of those that came back.
    pub fn mean_and_longest(&self) -> Option<(Duration, Duration)> {
        let seen: Vec<Duration> = self.times.iter().flatten().copied().collect();
        let longest = seen.iter().max()?;
        Some((seen.iter().sum::<Duration>() / u32::try_from(seen.len()).ok()?, *longest))
    }
}

/// Sends so many packets, one every 200 ms, and waits for the last one for up to two seconds; none of it beyond the
/// deadline.
///
/// # Errors
/// [`PingError`]; lost packets are a result.
pub async fn ping(address: IpAddr, count: u16, deadline: Instant) -> Result<Echoes, PingError> {
    let unreachable = |error: std::io::Error| PingError::Unreachable { address, why: error.to_string() };
    let line = Line::open(address)?;
    line.socket.connect(SocketAddr::new(address, 0)).await.map_err(unreachable)?;
    let mut token = [0; TOKEN + 2];
    getrandom::fill(&mut token).map_err(|error| PingError::NoSocket(error.to_string()))?;
    let mut sent = Vec::new();
    let mut echoes = Echoes::default();
    for number in 0..count {
        sent.push(Instant::now());
        echoes.times.push(None);
        if let Err(error) = line.socket.send(&line.packet(number, &token)).await {
            // An error that is told here may be about the packet before.
            line.socket.send(&line.packet(number, &token)).await.map_err(unreachable)?;
            echoes.complaint = Some(error.to_string());
        }
        let is_last = number + 1 == count;
        let until = deadline.min(Instant::now() + if is_last { PATIENCE } else { INTERVAL });
        let mut buffer = [0; 2048];
        while !(is_last && echoes.times.iter().all(Option::is_some)) {
            match timeout_at(until, line.socket.recv(&mut buffer)).await {
                Ok(Ok(length)) => {
                    let answered = line.answered(buffer.get(..length).unwrap_or_default(), &token);
                    let answered = answered.map(usize::from);
                    if let Some((at, began)) = answered.and_then(|at| Some((at, sent.get(at)?)))
                        && let Some(time) = echoes.times.get_mut(at)
                    {
                        time.get_or_insert(began.elapsed());
                    }
                }
                Ok(Err(error)) => echoes.complaint = Some(error.to_string()),
                Err(_) => break,
            }
        }
        if Instant::now() >= deadline {
            break;
        }
    }
    Ok(echoes)
}

/// A socket for ICMP. It is wrapped as a UDP socket, because that is what the runtime can wait for; the kernel calls
/// the same functions for both.
struct Line {
    socket: UdpSocket,
    is_v6: bool,
    is_raw: bool,
}

impl Line {
    fn open(address: IpAddr) -> Result<Self, PingError> {
        let (family, protocol) = match address {
            IpAddr::V4(_) => (AddressFamily::INET, ipproto::ICMP),
            IpAddr::V6(_) => (AddressFamily::INET6, ipproto::ICMPV6),
        };
        let make =
            |kind| socket_with(family, kind, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, Some(protocol));
        let made = make(SocketType::DGRAM).map(|socket| (socket, false));
        let made = made.or_else(|first| match make(SocketType::RAW) {
            Ok(socket) => Ok((socket, true)),
            Err(Errno::PERM | Errno::ACCESS) => Err(first),
            Err(second) => Err(second),
        });
        let (socket, is_raw) = made.map_err(|error| match error {
            Errno::PERM | Errno::ACCESS => PingError::NotPermitted,
            other => PingError::NoSocket(other.to_string()),
        })?;
        let socket = UdpSocket::from_std(std::net::UdpSocket::from(socket))
            .map_err(|error| PingError::NoSocket(error.to_string()))?;
        Ok(Self { socket, is_v6: address.is_ipv6(), is_raw })
    }

    /// An echo request. The kernel writes its own identifier where it is unprivileged, and the checksum of IPv6.
    fn packet(&self, number: u16, token: &[u8; TOKEN + 2]) -> [u8; HEADER + PAYLOAD] {
        let mut packet = [0; HEADER + PAYLOAD];
        packet[0] = if self.is_v6 { 128 } else { 8 };
        packet[4..6].copy_from_slice(&token[TOKEN..]);
        packet[6..8].copy_from_slice(&number.to_be_bytes());
        packet[HEADER..HEADER + TOKEN].copy_from_slice(&token[..TOKEN]);
        if !self.is_v6 {
            let sum = checksum(&packet);
            packet[2..4].copy_from_slice(&sum.to_be_bytes());
        }
        packet
    }

    /// The number of the packet that this is the answer to.
    fn answered(&self, packet: &[u8], token: &[u8; TOKEN + 2]) -> Option<u16> {
        // A raw socket of IPv4 gives the header of IP as well.
        let skip = if self.is_raw && !self.is_v6 { usize::from(packet.first()? & 15) * 4 } else { 0 };
        let packet = packet.get(skip..)?;
        let is_reply = *packet.first()? == if self.is_v6 { 129 } else { 0 } && *packet.get(1)? == 0;
        let is_ours = packet.get(HEADER..HEADER + TOKEN)? == &token[..TOKEN];
        let number = packet.get(6..8)?.try_into().ok()?;
        (is_reply && is_ours).then(|| u16::from_be_bytes(number))
    }
}

/// RFC 1071.
fn checksum(packet: &[u8]) -> u16 {
    let words = packet.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    fn is_permitted() -> bool {
        Line::open(IpAddr::from([127, 0, 0, 1])).is_ok()
    }

    #[tokio::test]
    async fn loopback_answers_every_packet() {
        for address in ["127.0.0.1", "::1"] {
            match ping(address.parse().expect("an address"), 3, soon()).await {
                Ok(echoes) => {
                    assert_eq!((echoes.times.len(), echoes.loss()), (3, 0.0), "{address}: {echoes:?}");
                    let (mean, longest) = echoes.mean_and_longest().expect("times");
                    assert!(mean > Duration::ZERO && mean <= longest);
                }
                Err(PingError::NotPermitted) => assert!(!is_permitted()),
                // A host without IPv6.
                Err(error) => assert_eq!(address, "::1", "{error}"),
            }
        }
    }

    #[tokio::test]
    async fn what_does_not_answer_is_lost_before_the_deadline() {
        let start = Instant::now();
        let deadline = start + Duration::from_millis(700);
        match ping(IpAddr::from([198, 51, 100, 1]), 3, deadline).await {
            Ok(echoes) => {
                assert!(echoes.loss() > 0.99 && echoes.mean_and_longest().is_none(), "{echoes:?}");
            }
            Err(error) => assert!(!matches!(error, PingError::NoSocket(_)), "{error}"),
        }
        assert!(start.elapsed() < Duration::from_secs(2));
    }

    #[tokio::test]
    async fn only_the_answer_to_our_own_packet_counts() {
        let Ok(mut line) = Line::open(IpAddr::from([127, 0, 0, 1])) else { return };
        let token = [7; TOKEN + 2];
        line.is_raw = false;
        let mut answer = line.packet(2, &token);
        assert_eq!(line.answered(&answer, &token), None, "a request");
        answer[0] = 0;
        assert_eq!(line.answered(&answer, &token), Some(2));
        assert_eq!(line.answered(&answer, &[8; TOKEN + 2]), None, "of somebody else");
        line.is_raw = true;
        let with_header = [&[0x45; 20][..], &answer].concat();
        assert_eq!(line.answered(&with_header, &token), Some(2));
        for end in 0..HEADER + TOKEN {
            assert_eq!(line.answered(&with_header[..end], &token), None);
        }
    }

    #[test]
    fn the_checksum_of_a_packet_with_its_checksum_is_zero() {
        let mut packet = [8, 0, 0, 0, 1, 2, 3, 4, 0xff, 0xff];
        let sum = checksum(&packet);
        packet[2..4].copy_from_slice(&sum.to_be_bytes());
        assert_eq!(checksum(&packet), 0);
    }
}
