//! How the kinds that use a network get into contact: a fresh connection, a handshake, the certificate that was shown,
//! each noted as it comes about.

use std::net::IpAddr;
use std::time::Duration;

use muster_config::assertion::facts::{Unseen, Value};
use muster_config::assertion::term::{Takes, Term, Type};
use muster_config::field::{Field, Shape};
use muster_config::section::Section;
use muster_core::time::Timestamp;
use muster_host::clock;
use muster_net::certificate::Certificate;
use muster_net::endpoint::Endpoint;
use muster_net::error::NetError;
use muster_net::inspect::{Inspected, Offer, Peer, inspect};
use muster_net::reach::{Family, reach};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::notebook::Notebook;
use crate::probe::{Class, Miss, Scene};

/// The time that a probe keeps for saying what it was waiting for.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// `family`, which the kinds of a network share.
pub(crate) const FAMILY: Field = Field::new(
    "family",
    Shape::Choice(Family::WORDS),
    "Which addresses of the name are tried. A dead one of two families shows only where it is asked for alone.",
    "\"v6\"",
)
.default("\"any\"");

/// `ca`, which the kinds with TLS share.
pub(crate) const CA: Field = Field::new(
    "ca",
    Shape::Path,
    "A PEM file with certificates to trust beside those of the host.",
    "\"/etc/muster/ca.pem\"",
);

/// A word without brackets.
pub(crate) const fn word(name: &'static str, gives: Type, doc: &'static str, example: &'static str) -> Term {
    Term { name, takes: Takes::Nothing, gives, doc, example }
}

/// `time.dns`.
pub(crate) const TIME_DNS: Term =
    word("time.dns", Type::Time, "Until the name had an address.", "time.dns < 200ms");
/// `time.connect`.
pub(crate) const TIME_CONNECT: Term =
    word("time.connect", Type::Time, "From there until the connection stood.", "time.connect < 200ms");
/// `time.tls`.
pub(crate) const TIME_TLS: Term =
    word("time.tls", Type::Time, "From there until TLS stood.", "time.tls < 300ms");
/// `time.total`.
pub(crate) const TIME_TOTAL: Term = word("time.total", Type::Time, "All of it.", "time.total < 800ms");
/// `address`.
pub(crate) const ADDRESS: Term =
    word("address", Type::Text, "The IP address that took the connection.", "address == '192.0.2.7'");
/// `tls.version`.
pub(crate) const TLS_VERSION: Term =
    word("tls.version", Type::Text, "The version of TLS: '1.2' or '1.3'.", "tls.version == '1.3'");
/// `tls.cipher`.
pub(crate) const TLS_CIPHER: Term =
    word("tls.cipher", Type::Text, "The cipher suite by its IANA name.", "tls.cipher contains 'AES_256'");
/// `cert.expires_in`.
pub(crate) const CERT_EXPIRES_IN: Term = word(
    "cert.expires_in",
    Type::Time,
    "How long the server's own certificate is still good.",
    "cert.expires_in > 14d",
);
/// `cert.names`.
pub(crate) const CERT_NAMES: Term = word(
    "cert.names",
    Type::List,
    "The names and addresses that the certificate is good for.",
    "cert.names contains 'example.com'",
);
/// `cert.issuer`.
pub(crate) const CERT_ISSUER: Term =
    word("cert.issuer", Type::Text, "Who signed it.", "cert.issuer contains 'Example CA'");
/// `chain.expires_in`.
pub(crate) const CHAIN_EXPIRES_IN: Term = word(
    "chain.expires_in",
    Type::Time,
    "How long the first of all certificates that were shown to expire is still good; one that is not needed for trust \
     may be long over.",
    "chain.expires_in > 7d",
);

/// When a probe gives up by itself, a little before it is cut off.
pub(crate) fn give_up(scene: &Scene) -> Instant {
    let left = scene.deadline.saturating_duration_since(Instant::now());
    scene.deadline.checked_sub((left / 10).min(LAST_WORDS)).unwrap_or(scene.deadline)
}

/// Reads a host and a port; a mistake is reported.
pub(crate) fn endpoint(section: &Section<'_>, key: &str, port: Option<u16>) -> Option<Endpoint> {
    match Endpoint::parse(&section.text(key)?, port) {
        Ok(endpoint) => Some(endpoint),
        Err(why) => {
            section.refuse(key, why, "write a host and a port, such as \"example.com:443\"");
            None
        }
    }
}

/// Reads `family`.
pub(crate) fn family(section: &Section<'_>) -> Family {
    Family::of_word(section.choice("family").unwrap_or_default())
}

/// True if packets to it leave the host's own networks, as far as its name tells.
pub(crate) fn is_outside(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(four)) => !(four.is_loopback() || four.is_private() || four.is_link_local()),
        Ok(IpAddr::V6(six)) => !(six.is_loopback() || six.is_unique_local() || six.is_unicast_link_local()),
        Err(_) => host != "localhost" && !host.ends_with(".localhost") && host.contains('.'),
    }
}

