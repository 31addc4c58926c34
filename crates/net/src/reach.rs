//! A fresh connection as a check needs it: no remembered address, the family that was asked for, each phase timed, and
//! an account of every address that was tried.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use crate::dns::question::RecordType;
use crate::dns::resolve as dns;
use crate::error::NetError;

/// The most addresses of one name that are tried.
const ADDRESSES: usize = 8;

/// How names become addresses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Resolver {
    /// As this host does it: `/etc/hosts`, `/etc/resolv.conf`.
    #[default]
    Host,
    /// By these servers, as a container does it.
    Servers(Vec<SocketAddr>),
}

/// Which addresses of a name count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Family {
    /// Any, in the order of the resolver.
    #[default]
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

impl Family {
    /// The words that the configuration has for them, in this order.
    pub const WORDS: &[&str] = &["any", "v4", "v6"];

    /// The family of one of [`Family::WORDS`].
    pub fn of_word(word: &str) -> Self {
        match word {
            "v4" => Self::V4,
            "v6" => Self::V6,
            _ => Self::Any,
        }
    }

    fn holds(self, address: &SocketAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }

    fn records(self) -> &'static [RecordType] {
        match self {
            Self::Any => &[RecordType::A, RecordType::Aaaa],
            Self::V4 => &[RecordType::A],
            Self::V6 => &[RecordType::Aaaa],
        }
    }

    fn lacking(self) -> &'static str {
        match self {
            Self::Any => "it has no address",
            Self::V4 => "it has no IPv4 address",
            Self::V6 => "it has no IPv6 address",
        }
    }
}

/// A connection, and how it came about.
#[derive(Debug)]
pub struct Reached {
    /// The connection.
    pub stream: TcpStream,
    /// Who took it.
    pub address: SocketAddr,
    /// Until the name had an address.
    pub dns: Duration,
    /// From the first address that was tried until the connection stood.
    pub connect: Duration,
    /// The addresses that were tried before, and why they did not take it.
    pub tried: Vec<Tried>,
}

/// An address that did not take the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// Where.
    pub address: SocketAddr,
    /// The system's words.
    pub why: String,
}

/// Connects to the first address of a name that takes the connection, before `deadline`. Half of the time is for the
/// name, the rest is shared among its addresses; what one leaves over, the next ones have.
///
/// A name service that hangs is left behind, and so is the thread of the system's resolver until it gives up by itself.
///
/// # Errors
/// [`NetError::Dns`] when the name has no address of the family, [`NetError::Connect`] when one of its addresses
/// refuses, [`NetError::Unreachable`] when there is no way to any of them, [`NetError::Silent`] when they do not answer,
/// and [`NetError::Local`] when this host can make no connection at all.
pub async fn reach(
    resolver: &Resolver,
    family: Family,
    host: &str,
    port: u16,
    deadline: Instant,
) -> Result<Reached, NetError> {
    let start = Instant::now();
    let name = bare(host);
    let found = addresses(resolver, family, name, port, start + (deadline - start) / 2).await?;
    let dns = start.elapsed();
    let began = Instant::now();
    let mut failed = Vec::new();
    let count = found.len();
    for (at, address) in found.into_iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(count - at).unwrap_or(1);
        let error = match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // A small request must not wait for the acknowledgement of the last one; failing that is no harm.
                drop(stream.set_nodelay(true));
                let tried = failed.into_iter().map(|(tried, _)| tried).collect();
                return Ok(Reached { stream, address, dns, connect: began.elapsed(), tried });
            }
            Ok(Err(error)) => error,
            Err(_) => {
                io::Error::new(ErrorKind::TimedOut, format!("no answer within {} ms", share.as_millis()))
            }
        };
        failed.push((Tried { address, why: words(&error) }, Failure::of(&error)));
    }
    Err(account(name, port, &failed))
}

/// A host as addresses write it, without the brackets of IPv6.
pub(crate) fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// The addresses of a name that count, each with that port; at most eight.
///
/// # Errors
/// [`NetError::Dns`] when it has none, or none is known before the deadline.
pub async fn addresses(
    resolver: &Resolver,
    family: Family,
    name: &str,
    port: u16,
    deadline: Instant,
) -> Result<Vec<SocketAddr>, NetError> {
    let fail = |why: String| NetError::Dns { host: name.to_owned(), why };
    let start = Instant::now();
    let looked_up = async {
        match resolver {
            Resolver::Host => match tokio::net::lookup_host((name, port)).await {
                Ok(found) => Ok(found.collect()),
                Err(error) => Err(error.to_string()),
            },
            Resolver::Servers(servers) => {
                let found = dns::resolve(servers, name, family.records(), deadline - start).await;
                found
                    .map(|found| found.into_iter().map(|ip| SocketAddr::new(ip, port)).collect::<Vec<_>>())
                    .map_err(|error| error.to_string())
            }
        }
    };
    let found = match timeout_at(deadline, looked_up).await {
        Ok(found) => found.map_err(fail)?,
        Err(_) => {
            return Err(fail(format!("no name server answered within {} ms", start.elapsed().as_millis())));
        }
    };
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in found {
        if family.holds(&address) && !addresses.contains(&address) && addresses.len() < ADDRESSES {
            addresses.push(address);
        }
    }
    if addresses.is_empty() { Err(fail(family.lacking().to_owned())) } else { Ok(addresses) }
}

