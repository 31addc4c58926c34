//! Certificates that services are told to show, and who renews them. Keys are compared and forgotten.

use muster_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::Fact;

/// Certificates of a host.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tls {
    /// Files of certificates.
    pub certificates: Vec<CertificateFile>,
    /// Certbot, where it has something to renew.
    pub certbot: Option<Certbot>,
    /// What could not be read, and why.
    pub unseen: Vec<(String, String)>,
}

/// A file of certificates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateFile {
    /// Its path.
    pub path: String,
    /// Where it is named: file, line; empty where only certbot has it.
    pub named: Vec<(String, u32)>,
    /// Certbot's name for it, if it is to be renewed by it.
    pub lineage: Option<String>,
    /// The first certificate in it; nothing where the file is missing.
    pub first: Fact<Certificate>,
    /// How many certificates are in it.
    pub count: usize,
    /// The rest of the chain is in a file of its own.
    pub chain_elsewhere: bool,
    /// The file of its key.
    pub key: Option<String>,
    /// The key belongs to the certificate.
    pub key_fits: Fact<bool>,
}

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Whom it is for.
    pub subject: String,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// It was signed with its own key.
    pub self_signed: bool,
    /// It says where the certificate of its issuer is, as those of public authorities do.
    pub names_issuer: bool,
}

/// Certbot on a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certbot {
    /// What it has to renew.
    pub lineages: Vec<String>,
    /// Timers and cron lines that start it.
    pub started_by: Vec<String>,
    /// Debian's own crontab for it is there, which does nothing where systemd runs.
    pub stands_aside: bool,
    /// systemd runs this host, or would.
    pub systemd: bool,
    /// Its last run by its log: when, and what could not be renewed.
    pub last: Fact<(Option<Timestamp>, Vec<String>)>,
}
