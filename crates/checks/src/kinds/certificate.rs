//! `certificate`: how much of a certificate's life is left, as it is served and as it lies on disk, and whether the two
//! are the same: renewed and not reloaded is the way in which renewals fail in silence.
//!
//! Thresholds are parts of its life, because "14 days" means nothing for one of six days and little for one of a year.

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use muster_config::assertion::Assertion;
use muster_config::assertion::facts::Value;
use muster_config::assertion::term::{Term, Type};
use muster_config::field::{Field, Shape};
use muster_config::kind::Kind;
use muster_config::section::Section;
use muster_core::expectation::Level;
use muster_core::time::{Span, Timestamp};
use muster_host::clock;
use muster_net::certificate::Certificate;
use muster_net::endpoint::Endpoint;
use muster_net::inspect::Offer;
use muster_net::reach::Family;

use super::tls::SNI;
use crate::contact::{
    CA, CERT_EXPIRES_IN, CERT_ISSUER, CERT_NAMES, CHAIN_EXPIRES_IN, FAMILY, connect, endpoint, family,
    give_up, is_outside, left, miss, note_certificate, secure, word,
};
use crate::probe::{BoxFuture, Class, Miss, Part, Probe, Scene};
use crate::starttls::{PROTOCOL, Protocol};

/// Longest file that is read, in bytes.
const FILE_LIMIT: u64 = 1 << 20;

/// What must be true where the configuration says nothing.
const USUAL: &[(&str, Level)] =
    &[("renewal.overdue_in > 0s", Level::Page), ("renewal.due_in > 0s", Level::Warn)];

/// The row of the kind.
pub const ROW: Kind<Part> = Kind {
    name: "certificate",
    sentence: "Looks how much of a certificate's life is left, and whether the one on disk is the one that is served.",
    example: "[check.site-certificate]\nkind = \"certificate\"\nevery = \"1h\"\naddress = \"example.com:443\"\nfile = \
              \"/etc/letsencrypt/live/example.com/fullchain.pem\"\n",
    fields: &[
        Field::new(
            "address",
            Shape::Text,
            "Host and port where it is served; 443 if no port is written. A certificate that is not trusted there is \
             bad.",
            "\"example.com:443\"",
        ),
        SNI,
        FAMILY,
        PROTOCOL,
        CA,
        Field::new(
            "file",
            Shape::Path,
            "The PEM file that it is served from, the server's own certificate first. With `address`, another one there \
             than here is bad news: it was renewed and the server not reloaded.",
            "\"/etc/letsencrypt/live/example.com/fullchain.pem\"",
        ),
        Field::new(
            "expect",
            Shape::Assertions(TERMS),
            "What must be true. If nothing is written: a page when its renewal is overdue, a warning when it is due.",
            "[\"cert.expires_in > 14d\"]",
        ),
    ],
    read,
};

const TERMS: &[Term] = &[
    CERT_EXPIRES_IN,
    CHAIN_EXPIRES_IN,
    CERT_NAMES,
    CERT_ISSUER,
    word("cert.left", Type::Number, "Which part of its life is left, from 1 to 0.", "cert.left > 0.2"),
    word(
        "renewal.due_in",
        Type::Time,
        "How long until a third of its life is left, or 60 days of a long one.",
        "renewal.due_in > 0s",
    ),
    word(
        "renewal.overdue_in",
        Type::Time,
        "How long until a sixth of its life is left: at least 72 hours (a quarter, if it lives for less than 12 days) and \
         at most 30 days.",
        "renewal.overdue_in > 0s",
    ),
];

/// A certificate at one place or two.
#[derive(Debug)]
struct Watched {
    served: Option<Served>,
    file: Option<PathBuf>,
    assertions: Vec<Assertion>,
}

#[derive(Debug)]
struct Served {
    endpoint: Endpoint,
    name: String,
    family: Family,
    protocol: Option<Protocol>,
    offer: Offer,
}

fn read(section: &Section<'_>) -> Option<Part> {
    let file = section.path_to("file");
    let served = if section.has("address") {
        let endpoint = endpoint(section, "address", Some(443))?;
        Some(Served {
            name: section.text("sni").unwrap_or_else(|| endpoint.host.clone()),
            endpoint,
            family: family(section),
            protocol: section.choice("protocol").and_then(Protocol::of_word),
            offer: Offer { ca: section.path_to("ca"), ..Offer::default() },
        })
    } else {
        for key in ["sni", "family", "protocol", "ca"].into_iter().filter(|key| section.has(key)) {
            section.no_effect(key, format!("without `address`, `{key}` says nothing"));
        }
        None
    };
    if served.is_none() && file.is_none() {
        section.missing(
            format!("[{}] lacks `address` or `file`", section.path()),
            "add `address = \"example.com:443\"`, the `file` that it is served from, or both",
        );
        return None;
    }
    let mut assertions = section.assertions("expect");
    if assertions.is_empty() {
        let usual = USUAL.iter().filter_map(|(text, level)| {
            Assertion::compile(text, TERMS).ok().map(|assertion| assertion.with_level(*level))
        });
        assertions.extend(usual);
    }
    Some(Arc::new(Watched { served, file, assertions }))
}