/// In which way an address did not take a connection; the worst news comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Failure {
    Unreachable,
    Silent,
    Refused,
    Local,
}

impl Failure {
    fn of(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => Self::Refused,
            ErrorKind::TimedOut => Self::Silent,
            ErrorKind::AddrNotAvailable | ErrorKind::OutOfMemory => Self::Local,
            // No free descriptor: of the process, and of the system.
            _ if matches!(error.raw_os_error(), Some(24 | 23)) => Self::Local,
            _ => Self::Unreachable,
        }
    }
}

/// The system's words without the number behind them.
fn words(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

fn account(host: &str, port: u16, failed: &[(Tried, Failure)]) -> NetError {
    let mut why = String::new();
    for (tried, _) in failed {
        let gap = if why.is_empty() { "" } else { "; " };
        why.push_str(&format!("{gap}{}: {}", tried.address.ip(), tried.why));
    }
    let host = host.to_owned();
    match failed.iter().map(|(_, failure)| *failure).max() {
        Some(Failure::Local) => NetError::Local { why },
        Some(Failure::Refused) => NetError::Connect { host, port, why },
        Some(Failure::Silent) => NetError::Silent { host, port, why },
        Some(Failure::Unreachable) | None => NetError::Unreachable { host, port, why },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn go(family: Family, host: &str, port: u16) -> Result<Reached, NetError> {
        reach(&Resolver::Host, family, host, port, Instant::now() + Duration::from_secs(2)).await
    }

    #[tokio::test]
    async fn a_listener_is_reached_and_says_who_took_the_connection() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let reached = go(Family::V4, "127.0.0.1", address.port()).await.expect("a connection");
        assert_eq!((reached.address, reached.tried.as_slice()), (address, &[][..]));
        let reached = go(Family::V4, "localhost", address.port()).await.expect("a connection by name");
        assert_eq!(reached.address, address);
    }

    #[tokio::test]
    async fn a_port_that_refuses_and_a_name_without_address_are_told_apart() {
        let port = muster_testkit::port::refusing().expect("a port").port();
        match go(Family::Any, "127.0.0.1", port).await {
            Err(NetError::Connect { why, .. }) => assert_eq!(why, "127.0.0.1: Connection refused"),
            other => panic!("{other:?}"),
        }
        for (family, host) in [(Family::Any, "nobody.invalid"), (Family::V6, "127.0.0.1")] {
            assert!(matches!(go(family, host, port).await, Err(NetError::Dns { .. })), "{host}");
        }
    }

    #[tokio::test]
    async fn an_address_that_swallows_everything_is_left_at_the_deadline() {
        // A listener whose queue is full answers no further connection: the kernel drops them.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        shrink(&listener);
        let mut held = Vec::new();
        for _ in 0..8 {
            let waiting = timeout(Duration::from_millis(50), TcpStream::connect(address)).await;
            held.extend(waiting.ok());
        }
        let start = Instant::now();
        let deadline = start + Duration::from_millis(400);
        let error = reach(&Resolver::Host, Family::Any, "127.0.0.1", address.port(), deadline).await;
        assert!(matches!(error, Err(NetError::Silent { .. })), "{error:?}");
        assert!(start.elapsed() < Duration::from_millis(900));
    }

    /// Shrinks the queue of a listener to nothing.
    fn shrink(listener: &std::net::TcpListener) {
        rustix::net::listen(listener, 0).expect("a shorter queue");
    }

    #[test]
    fn the_account_names_every_address_and_the_plainest_failure() {
        let one = |ip: &str, why: &str, failure| {
            (Tried { address: SocketAddr::new(ip.parse().expect("an IP"), 25), why: why.into() }, failure)
        };
        let failed =
            [one("::1", "no route", Failure::Unreachable), one("127.0.0.1", "refused", Failure::Refused)];
        assert_eq!(
            account("mail.example.com", 25, &failed),
            NetError::Connect {
                host: "mail.example.com".into(),
                port: 25,
                why: "::1: no route; 127.0.0.1: refused".into()
            }
        );
    }
}
