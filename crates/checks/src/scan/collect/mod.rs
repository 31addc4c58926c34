//! Goes and looks at a site: every part before its own deadline, all at the same time where one does not need another.
//!
//! | module | holds |
//! |---|---|
//! | [`session`] | what all parts share: where to dial, whom to ask, until when |
//! | [`get`] | one request, one bounded answer |
//! | [`ways`] | redirects, followed to their end |
//! | [`tls`] | handshakes, one for each question |
//! | [`old_tls`] | a greeting in versions that nobody should speak any more |
//! | [`health`] | three looks at the health endpoint |
//! | [`names`] | zone, name servers, addresses |
//! | [`mail`] | MX, SPF, DMARC, DKIM |
//! | [`spf`] | what SPF says, `include` and `redirect` followed |

use std::path::PathBuf;
use std::time::Duration;

use muster_core::time::Timestamp;
use muster_net::url::Url;
use tokio::join;

use super::facts::{Fact, Facts, Registration, WaySort};
use crate::kinds::domain;
use crate::notebook::Notebook;
use crate::probe::Scene;

mod get;
mod health;
mod mail;
mod names;
mod old_tls;
pub mod session;
mod spf;
mod tls;
mod ways;

use self::session::{Pin, Session};

/// What is to be scanned, and how.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The site.
    pub url: Url,
    /// Where its health endpoint is; else the usual paths are tried.
    pub health: Option<String>,
    /// Addresses that are dialled in place of those that the name service gives.
    pub pins: Vec<Pin>,
    /// A name server to ask in place of those of this host.
    pub dns: Option<std::net::SocketAddr>,
    /// A PEM file with certificates to trust beside those of this host.
    pub ca: Option<PathBuf>,
    /// How long all of it may take.
    pub limit: Duration,
    /// The present.
    pub at: Timestamp,
}

/// Longest time of each part; the whole scan may be shorter.
const PAGE: Duration = Duration::from_secs(8);
const WAYS: Duration = Duration::from_secs(10);
const TLS: Duration = Duration::from_secs(8);
const HEALTH: Duration = Duration::from_secs(12);
const NAMES: Duration = Duration::from_secs(10);
const DOMAIN: Duration = Duration::from_secs(12);

/// Looks once at all of it. Never takes longer than the limit, but for moments.
pub async fn collect(wanted: &Wanted) -> Facts {
    let session = Session::new(wanted);
    let session = &session;
    let web = async {
        let asked = if wanted.url.secure { WaySort::Secure } else { WaySort::Clear };
        let (way, page) = ways::page(session, asked, session.until(PAGE)).await;
        let (others, path, health) = join!(
            ways::others(session, asked, session.until(WAYS)),
            ways::path(session, session.until(WAYS)),
            health::look(session, &page, session.until(HEALTH)),
        );
        (ways::all(way, others), path, page, health)
    };
    let names = async {
        let until = session.until(NAMES);
        let zone = names::zone_of(session, until).await;
        let (zone, mail, domain) = join!(
            names::zone(session, &zone, until),
            mail::look(session, &zone, until),
            registration(session, &zone)
        );
        (zone, mail, domain)
    };
    let until = session.until(TLS);
    let ((ways, path, page, health), (zone, mail, domain), tls, old_tls, new_tls, addresses, https_record) = join!(
        web,
        names,
        tls::look(session, until),
        old_tls::look(session, until),
        tls::versions(session, until),
        names::addresses(session, until),
        names::https_record(session, until),
    );
    Facts {
        site: wanted.url.shown(),
        host: wanted.url.endpoint.host.clone(),
        at: wanted.at,
        ways,
        path,
        tls,
        old_tls,
        new_tls,
        page,
        https_record,
        health,
        addresses,
        zone,
        mail,
        domain,
    }
}

async fn registration(session: &Session<'_>, zone: &Fact<String>) -> Fact<Registration> {
    let name = match zone {
        Fact::Known(name) => name.clone(),
        Fact::Unknown { why } => return Fact::unknown(why.clone()),
        Fact::Nothing { why } => return Fact::nothing(why.clone()),
    };
    let deadline = session.until(DOMAIN);
    let scene = Scene { deadline, resolver: session.resolver.clone(), notebook: Notebook::default() };
    match tokio::time::timeout_at(deadline, domain::registered_until(&scene, &name)).await {
        Ok(Ok(expires)) => Fact::Known(Registration { name, expires }),
        Ok(Err(why)) => Fact::unknown(why),
        Err(_) => Fact::unknown("the registry did not answer in time"),
    }
}
