//! Traps in certificates.

mod example;
pub(super) mod expiring;
pub(super) mod misfit;
pub(super) mod not_renewed;
pub(super) mod old_served;

use super::answer::{Answer, Place};
use crate::facts::Facts;
use crate::facts::tls::{CertificateFile, Tls};

/// Judges what is known of certificates, and passes on what could not be read.
fn tls(facts: &Facts, judge: impl FnOnce(&Tls, &mut Answer)) -> Answer {
    Answer::of(&facts.tls, |tls, answer| {
        for (what, why) in &tls.unseen {
            answer.blind(format!("{what}: {why}"));
        }
        if tls.certificates.is_empty() && tls.certbot.is_none() && tls.unseen.is_empty() {
            answer.nothing = Some("no configuration names a certificate".to_owned());
        }
        judge(tls, answer);
    })
}

/// Where a certificate is named, or where it is.
fn place(certificate: &CertificateFile) -> Place {
    match certificate.named.first() {
        Some((file, line)) => Place::line(file, *line, &certificate.path),
        None => Place::of(&certificate.path),
    }
}

/// A day, in UTC.
fn day(at: muster_core::time::Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}
