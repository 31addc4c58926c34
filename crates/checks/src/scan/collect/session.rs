//! What all parts of a scan share: where to dial, whom to ask, until when.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use muster_net::dns::client::ask;
use muster_net::dns::question::{Question, RecordType};
use muster_net::dns::reply::{Code, Reply};
use muster_net::dns::servers;
use muster_net::error::NetError;
use muster_net::reach::{self, Family, Resolver};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::Wanted;
use crate::scan::facts::Fact;

/// The time that is left at the end for saying what was not seen.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// How long one name server is waited for at most.
const ONE_SERVER: Duration = Duration::from_secs(4);

/// Where one host and port is dialled, whatever the name service says: `HOST:PORT:ADDRESS[,ADDRESS]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    host: String,
    port: u16,
    to: Vec<SocketAddr>,
}

impl FromStr for Pin {
    type Err = String;

    /// As curl(1) has it; an address may have a port of its own, and an IPv6 address stands in brackets then.
    fn from_str(text: &str) -> Result<Self, String> {
        let form = || format!("{text:?} is not HOST:PORT:ADDRESS, as in example.com:443:192.0.2.7");
        let (host, rest) = text.split_once(':').ok_or_else(form)?;
        let (port, addresses) = rest.split_once(':').ok_or_else(form)?;
        let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(form)?;
        let one = |text: &str| {
            let bare = text.trim_start_matches('[').trim_end_matches(']');
            text.parse().or_else(|_| bare.parse().map(|ip: IpAddr| SocketAddr::new(ip, port))).ok()
        };
        let to = addresses.split(',').map(one).collect::<Option<Vec<_>>>().ok_or_else(form)?;
        if host.is_empty() { Err(form()) } else { Ok(Self { host: host.to_owned(), port, to }) }
    }
}

/// One scan while it goes on.
#[derive(Debug)]
pub(super) struct Session<'a> {
    pub(super) wanted: &'a Wanted,
    pub(super) resolver: Resolver,
    servers: Result<Vec<SocketAddr>, String>,
    /// The text of hosts(5); empty where a name server was named.
    hosts: String,
    began: Instant,
}

impl<'a> Session<'a> {
    /// Begins now.
    pub(super) fn new(wanted: &'a Wanted) -> Self {
        let servers = match wanted.dns {
            Some(server) => Ok(vec![server]),
            None => servers::of_host().map_err(|error| format!("/etc/resolv.conf: {error}")),
        };
        // The system's resolver cannot be left before its own time is up, so it is used only where it is needed.
        let resolver = servers.clone().map_or(Resolver::Host, Resolver::Servers);
        let hosts = match wanted.dns {
            Some(_) => String::new(),
            None => std::fs::read_to_string("/etc/hosts").unwrap_or_default(),
        };
        Self { wanted, resolver, servers, hosts, began: Instant::now() }
    }

    /// The host that is scanned.
    pub(super) fn host(&self) -> &str {
        &self.wanted.url.endpoint.host
    }

    /// The port for https.
    pub(super) fn port(&self) -> u16 {
        if self.wanted.url.secure { self.wanted.url.endpoint.port } else { 443 }
    }

    /// When a part gives up that may take so long.
    pub(super) fn until(&self, part: Duration) -> Instant {
        self.began + part.min(self.wanted.limit.saturating_sub(LAST_WORDS))
    }

    /// The addresses of a host that are to be dialled.
    pub(super) async fn addresses(
        &self,
        host: &str,
        port: u16,
        until: Instant,
    ) -> Result<Vec<SocketAddr>, NetError> {
        match self.pinned(host, port) {
            Some(to) => Ok(to),
            None => reach::addresses(self.resolver_for(host), Family::Any, host, port, until).await,
        }
    }

