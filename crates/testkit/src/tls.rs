//! A certificate of our own for loopback servers: made for each test, trusted by whoever is given its file.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// A certificate and its key; [`Identity::new`] makes a self-signed one for `localhost` and `127.0.0.1`.
pub struct Identity {
    pem: String,
    key: String,
    config: Arc<ServerConfig>,
}

impl Identity {
    /// Makes one.
    ///
    /// # Errors
    /// When the libraries refuse their own output.
    pub fn new() -> io::Result<Self> {
        Self::lasting(&["localhost", "127.0.0.1"], -1, 365)
    }

    /// Makes one for these names that is good from so many days from now (negative: ago) to so many.
    ///
    /// # Errors
    /// As for [`Identity::new`].
    pub fn lasting(names: &[&str], from_days: i64, to_days: i64) -> io::Result<Self> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut wanted = CertificateParams::new(names).map_err(io::Error::other)?;
        wanted.not_before = in_days(from_days).into();
        wanted.not_after = in_days(to_days).into();
        let pair = KeyPair::generate().map_err(io::Error::other)?;
        let made = wanted.self_signed(&pair).map_err(io::Error::other)?;
        Self::of(made.pem(), vec![made.der().clone()], &pair)
    }

    /// Makes one that an authority of its own has signed, and gives the authority's certificate as PEM.
    ///
    /// # Errors
    /// As for [`Identity::new`].
    pub fn signed(names: &[&str], from_days: i64, to_days: i64) -> io::Result<(Self, String)> {
        let mut wanted = CertificateParams::new(Vec::new()).map_err(io::Error::other)?;
        wanted.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        wanted.distinguished_name.push(DnType::CommonName, "Test Authority");
        let pair = KeyPair::generate().map_err(io::Error::other)?;
        let root = wanted.self_signed(&pair).map_err(io::Error::other)?.pem();
        let issuer = Issuer::new(wanted, pair);
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut wanted = CertificateParams::new(names).map_err(io::Error::other)?;
        wanted.not_before = in_days(from_days).into();
        wanted.not_after = in_days(to_days).into();
        wanted.distinguished_name.push(DnType::CommonName, "Test Leaf");
        let pair = KeyPair::generate().map_err(io::Error::other)?;
        let made = wanted.signed_by(&pair, &issuer).map_err(io::Error::other)?;
        Ok((Self::of(made.pem(), vec![made.der().clone()], &pair)?, root))
    }

    fn of(pem: String, chain: Vec<CertificateDer<'static>>, pair: &KeyPair) -> io::Result<Self> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pair.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(io::Error::other)?;
        Ok(Self { pem, key: pair.serialize_pem(), config: Arc::new(config) })
    }

    /// Writes the certificate as PEM, for a client to trust.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_certificate(&self, path: &Path) -> io::Result<()> {
        std::fs::write(path, &self.pem)
    }

    /// Writes its private key as PEM, for a server of somebody else.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_key(&self, path: &Path) -> io::Result<()> {
        std::fs::write(path, &self.key)
    }

    /// Settings of a server that shows this certificate.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }
}

fn in_days(days: i64) -> SystemTime {
    let length = Duration::from_secs(days.unsigned_abs() * 86_400);
    if days < 0 { SystemTime::now() - length } else { SystemTime::now() + length }
}
