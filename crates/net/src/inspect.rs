//! Shakes hands with whoever is there and keeps what he showed, trusted or not. For those who look; whoever has
//! something to send uses [`crate::tls`]: out of here no connection comes that the host does not trust.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::{TLS12, TLS13};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, ProtocolVersion, SignatureScheme,
    SupportedProtocolVersion,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::error::NetError;
use crate::reach::bare;
use crate::tls;

/// What is offered to the peer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offer {
    /// A PEM file with certificates to trust beside the host's.
    pub ca: Option<PathBuf>,
    /// Application protocols (RFC 7301), the best first: `h2`, `http/1.1`.
    pub alpn: Vec<&'static str>,
    /// Which versions of TLS.
    pub versions: Versions,
}

/// Which versions of TLS are offered. Older ones than 1.2 are not spoken at all (RFC 8996).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Versions {
    /// 1.2 and 1.3.
    #[default]
    Both,
    /// 1.2 alone.
    Only12,
    /// 1.3 alone.
    Only13,
}

/// What the peer showed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peer {
    /// The certificates in DER as they came, the peer's own first; empty if it did not come so far.
    pub chain: Vec<CertificateDer<'static>>,
    /// Why it is not trusted; `None` if it is, or if there is no certificate.
    pub distrust: Option<String>,
    /// `1.2` or `1.3`, once the handshake is over.
    pub version: Option<&'static str>,
    /// The cipher suite by its IANA name, once the handshake is over.
    pub cipher: Option<String>,
    /// The application protocol that was agreed on.
    pub alpn: Option<String>,
    /// How long the handshake took.
    pub took: Duration,
}

/// A handshake that is over, well or badly.
#[derive(Debug)]
pub struct Inspected<S> {
    /// What the peer showed.
    pub peer: Peer,
    stream: Result<TlsStream<S>, NetError>,
}

impl<S> Inspected<S> {
    /// The connection, if the handshake went well and the peer is trusted.
    ///
    /// # Errors
    /// [`NetError::Tls`] with the reason, [`NetError::Timeout`] when the deadline passed.
    pub fn trusted(self) -> Result<TlsStream<S>, NetError> {
        self.stream
    }
}

/// Shakes hands as a client, before `deadline`, with the certificate of that host in mind. Always a whole handshake:
/// nothing is remembered from earlier ones.
pub async fn inspect<S>(stream: S, host: &str, offer: &Offer, deadline: Instant) -> Inspected<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let start = Instant::now();
    let bare = bare(host);
    let fail = |why: String| NetError::Tls { host: bare.to_owned(), why };
    let prepared = match ServerName::try_from(bare.to_owned()) {
        Ok(name) => prepare(offer).await.map(|(config, witness)| (name, config, witness)),
        Err(_) => Err(format!("{bare:?} is no name that a certificate can be for")),
    };
    let (name, config, witness) = match prepared {
        Ok(prepared) => prepared,
        Err(why) => return Inspected { peer: Peer::default(), stream: Err(fail(why)) },
    };
    let outcome = timeout_at(deadline, TlsConnector::from(config).connect(name, stream)).await;
    let mut peer = witness.testimony();
    peer.took = start.elapsed();
    let stream = match outcome {
        Ok(Ok(stream)) => {
            let session = stream.get_ref().1;
            peer.version = session.protocol_version().and_then(version);
            peer.cipher = session.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()));
            peer.alpn = session.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
            match &peer.distrust {
                Some(why) => Err(fail(why.clone())),
                None => Ok(stream),
            }
        }
        Ok(Err(error)) => Err(fail(match &peer.distrust {
            Some(why) => why.clone(),
            None => words(&error),
        })),
        Err(_) => Err(NetError::Timeout { host: bare.to_owned(), limit: start.elapsed() }),
    };
    Inspected { peer, stream }
}

