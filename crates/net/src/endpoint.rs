//! A host and a port as people write them: `smtp.example.com:587`, `[2001:db8::1]:443`.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// A name or an IP address, without brackets.
    pub host: String,
    /// Never zero.
    pub port: u16,
}

impl Endpoint {
    /// Reads `host:port`; where no port is written, that one is meant.
    ///
    /// # Errors
    /// In words, for people.
    pub fn parse(text: &str, otherwise: Option<u16>) -> Result<Self, String> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']').ok_or("the bracket is not closed")?;
                host.parse::<Ipv6Addr>().map_err(|_| format!("{host:?} is no IPv6 address"))?;
                (host, rest)
            }
            None if text.matches(':').count() > 1 => {
                return Err("an IPv6 address is written in brackets: \"[2001:db8::1]:443\"".into());
            }
            None => text.split_at(text.find(':').unwrap_or(text.len())),
        };
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || "/@?#[]".contains(c)) {
            return Err(format!("{host:?} is no name of a host"));
        }
        let port = match (port.strip_prefix(':'), otherwise) {
            (Some(digits), _) => match digits.parse() {
                Ok(port) if port > 0 && digits.bytes().all(|byte| byte.is_ascii_digit()) => port,
                _ => return Err(format!("{digits:?} is no port (1 to 65535)")),
            },
            (None, _) if !port.is_empty() => {
                return Err("a colon and the port belong behind the bracket".into());
            }
            (None, Some(port)) => port,
            (None, None) => return Err(format!("the port is missing: \"{text}:443\"")),
        };
        Ok(Self { host: host.to_owned(), port })
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text, None)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports_are_told_apart() {
        for (text, otherwise, host, port) in [
            ("smtp.example.com:587", None, "smtp.example.com", 587),
            ("[2001:db8::1]:443", None, "2001:db8::1", 443),
            ("[::1]", Some(25), "::1", 25),
            ("example.com", Some(443), "example.com", 443),
        ] {
            let endpoint = Endpoint::parse(text, otherwise).expect("an endpoint");
            assert_eq!((endpoint.host.as_str(), endpoint.port), (host, port));
            assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
        }
        for bad in [
            "",
            ":1",
            "example.com",
            "example.com:",
            "example.com:0",
            "example.com:65536",
            "example.com:+1",
            "::1",
            "[::1",
            "[x]:1",
            "[::1]2",
            "a b:1",
            "http://a:1",
            "a/b:1",
        ] {
            assert!(Endpoint::parse(bad, None).is_err(), "{bad}");
        }
    }
}
