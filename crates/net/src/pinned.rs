//! Trusts nobody but the certificates of one file: the peer shows exactly one of them, or one that they signed. For peers
//! that made a certificate for themselves.
//!
//! A certificate that is in the file counts whatever name it is for, however old it is, and whether or not it may sign
//! others (what `openssl req -x509` makes may): whoever has its key is meant. One that is only signed by a certificate of
//! the file is judged as always, its name and its time included.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// Whom a client trusts that trusts the certificates of this PEM file and nobody else.
///
/// # Errors
/// In words, when the file cannot be read or holds no certificate.
pub fn trust(file: &Path) -> Result<Arc<ClientConfig>, String> {
    let fail = |why: &dyn std::fmt::Display| format!("{}: {why}", file.display());
    let pem = std::fs::read(file).map_err(|error| fail(&error))?;
    let pinned =
        CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>().map_err(|error| fail(&error))?;
    let mut roots = RootCertStore::empty();
    for certificate in &pinned {
        roots.add(certificate.clone()).map_err(|error| fail(&error))?;
    }
    if roots.is_empty() {
        return Err(fail(&"no certificate in it"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let judge = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .map_err(|error| fail(&error))?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| fail(&error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Pinned { pinned, judge }))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

#[derive(Debug)]
struct Pinned {
    pinned: Vec<CertificateDer<'static>>,
    judge: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.pinned.iter().any(|pinned| pinned.as_ref() == end_entity.as_ref()) {
            // That the other side has its key is shown by the signatures below.
            return Ok(ServerCertVerified::assertion());
        }
        self.judge.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use muster_testkit::tls::Identity;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
    use rustls::ServerConfig;
    use rustls::pki_types::PrivateKeyDer;
    use tokio::net::{TcpListener, TcpStream};
    use tokio_rustls::TlsAcceptor;

    use super::*;
    use crate::tls::handshake;

    /// A certificate that signed itself and may sign others, as OpenSSL makes it: its text, and a server that shows it.
    fn own(name: &str) -> (String, Arc<ServerConfig>) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pair = KeyPair::generate().expect("a key");
        let made = params.self_signed(&pair).expect("signed");
        let key = PrivateKeyDer::try_from(pair.serialize_der()).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![made.der().clone()], key)
            .expect("a certificate");
        (made.pem(), Arc::new(config))
    }

    fn pem(identity: &Identity) -> Vec<u8> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("certificate");
        identity.write_certificate(&path).expect("written");
        std::fs::read(&path).expect("read")
    }

    /// Shakes hands with a server, trusting that file.
    async fn shake(server: Arc<ServerConfig>, file: &[u8], host: &str) -> Result<(), String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("peer.crt");
        std::fs::write(&path, file).expect("written");
        let trust = trust(&path)?;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let serve = async {
            let (stream, _) = listener.accept().await.expect("a connection");
            TlsAcceptor::from(server).accept(stream).await.map(drop).map_err(drop)
        };
        let stream = TcpStream::connect(address).await.expect("a connection");
        let shaken =
            async { handshake(stream, host, trust).await.map(drop).map_err(|error| error.to_string()) };
        tokio::join!(serve, shaken).1
    }

    #[tokio::test]
    async fn exactly_the_certificate_of_the_file_is_trusted_whatever_its_name() {
        let ((pem, server), (_, strange)) = (own("fra1"), own("fra1"));
        assert_eq!(shake(server, pem.as_bytes(), "127.0.0.1").await, Ok(()));
        let error = shake(strange, pem.as_bytes(), "fra1").await.expect_err("a stranger");
        assert!(error.starts_with("TLS with fra1 failed"), "{error}");
    }

    #[tokio::test]
    async fn a_certificate_of_the_file_counts_after_its_time_is_over() {
        let old = Identity::lasting(&["elsewhere"], -20, -10).expect("a certificate");
        assert_eq!(shake(old.config(), &pem(&old), "localhost").await, Ok(()));
    }

    #[tokio::test]
    async fn what_an_authority_of_the_file_signed_is_trusted_for_its_name_and_its_time() {
        let (signed, authority) = Identity::signed(&["localhost"], -1, 1).expect("a certificate");
        assert_eq!(shake(signed.config(), authority.as_bytes(), "localhost").await, Ok(()));
        assert!(shake(signed.config(), authority.as_bytes(), "elsewhere").await.is_err());
        let (old, authority) = Identity::signed(&["localhost"], -20, -10).expect("a certificate");
        assert!(shake(old.config(), authority.as_bytes(), "localhost").await.is_err());
    }

    #[test]
    fn a_file_without_a_certificate_is_named() {
        let error = trust(Path::new("/dev/null")).expect_err("nothing in it");
        assert_eq!(error, "/dev/null: no certificate in it");
    }
}
