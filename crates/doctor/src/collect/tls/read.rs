//! One file of certificates, and whether a key belongs to it. Keys stay here.

use muster_core::time::Timestamp;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;

use crate::collect::ground::Ground;
use crate::facts::Fact;
use crate::facts::tls::Certificate;

/// Most blocks of one file.
const BLOCKS: usize = 50;

/// What a file of certificates holds.
pub(super) struct Seen {
    pub(super) first: Fact<Certificate>,
    pub(super) count: usize,
    pub(super) public: Option<Public>,
}

/// What a key has in common with its certificate.
pub(super) enum Public {
    /// The modulus.
    Rsa(Vec<u8>),
    /// The point.
    Curve(Vec<u8>),
}

pub(super) fn certificate(ground: &Ground, path: &str) -> Seen {
    let without = |first| Seen { first, count: 0, public: None };
    let text = match ground.read(path) {
        Ok(Some(text)) => text,
        Ok(None) => return without(Fact::nothing("there is no such file")),
        Err(why) => return without(Fact::unknown(why)),
    };
    let blocks: Vec<Vec<u8>> = Pem::iter_from_buffer(&text.bytes)
        .take(BLOCKS)
        .flatten()
        .filter(|block| block.label.ends_with("CERTIFICATE"))
        .map(|block| block.contents)
        .collect();
    let Some((_, first)) = blocks.first().and_then(|block| X509Certificate::from_der(block).ok()) else {
        return without(Fact::unknown("no certificate in it that is understood"));
    };
    let seen = |time: x509_parser::time::ASN1Time| Timestamp::from_seconds(time.timestamp());
    let names_issuer = first
        .extensions()
        .iter()
        .any(|extension| matches!(extension.parsed_extension(), ParsedExtension::AuthorityInfoAccess(_)));
    let public = match first.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => Some(Public::Rsa(without_zeros(key.modulus).to_vec())),
        Ok(PublicKey::EC(point)) => Some(Public::Curve(point.data().to_vec())),
        _ => None,
    };
    Seen {
        first: Fact::Known(Certificate {
            subject: subject(&first),
            from: seen(first.validity().not_before),
            until: seen(first.validity().not_after),
            self_signed: first.subject() == first.issuer(),
            names_issuer,
        }),
        count: blocks.len(),
        public,
    }
}

/// What two certificates are compared by.
pub(in crate::collect) struct Shape {
    pub(in crate::collect) from: Timestamp,
    pub(in crate::collect) until: Timestamp,
    /// Whom it is for.
    pub(in crate::collect) names: Vec<String>,
    /// Its key is one of RSA.
    pub(in crate::collect) is_rsa: bool,
}

/// The first certificate of a file as DER; none where there is none that is understood.
pub(in crate::collect) fn first(ground: &Ground, path: &str) -> Option<Vec<u8>> {
    let text = ground.read(path).ok()??;
    let mut blocks = Pem::iter_from_buffer(&text.bytes).take(BLOCKS).flatten();
    blocks.find(|block| block.label.ends_with("CERTIFICATE")).map(|block| block.contents)
}

/// What two certificates are compared by.
pub(in crate::collect) fn shape(der: &[u8]) -> Option<Shape> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let seen = |time: x509_parser::time::ASN1Time| Timestamp::from_seconds(time.timestamp());
    let other = certificate.subject_alternative_name().ok().flatten();
    let others = other.iter().flat_map(|names| &names.value.general_names).map(ToString::to_string);
    let common = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
    Some(Shape {
        from: seen(certificate.validity().not_before),
        until: seen(certificate.validity().not_after),
        names: others.chain(common.map(|name| format!("DNSName({name})"))).collect(),
        is_rsa: matches!(certificate.public_key().parsed(), Ok(PublicKey::RSA(_))),
    })
}

fn subject(certificate: &X509Certificate<'_>) -> String {
    let common =
        certificate.subject().iter_common_name().find_map(|name| name.as_str().ok().map(str::to_owned));
    let other = certificate.subject_alternative_name().ok().flatten();
    let other = other.and_then(|names| names.value.general_names.first().map(ToString::to_string));
    common.filter(|name| !name.is_empty()).or(other).unwrap_or_else(|| "nobody in particular".to_owned())
}

/// Whether a key belongs to a certificate. The modulus of an RSA key, or the point of one on a curve, stands in its file as
/// it stands in the certificate (RFC 8017, RFC 5915), so that nothing has to be computed with it.
pub(super) fn fits(ground: &Ground, path: &str, public: &Public) -> Fact<bool> {
    let text = match ground.read(path) {
        Ok(Some(text)) => text,
        Ok(None) => return Fact::nothing("there is no such file"),
        Err(why) => return Fact::unknown(format!("{path}: {why}")),
    };
    let key = Pem::iter_from_buffer(&text.bytes)
        .take(BLOCKS)
        .flatten()
        .find(|block| block.label.ends_with("PRIVATE KEY"))
        .filter(|block| {
            !block.label.contains("ENCRYPTED") && !text.bytes.windows(9).any(|part| part == b"ENCRYPTED")
        });
    let Some(key) = key else { return Fact::unknown(format!("{path}: no key in it that is understood")) };
    let has = |part: &[u8]| !part.is_empty() && key.contents.windows(part.len()).any(|window| window == part);
    match public {
        Public::Rsa(modulus) => Fact::Known(has(modulus)),
        Public::Curve(point) if has(point) => Fact::Known(true),
        // A file of a key on a curve may lack its point: then it holds a number half as long, and little else.
        Public::Curve(point) => match key.contents.len() > point.len() + point.len() / 2 {
            true => Fact::Known(false),
            false => Fact::unknown(format!("{path}: the key does not say which certificate it belongs to")),
        },
    }
}

fn without_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_testkit::tls::Identity;

    #[test]
    fn a_key_fits_its_own_certificate_and_no_other() {
        let root = tempfile::tempdir().expect("a folder");
        let ground = Ground::new(root.path(), false);
        for name in ["one", "other"] {
            let identity = Identity::new().expect("an identity");
            identity.write_certificate(&root.path().join(format!("{name}.pem"))).expect("a certificate");
            identity.write_key(&root.path().join(format!("{name}.key"))).expect("a key");
        }
        let seen = certificate(&ground, "/one.pem");
        let public = seen.public.expect("a point");
        assert_eq!((seen.count, fits(&ground, "/one.key", &public)), (1, Fact::Known(true)));
        assert_eq!(fits(&ground, "/other.key", &public), Fact::Known(false));
        assert!(matches!(fits(&ground, "/one.pem", &public), Fact::Unknown { .. }));
        assert!(matches!(fits(&ground, "/none.key", &public), Fact::Nothing { .. }));
    }

    #[test]
    fn a_file_that_holds_no_certificate_is_unknown() {
        let root = tempfile::tempdir().expect("a folder");
        std::fs::write(
            root.path().join("x.pem"),
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        )
        .expect("a file");
        let seen = certificate(&Ground::new(root.path(), false), "/x.pem");
        assert!(matches!(seen.first, Fact::Unknown { .. }));
    }
}
