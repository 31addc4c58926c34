//! What a certificate says (RFC 5280), as data. Whether it can be trusted is not judged here.

use std::net::{Ipv4Addr, Ipv6Addr};

use muster_core::time::{Span, Timestamp};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sha2::{Digest as _, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::X509Name;

/// One certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Whose it is: `CN=example.com`.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// The names and addresses that it is good for (subjectAltName), in its order.
    pub names: Vec<String>,
    /// It is good from here…
    pub not_before: Timestamp,
    /// …to here.
    pub not_after: Timestamp,
    /// The serial number in hexadecimal digits, two for each byte.
    pub serial: String,
    /// The public key: `RSA 2048`, `EC 256`, `Ed25519`.
    pub key: String,
    /// Subject and issuer are the same; the signature is not verified.
    pub self_signed: bool,
    /// SHA-256 of all of it, in hexadecimal digits.
    pub fingerprint: String,
}

impl Certificate {
    /// Reads one certificate from DER.
    ///
    /// # Errors
    /// In words, when it is none.
    pub fn from_der(der: &[u8]) -> Result<Self, String> {
        let (rest, parsed) =
            X509Certificate::from_der(der).map_err(|_| "this is no certificate".to_owned())?;
        if !rest.is_empty() {
            return Err("there is something behind the certificate".into());
        }
        let validity = parsed.validity();
        Ok(Self {
            subject: title(parsed.subject()),
            issuer: title(parsed.issuer()),
            names: names(&parsed),
            not_before: Timestamp::from_seconds(validity.not_before.timestamp()),
            not_after: Timestamp::from_seconds(validity.not_after.timestamp()),
            serial: hex(parsed.raw_serial()),
            key: key(&parsed),
            self_signed: parsed.subject() == parsed.issuer(),
            fingerprint: hex(&Sha256::digest(der)),
        })
    }

    /// Reads all certificates of a PEM text, the first one first; other sections (keys) are passed over.
    ///
    /// # Errors
    /// In words, when there is none or one of them cannot be read.
    pub fn from_pem(pem: &[u8]) -> Result<Vec<Self>, String> {
        let mut chain = Vec::new();
        for der in CertificateDer::pem_slice_iter(pem) {
            let der = der.map_err(|error| format!("not PEM: {error}"))?;
            chain.push(Self::from_der(&der)?);
        }
        if chain.is_empty() { Err("there is no certificate in it".into()) } else { Ok(chain) }
    }

    /// How much of its life is left at that moment: 1 at its beginning, 0 from its end on.
    pub fn left(&self, now: Timestamp) -> f64 {
        let life = self.not_after.since(self.not_before).as_seconds();
        if life <= 0.0 { 0.0 } else { (self.not_after.since(now).as_seconds() / life).min(1.0) }
    }

    /// How long it is good.
    pub fn life(&self) -> Span {
        self.not_after.since(self.not_before)
    }

    /// True if a name is among its names; a wildcard stands for one label (RFC 9525).
    pub fn is_for(&self, name: &str) -> bool {
        self.names.iter().any(|known| match known.strip_prefix("*.") {
            Some(domain) => name.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(domain)),
            None => known.eq_ignore_ascii_case(name),
        })
    }
}

fn title(name: &X509Name<'_>) -> String {
    name.to_string()
}

fn names(parsed: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = parsed.subject_alternative_name() else { return Vec::new() };
    extension
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress(bytes) => address(bytes),
            _ => None,
        })
        .collect()
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(four).to_string());
    }
    <[u8; 16]>::try_from(bytes).ok().map(|sixteen| Ipv6Addr::from(sixteen).to_string())
}

fn key(parsed: &X509Certificate<'_>) -> String {
    match parsed.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => format!("RSA {}", key.key_size()),
        Ok(PublicKey::EC(point)) => format!("EC {}", point.key_size()),
        _ => match parsed.public_key().algorithm.algorithm.to_id_string().as_str() {
            "1.3.101.112" => "Ed25519".into(),
            "1.3.101.113" => "Ed448".into(),
            other => other.to_owned(),
        },
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> rcgen::CertifiedKey<rcgen::KeyPair> {
        rcgen::generate_simple_self_signed(vec!["*.example.com".into(), "127.0.0.1".into(), "::1".into()])
            .expect("a certificate")
    }

    #[test]
    fn a_certificate_is_read_from_der_and_from_pem() {
        let made = made();
        let read = Certificate::from_der(made.cert.der()).expect("readable");
        assert_eq!(read.names, ["*.example.com", "127.0.0.1", "::1"]);
        assert!(read.self_signed && read.key == "EC 256" && read.fingerprint.len() == 64, "{read:?}");
        assert!(read.is_for("www.example.com") && read.is_for("127.0.0.1"));
        assert!(!read.is_for("example.com") && !read.is_for("a.b.example.com"));
        let pem = format!("{}{}", made.signing_key.serialize_pem(), made.cert.pem());
        assert_eq!(Certificate::from_pem(pem.as_bytes()), Ok(vec![read]));
    }

    #[test]
    fn what_is_no_certificate_is_refused_in_words() {
        let whole = made().cert.der().to_vec();
        for end in [0, 1, 10, whole.len() / 2, whole.len() - 1] {
            assert!(Certificate::from_der(&whole[..end]).is_err(), "{end}");
        }
        assert!(Certificate::from_der(&[whole, vec![0]].concat()).is_err());
        assert!(Certificate::from_pem(b"hello").is_err());
        assert!(
            Certificate::from_pem(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").is_err()
        );
    }

    #[test]
    fn what_is_left_is_a_part_of_its_life() {
        let mut read = Certificate::from_der(made().cert.der()).expect("readable");
        read.not_before = Timestamp::from_seconds(1_000);
        read.not_after = Timestamp::from_seconds(2_000);
        for (now, left) in [(0, 1.0), (1_000, 1.0), (1_750, 0.25), (2_000, 0.0), (9_000, 0.0)] {
            assert!((read.left(Timestamp::from_seconds(now)) - left).abs() < 1e-9, "{now}");
        }
    }
}