impl Watched {
    async fn look(&self, scene: &Scene) -> Result<(), Miss> {
        let file = match &self.file {
            Some(path) => Some(on_disk(path).await?),
            None => None,
        };
        let now = clock::now().wall;
        if let Some(file) = &file {
            note_certificate(&scene.notebook, file, now);
            scene.notebook.fact("chain.expires_in", left(file.not_after, now));
            note_renewal(scene, file, now);
        }
        let Some(served) = &self.served else { return Ok(()) };
        let until = give_up(scene);
        let mut stream = connect(scene, served.family, &served.endpoint, until).await?;
        if let Some(protocol) = served.protocol {
            stream = protocol.upgrade(scene, stream, until).await?;
        }
        let inspected = secure(scene, stream, &served.name, &served.offer, until).await;
        let shown = inspected.peer.chain.first().map(|der| Certificate::from_der(der));
        if let Some(Ok(shown)) = &shown {
            note_renewal(scene, shown, now);
            if let Some(file) = file.filter(|file| file.fingerprint != shown.fingerprint) {
                return Err(Miss::down(Class::Unmet, differ(shown, &file)));
            }
        }
        inspected.trusted().map_err(miss)?;
        match shown {
            Some(Err(why)) => Err(Miss::down(Class::Tls, format!("the certificate cannot be read: {why}"))),
            Some(Ok(_)) | None => Ok(()),
        }
    }
}

/// Two certificates that should be one.
fn differ(shown: &Certificate, file: &Certificate) -> String {
    let what = if file.not_before > shown.not_before {
        "renewed and not reloaded: the server still shows"
    } else {
        "the file is not what is served: the server shows"
    };
    format!(
        "{what} the certificate {} (good until {}), the file holds {} (good until {})",
        shown.serial, shown.not_after, file.serial, file.not_after
    )
}

fn note_renewal(scene: &Scene, certificate: &Certificate, now: Timestamp) {
    let (due, overdue) = renewal(certificate);
    scene.notebook.fact("cert.left", Value::Number(certificate.left(now)));
    scene.notebook.fact("renewal.due_in", left(due, now));
    scene.notebook.fact("renewal.overdue_in", left(overdue, now));
}

/// From when on a renewal is due, and overdue.
fn renewal(certificate: &Certificate) -> (Timestamp, Timestamp) {
    let life = certificate.life().as_millis();
    let due = (life / 3).min(Span::days(60).as_millis());
    let least = Span::hours(72).as_millis().min(life / 4);
    let overdue = (life / 6).clamp(least, Span::days(30).as_millis());
    (certificate.not_after - Span::millis(due), certificate.not_after - Span::millis(overdue))
}

/// The first certificate of a file.
async fn on_disk(path: &Path) -> Result<Certificate, Miss> {
    let wanted = path.to_owned();
    let pem = match tokio::task::spawn_blocking(move || slurp(&wanted)).await {
        Ok(Ok(pem)) => pem,
        Ok(Err(error)) if error.kind() == ErrorKind::NotFound => {
            return Err(Miss::down(Class::Absent, format!("{}: there is no such file", path.display())));
        }
        Ok(Err(error)) => return Err(Miss::blind(format!("{}: {error}", path.display()))),
        Err(error) => return Err(Miss::blind(format!("{}: {error}", path.display()))),
    };
    match Certificate::from_pem(&pem) {
        Ok(mut chain) => Ok(chain.swap_remove(0)),
        Err(why) => Err(Miss::down(Class::Unmet, format!("{}: {why}", path.display()))),
    }
}

fn slurp(path: &Path) -> io::Result<Vec<u8>> {
    // A pipe would be opened only when somebody writes to it.
    if !path.metadata()?.is_file() {
        return Err(io::Error::other("this is no regular file"));
    }
    let mut pem = Vec::new();
    File::open(path)?.take(FILE_LIMIT + 1).read_to_end(&mut pem)?;
    if u64::try_from(pem.len()).is_ok_and(|length| length > FILE_LIMIT) {
        return Err(io::Error::other("a file of more than 1 MiB is not read"));
    }
    Ok(pem)
}

impl Probe for Watched {
    fn probe<'a>(&'a self, scene: &'a Scene) -> BoxFuture<'a, Result<(), Miss>> {
        Box::pin(self.look(scene))
    }

    fn assertions(&self) -> &[Assertion] {
        &self.assertions
    }

    fn target(&self) -> String {
        let served = self.served.as_ref().map(|served| served.endpoint.to_string());
        let file = self.file.as_ref().map(|file| file.display().to_string());
        served.into_iter().chain(file).collect::<Vec<_>>().join(" and ")
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        self.served.iter().map(|served| served.endpoint.clone()).collect()
    }

    fn is_outside(&self) -> bool {
        self.served.as_ref().is_some_and(|served| is_outside(&served.endpoint.host))
    }
}
