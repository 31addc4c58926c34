//! One request to the nginx of this host, with the token. Certificates are not judged: what is asked is the host itself, and
//! whether the world trusts it is the affair of a check.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned};

use super::claims::Listen;
use crate::release::Side;

/// Most bytes of the head of an answer.
const HEAD: usize = 64 << 10;
/// Most bytes of its body that are heard out, and for how long: who closes before the end is an error in the log of nginx.
const BODY: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_millis(200);

/// What nginx said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reply {
    /// The status.
    pub(super) status: u16,
    /// The side, by our files.
    pub(super) side: Option<Side>,
    /// The texts of our files that it serves by.
    pub(super) generation: Option<String>,
}

/// Asks for a path on a fresh connection.
pub(super) fn get(
    listen: Listen,
    host: &str,
    path: &str,
    token: &str,
    until: Instant,
) -> Result<Reply, String> {
    let is_path = path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_path {
        return Err(format!("{path:?} is no path that can be asked for"));
    }
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nX-Muster-Token: {token}\r\nUser-Agent: muster\r\nAccept: */*\r\n\
         Connection: close\r\n\r\n"
    );
    let words = |error: io::Error| match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => "no answer in time".to_owned(),
        _ => error.to_string(),
    };
    let stream = left(until).and_then(|left| TcpStream::connect_timeout(&listen.at, left)).map_err(words)?;
    // The request is one write.
    let _faster = stream.set_nodelay(true);
    let stream = Timed { stream, until };
    if !listen.tls {
        return ask(stream, &request).map_err(words);
    }
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    let session = ClientConnection::new(trusting()?, name).map_err(|error| error.to_string())?;
    ask(StreamOwned::new(session, stream), &request).map_err(words)
}

fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// A connection that ends with its time.
struct Timed {
    stream: TcpStream,
    until: Instant,
}

impl Read for Timed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(left(self.until)?))?;
        self.stream.read(into)
    }
}

impl Write for Timed {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(left(self.until)?))?;
        self.stream.write(from)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

fn ask(mut stream: impl Read + Write, request: &str) -> io::Result<Reply> {
    stream.write_all(request.as_bytes())?;
    stream.flush()?;
    let mut bytes = Vec::new();
    let mut block = [0; 16 << 10];
    let reply = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break read(bytes.get(..end).unwrap_or_default());
        }
        if bytes.len() > HEAD {
            break None;
        }
        match stream.read(&mut block) {
            Ok(0) if bytes.is_empty() => return Err(io::Error::other("it closed without an answer")),
            Ok(0) => break None,
            Ok(count) => bytes.extend_from_slice(block.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    };
    let over = Instant::now() + PATIENCE;
    let mut heard = 0;
    while heard < BODY && Instant::now() < over {
        match stream.read(&mut block) {
            Ok(0) | Err(_) => break,
            Ok(count) => heard += count,
        }
    }
    reply.ok_or_else(|| io::Error::other("what it answers is not HTTP"))
}

/// The head of an answer.
fn read(head: &[u8]) -> Option<Reply> {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let first = lines.next()?.strip_prefix("HTTP/1.")?;
    let mut reply = Reply { status: first.get(2..5)?.parse().ok()?, ..Reply::default() };
    for line in lines {
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        if name.eq_ignore_ascii_case("x-muster-side") {
            reply.side = Side::BOTH.into_iter().find(|side| side.word() == value);
        } else if name.eq_ignore_ascii_case("x-muster-generation") {
            reply.generation = Some(value.to_owned());
        }
    }
    Some(reply)
}

fn trusting() -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// Lets every certificate pass whose key its owner has.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use muster_testkit::raw::Raw;

    use super::*;

    fn of(at: SocketAddr, path: &str, within: Duration) -> Result<Reply, String> {
        get(Listen { at, tls: false }, "api.test", path, "t", Instant::now() + within)
    }

    #[test]
    fn an_answer_is_read_from_whoever_gives_one() {
        for (said, reply) in [
            ("HTTP/1.1 204 No Content\r\n\r\n", Ok((204, None, None))),
            (
                "HTTP/1.1 502 Bad\r\nx-muster-SIDE: green\r\nX-Muster-Generation:  ab\r\n\r\nbody",
                Ok((502, Some(Side::Green), Some("ab"))),
            ),
            ("HTTP/1.1 200 OK\r\nX-Muster-Side: red\r\n\r\n", Ok((200, None, None))),
            ("SSH-2.0-x\r\n\r\n", Err(())),
            ("HTTP/1.1 \r\n\r\n", Err(())),
            ("", Err(())),
        ] {
            let server = Raw::start(move |stream| {
                let _asked = stream.read(&mut [0; 1024])?;
                stream.write_all(said.as_bytes())
            })
            .expect("listening");
            let got = of(server.address(), "/", Duration::from_secs(5));
            let got =
                got.as_ref().map(|got| (got.status, got.side, got.generation.as_deref())).map_err(|_| ());
            assert_eq!(got, reply, "{said}");
        }
    }

    #[test]
    fn silence_and_floods_end_in_time() {
        let silent = Raw::says("").expect("listening");
        let began = Instant::now();
        let told = of(silent.address(), "/", Duration::from_millis(100));
        assert_eq!(told, Err("no answer in time".to_owned()));
        let flood = Raw::floods("HTTP/1.1 200 OK\r\n", "X: y\r\n").expect("listening");
        assert!(of(flood.address(), "/", Duration::from_secs(20)).is_err());
        let flood = Raw::floods("HTTP/1.1 200 OK\r\n\r\n", "body").expect("listening");
        assert!(of(flood.address(), "/", Duration::from_secs(20)).is_ok());
        assert!(began.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn what_is_no_path_is_not_asked_for() {
        let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
        for path in ["", "x", "/a b", "/\r\nX: y"] {
            assert!(of(nobody, path, Duration::from_secs(1)).is_err_and(|why| why.contains("no path")));
        }
    }
}