/// What a failure on the network means for a check.
pub(crate) fn miss(error: NetError) -> Miss {
    let class = match &error {
        NetError::Dns { .. } => Class::Name,
        NetError::Connect { .. } | NetError::Unreachable { .. } | NetError::Silent { .. } => Class::Connect,
        NetError::Tls { .. } => Class::Tls,
        NetError::Timeout { .. } => Class::Timeout,
        NetError::Protocol { .. } => Class::Protocol,
        NetError::Local { .. } | NetError::Address(_) => return Miss::blind(error.to_string()),
    };
    Miss::down(class, error.to_string())
}

/// A fact that is a length of time.
pub(crate) fn time(took: Duration) -> Value {
    Value::Time(i64::try_from(took.as_millis()).unwrap_or(i64::MAX))
}

/// Connects, and notes the phases `dns` and `connect`, who took the connection and who did not.
pub(crate) async fn connect(
    scene: &Scene,
    family: Family,
    endpoint: &Endpoint,
    until: Instant,
) -> Result<TcpStream, Miss> {
    let notebook = &scene.notebook;
    let reached = match reach(&scene.resolver, family, &endpoint.host, endpoint.port, until).await {
        Ok(reached) => reached,
        Err(error) => {
            notebook.say(error.to_string());
            return Err(miss(error));
        }
    };
    notebook.phase("dns", reached.dns);
    notebook.phase("connect", reached.connect);
    notebook.fact("time.dns", time(reached.dns));
    notebook.fact("time.connect", time(reached.connect));
    notebook.fact("address", Value::Text(reached.address.ip().to_string()));
    for tried in &reached.tried {
        notebook.say(format!("{} does not take the connection: {}", tried.address, tried.why));
    }
    let (dns, connect) = (reached.dns.as_millis(), reached.connect.as_millis());
    notebook.say(format!("{endpoint} is {} (name {dns} ms, connection {connect} ms)", reached.address));
    Ok(reached.stream)
}

/// Shakes hands, and notes the phase `tls` and what the peer showed.
pub(crate) async fn secure<S>(
    scene: &Scene,
    stream: S,
    host: &str,
    offer: &Offer,
    until: Instant,
) -> Inspected<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let inspected = inspect(stream, host, offer, until).await;
    let (peer, notebook) = (&inspected.peer, &scene.notebook);
    if let Some(version) = peer.version {
        notebook.phase("tls", peer.took);
        notebook.fact("time.tls", time(peer.took));
        notebook.fact("tls.version", Value::Text(version.to_owned()));
        notebook.fact("tls.cipher", Value::Text(peer.cipher.clone().unwrap_or_default()));
        let alpn = peer.alpn.as_deref().unwrap_or("no protocol agreed on");
        notebook.say(format!("TLS {version}, {alpn} ({} ms)", peer.took.as_millis()));
    }
    note_chain(notebook, peer, clock::now().wall);
    if let Some(why) = &peer.distrust {
        notebook.say(format!("not trusted: {why}"));
    }
    inspected
}

fn note_chain(notebook: &Notebook, peer: &Peer, now: Timestamp) {
    let read: Vec<_> = peer.chain.iter().map(|der| Certificate::from_der(der)).collect();
    match read.first() {
        Some(Ok(leaf)) => {
            note_certificate(notebook, leaf, now);
            let good = read.iter().flatten().map(|one| one.not_after).min().unwrap_or(leaf.not_after);
            notebook.fact("chain.expires_in", left(good, now));
        }
        Some(Err(why)) => {
            notebook.say(format!("the certificate cannot be read: {why}"));
            for term in ["cert.expires_in", "cert.names", "cert.issuer", "chain.expires_in"] {
                notebook.lacks(term, Unseen::Hidden(format!("the certificate cannot be read: {why}")));
            }
        }
        None => {}
    }
}

/// Notes what a certificate says.
pub(crate) fn note_certificate(notebook: &Notebook, certificate: &Certificate, now: Timestamp) {
    notebook.fact("cert.expires_in", left(certificate.not_after, now));
    notebook.fact("cert.issuer", Value::Text(certificate.issuer.clone()));
    let names = certificate.names.iter().map(|name| Value::Text(name.clone()));
    notebook.fact("cert.names", Value::List(names.collect()));
    notebook.say(format!(
        "certificate {} for {}, signed by {}, good until {}",
        certificate.serial,
        certificate.names.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", "),
        certificate.issuer,
        certificate.not_after
    ));
}

/// How long from now until then; negative if it is over.
pub(crate) fn left(then: Timestamp, now: Timestamp) -> Value {
    Value::Time(then.millis().saturating_sub(now.millis()))
}