/// Why a handshake broke off, without the layers around it.
fn words(error: &std::io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match inner {
        Some(Error::AlertReceived(alert)) => format!("the peer broke off with the alert {alert:?}"),
        Some(Error::InvalidMessage(_)) => "the peer does not speak TLS".into(),
        Some(Error::PeerIncompatible(why)) => format!("no common protocol: {why:?}"),
        _ if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            "the peer closed the connection in the middle of the handshake".into()
        }
        _ => error.to_string(),
    }
}

fn version(version: ProtocolVersion) -> Option<&'static str> {
    match version {
        ProtocolVersion::TLSv1_2 => Some("1.2"),
        ProtocolVersion::TLSv1_3 => Some("1.3"),
        _ => None,
    }
}

async fn prepare(offer: &Offer) -> Result<(Arc<ClientConfig>, Arc<Witness>), String> {
    let ca = offer.ca.clone();
    // Files may hang, and the host's roots take milliseconds.
    let roots = tokio::task::spawn_blocking(move || tls::roots(ca.as_deref().map(Path::new)))
        .await
        .map_err(|error| format!("the roots could not be read: {error}"))??;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let judge = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
        .build()
        .map_err(|error| error.to_string())?;
    let witness = Arc::new(Witness { judge, seen: Mutex::default() });
    let versions: &[&SupportedProtocolVersion] = match offer.versions {
        Versions::Both => &[&TLS13, &TLS12],
        Versions::Only12 => &[&TLS12],
        Versions::Only13 => &[&TLS13],
    };
    let verifier: Arc<dyn ServerCertVerifier> = Arc::<Witness>::clone(&witness);
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = offer.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config.resumption = Resumption::disabled();
    Ok((Arc::new(config), witness))
}

/// Lets every certificate pass, and writes down what the judge said of it. One for each handshake.
#[derive(Debug)]
struct Witness {
    judge: Arc<WebPkiServerVerifier>,
    seen: Mutex<Peer>,
}

impl Witness {
    fn testimony(&self) -> Peer {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict =
            self.judge.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.chain =
            std::iter::once(end_entity).chain(intermediates).map(|der| der.clone().into_owned()).collect();
        seen.distrust = verdict.err().map(|error| distrust(&error, &server_name.to_str()));
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls12_signature(message, cert, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls13_signature(message, cert, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}

/// What the judge said, for people.
fn distrust(error: &Error, host: &str) -> String {
    let Error::InvalidCertificate(error) = error else { return error.to_string() };
    let day = |at: &UnixTime| {
        muster_core::time::Timestamp::from_seconds(i64::try_from(at.as_secs()).unwrap_or(i64::MAX))
            .to_string()
    };
    match error {
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("the certificate expired at {}", day(not_after))
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("the certificate is not good before {}", day(not_before))
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            let mut names: Vec<&str> = presented.iter().take(5).map(|name| plain(name)).collect();
            if presented.len() > names.len() {
                names.push("others");
            }
            match names.as_slice() {
                [] => format!("the certificate is for no name at all, and not for {host}"),
                _ => format!("the certificate is for {} and not for {host}", names.join(", ")),
            }
        }
        CertificateError::UnknownIssuer => {
            "nobody that this host trusts has signed the certificate, or the server does not send the \
             intermediate certificates"
                .into()
        }
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            "the server shows the certificate of an authority (CA:TRUE) as its own".into()
        }
        other => other.to_string(),
    }
}

/// `DnsName("example.com")` as rustls has it, without the wrapping.
fn plain(name: &str) -> &str {
    name.split_once('"').and_then(|(_, rest)| rest.split_once('"')).map_or(name, |(inner, _)| inner)
}

#[cfg(test)]
mod tests {
    use muster_testkit::http::{Mode, Receiver};
    use muster_testkit::raw::Raw;
    use muster_testkit::tls::Identity;
    use tokio::net::TcpStream;

    use super::*;
    use crate::certificate::Certificate;

