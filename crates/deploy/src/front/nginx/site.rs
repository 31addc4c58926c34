//! What a host that is prepared for a service asks nginx: who answers for its domains, and that it reads a site of ours.

use std::path::{Path, PathBuf};
use std::time::Instant;

use muster_host::nginx::Configuration;

use super::{Nginx, Place, Token, claims, program};
use crate::front::Ports;
use crate::trouble::Trouble;

/// A server block of somebody that answers for a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answering {
    /// Its file and line.
    pub place: String,
    /// It leads to the sides of the service.
    pub leads: bool,
}

/// The blocks that answer for domains of a service on the host below `root`; none where there is no nginx.
///
/// # Errors
/// A name that could not stand in a file of nginx.
pub fn answers(root: &Path, service: &str, domains: &[String]) -> Result<Vec<Answering>, Trouble> {
    // Only names are compared: neither ports nor a token are needed for that.
    let token = Token::parse(&"0".repeat(32)).ok_or_else(|| Trouble::new("no token"))?;
    let usual = Place::of_host(service);
    let conf: PathBuf = root.join(usual.conf.strip_prefix("/").unwrap_or(&usual.conf));
    let place = Place { conf, ..usual };
    let nginx = Nginx::new(service, domains.to_vec(), Ports { blue: 0, green: 0 }, token, place)?;
    let conf = Configuration::read(&nginx.place.conf);
    let mut found: Vec<Answering> = Vec::new();
    for domain in domains {
        for claim in claims::of(&conf, domain, &nginx) {
            let place = format!("{}:{}", conf.file_of(claim.block).display(), claim.block.line);
            let one = Answering { place, leads: claim.includes };
            if !found.contains(&one) {
                found.push(one);
            }
        }
    }
    Ok(found)
}

/// The line that leads a block to the sides of a service.
pub fn line(service: &str) -> String {
    format!("include muster/{service}.con[f];")
}

/// Has the nginx of this host read its files again, if it takes them.
///
/// # Errors
/// It does not take them, or could not be told.
pub fn reload(until: Instant) -> Result<(), Trouble> {
    let place = Place::of_host("");
    program::test(&place, until)?;
    program::reload(&place, until)
}
