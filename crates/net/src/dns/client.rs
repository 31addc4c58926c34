//! Asks one server: over UDP, again where a packet was lost, and over TCP where the answer does not fit.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout_at};

use super::question::Question;
use super::reply::{Reply, Unfit, read};

/// The first packet is given up after this time; each one after it gets twice as long as the one before.
const FIRST_TRY: Duration = Duration::from_secs(1);
/// Packets that are no answer to the question before a server counts as broken.
const STRANGER_LIMIT: usize = 64;

/// A question that was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DnsError {
    /// Nothing usable came within the time.
    #[error("{server} did not answer within {limit:?}{}", beside(*strangers))]
    Silent {
        /// Who was asked.
        server: SocketAddr,
        /// How long it was waited for.
        limit: Duration,
        /// Packets that came and belonged to no question of ours.
        strangers: usize,
    },
    /// Nobody listens there, or no way leads there.
    #[error("{server} cannot be asked: {why}")]
    Unreachable {
        /// Who was asked.
        server: SocketAddr,
        /// The system's words.
        why: String,
    },
    /// The answer makes no sense.
    #[error("{server} answers nonsense: {why}")]
    Garbled {
        /// Who was asked.
        server: SocketAddr,
        /// What is wrong with it.
        why: String,
    },
    /// No server could be asked for an address, or all of them say no.
    #[error("{name} has no address: {why}")]
    NoAddress {
        /// The name.
        name: String,
        /// What each server said.
        why: String,
    },
}

fn beside(count: usize) -> String {
    match count {
        0 => String::new(),
        count => format!("; {count} packets came that belong to another question"),
    }
}

/// Asks one server one question, from a random port and with a random number (RFC 5452).
///
/// # Errors
/// [`DnsError`]; an answer that says no is an answer.
pub async fn ask(server: SocketAddr, question: &Question, limit: Duration) -> Result<Reply, DnsError> {
    let start = Instant::now();
    let end = start + limit;
    let asking = Asking { server, question, limit, end };
    let id = random_id().map_err(|why| DnsError::Unreachable { server, why })?;
    let packet = question.packet(id).map_err(|why| DnsError::Garbled { server, why })?;
    let mut reply = match asking.over_udp(id, &packet).await? {
        Some(reply) => reply,
        None => Reply { over_tcp: true, ..asking.over_tcp(id, &packet).await? },
    };
    reply.took = start.elapsed();
    Ok(reply)
}

fn random_id() -> Result<u16, String> {
    let mut bytes = [0; 2];
    getrandom::fill(&mut bytes).map_err(|error| error.to_string())?;
    Ok(u16::from_ne_bytes(bytes))
}

struct Asking<'a> {
    server: SocketAddr,
    question: &'a Question,
    limit: Duration,
    end: Instant,
}

impl Asking<'_> {
    fn silent(&self, strangers: usize) -> DnsError {
        DnsError::Silent { server: self.server, limit: self.limit, strangers }
    }

    fn unreachable(&self, error: &std::io::Error) -> DnsError {
        DnsError::Unreachable { server: self.server, why: error.to_string() }
    }

    fn garbled(&self, why: String) -> DnsError {
        DnsError::Garbled { server: self.server, why }
    }

    /// None where the answer was cut off to fit.
    async fn over_udp(&self, id: u16, packet: &[u8]) -> Result<Option<Reply>, DnsError> {
        let from = match self.server {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        let socket = UdpSocket::bind(from).await.map_err(|error| self.unreachable(&error))?;
        // The kernel then drops what comes from anybody else.
        socket.connect(self.server).await.map_err(|error| self.unreachable(&error))?;
        let mut buffer = vec![0; usize::from(u16::MAX)];
        let mut patience = FIRST_TRY;
        let mut strangers = 0;
        while Instant::now() < self.end {
            socket.send(packet).await.map_err(|error| self.unreachable(&error))?;
            let give_up = self.end.min(Instant::now() + patience);
            while let Ok(received) = timeout_at(give_up, socket.recv(&mut buffer)).await {
                let length = received.map_err(|error| self.unreachable(&error))?;
                match read(buffer.get(..length).unwrap_or_default(), id, self.question) {
                    Ok(reply) => return Ok(Some(reply)),
                    Err(Unfit::Truncated) => return Ok(None),
                    Err(Unfit::Garbled(why)) => return Err(self.garbled(why)),
                    Err(Unfit::Foreign) => strangers += 1,
                }
                if strangers == STRANGER_LIMIT {
                    return Err(self.garbled(format!("{strangers} packets, none of them to this question")));
                }
            }
            patience *= 2;
        }
        Err(self.silent(strangers))
    }

    async fn over_tcp(&self, id: u16, packet: &[u8]) -> Result<Reply, DnsError> {
        let answer = match timeout_at(self.end, self.exchange(packet)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                let why = format!("the answer does not fit into UDP, and over TCP: {error}");
                return Err(DnsError::Unreachable { server: self.server, why });
            }
            Err(_) => return Err(self.silent(0)),
        };
        match read(&answer, id, self.question) {
            Ok(reply) => Ok(reply),
            Err(Unfit::Garbled(why)) => Err(self.garbled(why)),
            Err(Unfit::Truncated) => Err(self.garbled("it is cut off even over TCP".into())),
            Err(Unfit::Foreign) => Err(self.garbled("over TCP it answers another question".into())),
        }
    }

    /// One message each way, its length in front (RFC 7766, 8).
    async fn exchange(&self, packet: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(self.server).await?;
        let length = u16::try_from(packet.len()).map_err(std::io::Error::other)?;
        stream.write_all(&[&length.to_be_bytes(), packet].concat()).await?;
        let length = stream.read_u16().await?;
        let mut answer = vec![0; usize::from(length)];
        stream.read_exact(&mut answer).await?;
        Ok(answer)
    }
}