    /// Connects to a host.
    pub(super) async fn dial(&self, host: &str, port: u16, until: Instant) -> Result<TcpStream, NetError> {
        let Some(to) = self.pinned(host, port) else {
            return Ok(reach::reach(self.resolver_for(host), Family::Any, host, port, until).await?.stream);
        };
        let mut last = NetError::Dns { host: host.to_owned(), why: "it is pinned to nothing".into() };
        for address in to {
            match self.dial_address(address, until).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Connects to one address.
    pub(super) async fn dial_address(
        &self,
        address: SocketAddr,
        until: Instant,
    ) -> Result<TcpStream, NetError> {
        let ip = address.ip().to_string();
        Ok(reach::reach(&Resolver::Host, Family::Any, &ip, address.port(), until).await?.stream)
    }

    /// Who knows a name of that sort: the name service knows nothing of names without a dot, nor of multicast ones.
    fn resolver_for(&self, host: &str) -> &Resolver {
        let is_near = !host.contains('.') || host.to_ascii_lowercase().ends_with(".local");
        if is_near && self.wanted.dns.is_none() { &Resolver::Host } else { &self.resolver }
    }

    /// Where a host is dialled without asking anybody.
    fn pinned(&self, host: &str, port: u16) -> Option<Vec<SocketAddr>> {
        let pins = &self.wanted.pins;
        if let Some(pin) = pins.iter().find(|pin| pin.port == port && pin.host.eq_ignore_ascii_case(host)) {
            return Some(pin.to.clone());
        }
        let own = in_hosts(&self.hosts, host);
        if own.is_empty() {
            None
        } else {
            Some(own.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
        }
    }

    /// The records of a name; none where there is no such name. The servers are asked in turn until one answers.
    pub(super) async fn records(
        &self,
        name: &str,
        record: RecordType,
        until: Instant,
    ) -> Result<Vec<String>, String> {
        let question = Question::new(name, record).map_err(|why| format!("{name}: {why}"))?;
        let servers = self.servers.as_ref().map_err(Clone::clone)?;
        let mut last = "there is no name server to ask".to_owned();
        for server in servers {
            match self.ask(*server, &question, until).await {
                Ok(reply) if matches!(reply.code, Code::NO_ERROR | Code::NO_NAME) => {
                    return Ok(reply.records.into_iter().map(|record| record.text).collect());
                }
                Ok(reply) => {
                    last = format!("{server} says {} to {name} {}", reply.code.word(), record.word())
                }
                Err(why) => last = why,
            }
        }
        Err(last)
    }

    /// As [`Session::records`], as a part of the facts.
    pub(super) async fn fact(&self, name: &str, record: RecordType, until: Instant) -> Fact<Vec<String>> {
        match self.records(name, record, until).await {
            Ok(records) => Fact::Known(records),
            Err(why) => Fact::Unknown { why },
        }
    }

    /// Asks one server.
    pub(super) async fn ask(
        &self,
        server: SocketAddr,
        question: &Question,
        until: Instant,
    ) -> Result<Reply, String> {
        let left = until.saturating_duration_since(Instant::now()).min(ONE_SERVER);
        if left.is_zero() {
            return Err("there was no time left to ask".to_owned());
        }
        ask(server, question, left).await.map_err(|error| error.to_string())
    }
}

/// The addresses that a hosts(5) file has for a name.
fn in_hosts(text: &str, name: &str) -> Vec<IpAddr> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    lines
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let ip: IpAddr = words.next()?.parse().ok()?;
            words.any(|word| word.eq_ignore_ascii_case(name)).then_some(ip)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_file_is_believed_before_the_name_service() {
        let text = "127.0.0.1 localhost\n# 192.0.2.1 shop.example\n192.0.2.2\tWWW.shop.example shop.example # ours\n";
        assert_eq!(in_hosts(text, "www.shop.example"), ["192.0.2.2".parse::<IpAddr>().expect("an address")]);
        assert_eq!(in_hosts(text, "ours"), [IpAddr::V4(std::net::Ipv4Addr::LOCALHOST); 0]);
    }

    #[test]
    fn a_pin_is_read_as_curl_reads_it_and_may_have_a_port_of_its_own() {
        for (text, to) in [
            ("example.com:443:192.0.2.7", vec!["192.0.2.7:443"]),
            ("example.com:443:192.0.2.7:8443", vec!["192.0.2.7:8443"]),
            ("example.com:443:[2001:db8::1]", vec!["[2001:db8::1]:443"]),
            ("example.com:443:2001:db8::1,192.0.2.7", vec!["[2001:db8::1]:443", "192.0.2.7:443"]),
            ("example.com:443:[::1]:8443,127.0.0.1:8443", vec!["[::1]:8443", "127.0.0.1:8443"]),
        ] {
            let pin: Pin = text.parse().expect(text);
            assert_eq!(pin.to.iter().map(ToString::to_string).collect::<Vec<_>>(), to, "{text}");
        }
        for text in [
            "",
            "example.com",
            "example.com:443",
            "example.com:x:192.0.2.7",
            "example.com:443:name",
            ":443:::1",
        ] {
            assert!(text.parse::<Pin>().is_err(), "{text}");
        }
    }
}