    async fn look(port: u16, host: &str, offer: &Offer) -> Inspected<TcpStream> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
        inspect(stream, host, offer, Instant::now() + Duration::from_secs(5)).await
    }

    async fn look_at(identity: Identity, host: &str, offer: &Offer) -> (Peer, Option<String>) {
        let server = Receiver::start_tls(Mode::answer(200, "ok"), identity).expect("a server");
        let seen = look(server.address().port(), host, offer).await;
        let leaf = Certificate::from_der(&seen.peer.chain[0]).expect("a certificate, trusted or not");
        assert!(leaf.not_after > leaf.not_before);
        let peer = seen.peer.clone();
        assert_eq!(peer.version, Some("1.3"));
        (peer, seen.trusted().err().map(|error| error.to_string()))
    }

    #[tokio::test]
    async fn a_trusted_peer_is_let_through_with_everything_it_showed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (identity, root) = Identity::signed(&["localhost"], -1, 90).expect("an identity");
        let ca = folder.path().join("ca.pem");
        std::fs::write(&ca, root).expect("written");
        let offer = Offer { ca: Some(ca), ..Offer::default() };
        let (peer, refused) = look_at(identity, "localhost", &offer).await;
        assert_eq!((refused, peer.distrust), (None, None));
        assert!(peer.cipher.is_some_and(|suite| suite.contains("AES") || suite.contains("CHACHA")));
    }

    #[tokio::test]
    async fn a_peer_that_is_not_trusted_is_seen_and_not_let_through() {
        let folder = tempfile::tempdir().expect("a folder");
        let ca = folder.path().join("ca.pem");
        let offer = Offer { ca: Some(ca.clone()), ..Offer::default() };
        for (names, from, to, why) in [
            (["localhost"], -90, -1, "expired at"),
            (["localhost"], 2, 90, "not good before"),
            (["other.example"], -1, 90, "is for other.example and not for localhost"),
        ] {
            let (identity, root) = Identity::signed(&names, from, to).expect("an identity");
            std::fs::write(&ca, root).expect("written");
            let (peer, refused) = look_at(identity, "localhost", &offer).await;
            let refused = refused.expect("a refusal");
            assert!(refused.contains(why), "{refused}");
            assert!(peer.distrust.is_some_and(|distrust| refused.ends_with(&distrust)));
        }
        let (_, refused) = look_at(Identity::new().expect("one"), "localhost", &Offer::default()).await;
        assert!(refused.is_some_and(|refused| refused.contains("nobody that this host trusts")));
    }

    #[tokio::test]
    async fn who_speaks_no_tls_is_told_in_words_and_before_the_deadline() {
        for (said, why) in [(&b"220 hello\r\n"[..], "does not speak TLS"), (b"", "did not answer within")] {
            let server = Raw::says(said).expect("a server");
            let stream = TcpStream::connect(server.address()).await.expect("a connection");
            let deadline = Instant::now() + Duration::from_millis(300);
            let seen = inspect(stream, "localhost", &Offer::default(), deadline).await;
            assert!(seen.peer.chain.is_empty() && Instant::now() < deadline + Duration::from_millis(500));
            let error = seen.trusted().err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(why), "{error}");
            assert!(server.is_left_alone_within(Duration::from_secs(5)));
        }
        let server = Raw::start(|_| Ok(())).expect("a server that closes");
        let seen = look(server.address().port(), "localhost", &Offer::default()).await;
        assert!(seen.trusted().is_err());
    }

    #[tokio::test]
    async fn a_version_that_the_peer_does_not_speak_is_no_common_protocol() {
        let server =
            Receiver::start_tls(Mode::answer(200, "ok"), Identity::new().expect("one")).expect("a server");
        for (versions, version) in [(Versions::Only12, "1.2"), (Versions::Only13, "1.3")] {
            let offer = Offer { versions, ..Offer::default() };
            let seen = look(server.address().port(), "localhost", &offer).await;
            assert_eq!(seen.peer.version, Some(version));
        }
    }
}
