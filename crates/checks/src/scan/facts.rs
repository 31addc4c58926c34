//! What was seen of a site, as data. Nothing in here is judged, and nothing in here may be trusted: texts are those of
//! the site.

use std::net::IpAddr;

pub use muster_core::fact::Fact;
use muster_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::facts_dns::{Mail, Zone};

/// Everything that one scan saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The address that was asked for, without user, password and query.
    pub site: String,
    /// Its host.
    pub host: String,
    /// When it was looked at.
    pub at: Timestamp,
    /// Where requests in the clear, and those to the twin name, lead.
    pub ways: Fact<Vec<Way>>,
    /// What becomes of a path on its way from http to https.
    pub path: Fact<KeptPath>,
    /// TLS on the https port.
    pub tls: Fact<Secure>,
    /// Which of the old versions of TLS are still accepted.
    pub old_tls: Fact<Vec<OldVersion>>,
    /// Which of TLS 1.2 and 1.3 is accepted.
    pub new_tls: Fact<NewTls>,
    /// The page itself, behind all redirects.
    pub page: Fact<Page>,
    /// The HTTPS record (RFC 9460) of the name, empty where it has none.
    pub https_record: Fact<Vec<String>>,
    /// The health endpoint.
    pub health: Fact<Health>,
    /// Each address of the host, and whether it takes connections.
    pub addresses: Fact<Vec<Address>>,
    /// The zone that the name is in, and the servers that answer for it.
    pub zone: Fact<Zone>,
    /// The mail records of the zone.
    pub mail: Fact<Mail>,
    /// What the registry says of the domain.
    pub domain: Fact<Registration>,
}

/// A chain of redirects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    /// What it was that was asked for first.
    pub sort: WaySort,
    /// Each answer that led on, in order.
    pub hops: Vec<Hop>,
    /// How it ended.
    pub end: WayEnd,
}

/// What a way begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaySort {
    /// The host itself by http.
    Clear,
    /// The host itself by https.
    Secure,
    /// The twin of the name, with or without `www`, by https.
    Twin,
    /// The twin by http.
    TwinClear,
}

/// One redirect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    /// What was asked for, without its query.
    pub url: String,
    /// The status.
    pub status: u16,
    /// Where it leads; as the site wrote it.
    pub location: String,
}

/// How a way ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WayEnd {
    /// With an answer that leads nowhere else.
    Answered {
        /// Whose.
        url: String,
        /// Its status.
        status: u16,
    },
    /// Where it had been before.
    Loop {
        /// The address that came again.
        url: String,
    },
    /// It was not followed further than that.
    Endless,
    /// The next address is none of the web, or none at all.
    Astray {
        /// As the site wrote it.
        location: String,
    },
    /// The name has no address.
    Nameless {
        /// The resolver's words.
        why: String,
    },
    /// Nobody takes the connection.
    Closed {
        /// Where, and the system's words.
        why: String,
    },
    /// A host on the way is not trusted, or speaks no TLS.
    Distrusted {
        /// Where, and why.
        why: String,
    },
    /// It broke off, or was not over in time.
    Lost {
        /// Why.
        why: String,
    },
}

/// What became of a path that nobody else asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptPath {
    /// The path and query that was asked for by http.
    pub asked: String,
    /// Where that led.
    pub location: String,
}

/// What the https port did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Secure {
    /// Nobody takes connections there.
    Closed {
        /// The system's words.
        why: String,
    },
    /// Somebody does, and shows no certificate.
    Silent {
        /// Why the handshake broke off.
        why: String,
    },
    /// It showed a certificate.
    Open(Box<Tls>),
}

/// A handshake.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tls {
    /// `1.2` or `1.3`: what was agreed on with both on offer.
    pub version: Option<String>,
    /// The cipher suite by its IANA name.
    pub cipher: Option<String>,
    /// `h2` or `http/1.1`.
    pub alpn: Option<String>,
    /// Why the certificate is not trusted; none if it is, with nothing but what was shown.
    pub distrust: Option<String>,
    /// The server's own certificate is good for the host.
    pub fits: bool,
    /// The certificates in the order in which they were shown, the server's own first.
    pub chain: Vec<Shown>,
}

/// One certificate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shown {
    /// Whose.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// What it is good for.
    pub names: Vec<String>,
    /// From then…
    pub not_before: Timestamp,
    /// …to then.
    pub not_after: Timestamp,
    /// `EC 256`, `RSA 2048`.
    pub key: String,
    /// Subject and issuer are the same.
    pub self_signed: bool,
    /// How much of its life is left, from 1 down to 0.
    pub left: f64,
}

/// A version of TLS that nobody should speak any more (RFC 8996).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OldVersion {
    /// `1.0` or `1.1`.
    pub version: String,
    /// It was accepted.
    pub accepted: bool,
}

/// Which of the present versions of TLS is accepted when it is offered alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewTls {
    /// TLS 1.2.
    pub v12: bool,
    /// TLS 1.3.
    pub v13: bool,
}

/// The page behind all redirects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Its address, without the query.
    pub url: String,
    /// It came by https.
    pub secure: bool,
    /// The status.
    pub status: u16,
    /// `1.1` or `2`.
    pub http: String,
    /// Names in lower case, and values, in the order of the answer.
    pub headers: Vec<(String, String)>,
    /// Bytes of the body as it came, 256 KiB at most.
    pub bytes: Fact<usize>,
}

impl Page {
    /// All values of a header, its name in lower case, joined as RFC 9110 has it.
    pub fn header(&self, name: &str) -> Option<String> {
        joined(&self.headers, name)
    }

    /// The kind of content without its parameters, in lower case.
    pub fn content_type(&self) -> Option<String> {
        let value = self.header("content-type")?;
        Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }
}

/// All values of a header, joined as RFC 9110, 5.3 has it.
pub(crate) fn joined(headers: &[(String, String)], name: &str) -> Option<String> {
    let values: Vec<&str> =
        headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect();
    if values.is_empty() { None } else { Some(values.join(", ")) }
}

/// Three looks at the health endpoint: two as everybody asks, and one with a query that no cache has seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The path.
    pub path: String,
    /// The first look.
    pub first: HealthAnswer,
    /// More than a second later; none if it did not come.
    pub second: Option<HealthAnswer>,
    /// With a query of its own; none if it did not come.
    pub fresh: Option<HealthAnswer>,
}

/// What a health endpoint answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthAnswer {
    /// The status.
    pub status: u16,
    /// The headers that tell of caches, and the kind of content.
    pub headers: Vec<(String, String)>,
    /// The beginning of the body, at most 4 KiB.
    pub body: String,
}

impl HealthAnswer {
    /// As [`Page::header`].
    pub fn header(&self, name: &str) -> Option<String> {
        joined(&self.headers, name)
    }
}

/// One address of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// The address.
    pub ip: IpAddr,
    /// How it took a connection to the https port, or the port that was asked for.
    pub took: Fact<bool>,
    /// The system's words where it did not.
    pub why: Option<String>,
}

/// What the registry says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// The domain.
    pub name: String,
    /// When it ends.
    pub expires: Timestamp,
}
