//! Which servers a resolv.conf(5) names.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The port of name service.
pub const PORT: u16 = 53;
/// More are not asked, as in the C library (`MAXNS`).
const SERVER_LIMIT: usize = 3;

/// The servers that this host asks.
///
/// # Errors
/// The system's words, when `/etc/resolv.conf` is there and cannot be read.
pub fn of_host() -> std::io::Result<Vec<SocketAddr>> {
    match std::fs::read_to_string("/etc/resolv.conf") {
        Ok(text) => Ok(named_in(&text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(named_in("")),
        Err(error) => Err(error),
    }
}

/// The servers that such a file names: at most three, and the one on loopback where it names none. An address with a
/// scope (`fe80::1%eth0`) is passed over.
pub fn named_in(resolv_conf: &str) -> Vec<SocketAddr> {
    let mut servers: Vec<SocketAddr> = resolv_conf
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let address = words.next().filter(|word| *word == "nameserver").and(words.next())?;
            Some(SocketAddr::new(address.parse::<IpAddr>().ok()?, PORT))
        })
        .collect();
    servers.truncate(SERVER_LIMIT);
    if servers.is_empty() {
        servers.push(SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)));
    }
    servers
}

/// An address with or without a port: `9.9.9.9`, `127.0.0.1:5353`, `[::1]:53`, `::1`.
pub fn parse(text: &str) -> Option<SocketAddr> {
    text.parse().ok().or_else(|| Some(SocketAddr::new(text.parse::<IpAddr>().ok()?, PORT)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_three_servers_count_and_loopback_where_there_is_none() {
        for (text, servers) in [
            ("nameserver 127.0.0.11\nsearch x\noptions ndots:0\n", vec!["127.0.0.11:53"]),
            (
                "# nameserver 1.1.1.1\nnameserver\t2001:db8::1 # x\n;nameserver 3.3.3.3\nnameserver 9.9.9.9\n",
                vec!["[2001:db8::1]:53", "9.9.9.9:53"],
            ),
            (
                "nameserver 1.0.0.1\nnameserver 1.0.0.2\nnameserver 1.0.0.3\nnameserver 1.0.0.4",
                vec!["1.0.0.1:53", "1.0.0.2:53", "1.0.0.3:53"],
            ),
            ("nameserver fe80::1%eth0\nnameserver resolver.example", vec!["127.0.0.1:53"]),
            ("", vec!["127.0.0.1:53"]),
        ] {
            let found: Vec<String> = named_in(text).iter().map(ToString::to_string).collect();
            assert_eq!(found, servers, "{text}");
        }
    }

    #[test]
    fn a_server_may_be_written_with_and_without_a_port() {
        for (text, server) in [
            ("9.9.9.9", Some("9.9.9.9:53")),
            ("127.0.0.1:5353", Some("127.0.0.1:5353")),
            ("::1", Some("[::1]:53")),
            ("[::1]:5353", Some("[::1]:5353")),
            ("dns.example", None),
        ] {
            assert_eq!(parse(text).map(|server| server.to_string()).as_deref(), server);
        }
    }
}
