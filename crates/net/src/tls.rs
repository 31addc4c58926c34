//! A connection becomes a private one. Trusts what the host trusts, or Mozilla's roots where the host has none, and a
//! file of one's own if asked to.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::error::NetError;

/// The host's roots, read at first use: reading them takes milliseconds and a megabyte.
static HOST_ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
static HOST_TRUST: OnceLock<Arc<ClientConfig>> = OnceLock::new();

/// Whom a client trusts: the host's roots, and the certificates of a PEM file if one is named.
///
/// # Errors
/// In words, when the file cannot be read or holds no certificate.
pub fn trust(extra: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let roots = roots(extra)?;
    Ok(match extra {
        None => Arc::clone(HOST_TRUST.get_or_init(|| configuration(roots))),
        Some(_) => configuration(roots),
    })
}

/// The roots alone; as for [`trust`].
pub(crate) fn roots(extra: Option<&Path>) -> Result<Arc<RootCertStore>, String> {
    let host = HOST_ROOTS.get_or_init(|| Arc::new(host_roots()));
    let Some(path) = extra else { return Ok(Arc::clone(host)) };
    let mut roots = RootCertStore::clone(host);
    let mut count = 0;
    let pem = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| format!("{}: {error}", path.display()))?;
        roots.add(certificate).map_err(|error| format!("{}: {error}", path.display()))?;
        count += 1;
    }
    if count == 0 {
        return Err(format!("{}: no certificate in it", path.display()));
    }
    Ok(Arc::new(roots))
}

fn host_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    // One root that cannot be read must not take the others with it.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

fn configuration(roots: Arc<RootCertStore>) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = match versions {
        Ok(builder) => builder,
        // ring supports both versions that are asked for, so this arm is never taken; it must not be a panic either.
        Err(_) => ClientConfig::builder(),
    };
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Shakes hands as a client. The caller sets the deadline.
///
/// # Errors
/// [`NetError::Tls`] with the reason: an untrusted, expired or foreign certificate, or no common protocol.
pub async fn handshake(
    stream: TcpStream,
    host: &str,
    trust: Arc<ClientConfig>,
) -> Result<TlsStream<TcpStream>, NetError> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let fail = |why: String| NetError::Tls { host: bare.to_owned(), why };
    let name = ServerName::try_from(bare.to_owned()).map_err(|error| fail(error.to_string()))?;
    TlsConnector::from(trust).connect(name, stream).await.map_err(|error| fail(error.to_string()))
}
