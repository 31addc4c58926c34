//! The mail records of the zone: MX, SPF, DMARC, and a hint of DKIM.

use futures_util::future::join_all;
use muster_net::dns::question::RecordType;
use tokio::join;
use tokio::time::Instant;

use super::session::Session;
use super::spf;
use crate::scan::facts::Fact;
use crate::scan::facts_dns::{Exchanger, Mail};

/// The most MX records that are looked at.
const EXCHANGERS: usize = 10;
/// Selectors that the large senders of mail and the common programs use.
const SELECTORS: &[&str] = &[
    "default",
    "google",
    "selector1",
    "selector2",
    "k1",
    "s1",
    "dkim",
    "mail",
    "mx",
    "fm1",
    "protonmail",
    "20230601",
];

/// Looks at all of them.
pub(super) async fn look(session: &Session<'_>, zone: &Fact<String>, until: Instant) -> Fact<Mail> {
    let domain = match zone {
        Fact::Known(name) => name.clone(),
        Fact::Unknown { why } => return Fact::unknown(why.clone()),
        Fact::Nothing { why } => return Fact::nothing(why.clone()),
    };
    let (exchangers, spf, dmarc, dkim) = join!(
        exchangers(session, &domain, until),
        spf::read(session, &domain, until),
        dmarc(session, &domain, until),
        dkim(session, &domain, until),
    );
    Fact::Known(Mail { exchangers, spf, dmarc, dkim, domain })
}

async fn exchangers(session: &Session<'_>, domain: &str, until: Instant) -> Fact<Vec<Exchanger>> {
    let records = match session.records(domain, RecordType::Mx, until).await {
        Ok(records) => records,
        Err(why) => return Fact::Unknown { why },
    };
    let mut named: Vec<(u16, String)> = records
        .iter()
        .filter_map(|record| {
            let (preference, name) = record.split_once(' ')?;
            Some((preference.parse().ok()?, name.to_owned()))
        })
        .collect();
    named.sort();
    named.truncate(EXCHANGERS);
    let one = |(preference, name): (u16, String)| async move {
        let addresses = if name == "." { Fact::Known(0) } else { count(session, &name, until).await };
        Exchanger { preference, name, addresses }
    };
    Fact::Known(join_all(named.into_iter().map(one)).await)
}

async fn count(session: &Session<'_>, name: &str, until: Instant) -> Fact<usize> {
    let (old, new) =
        join!(session.records(name, RecordType::A, until), session.records(name, RecordType::Aaaa, until));
    match (old, new) {
        (Ok(old), Ok(new)) => Fact::Known(old.len() + new.len()),
        // One family is enough to be reached.
        (Ok(some), Err(_)) | (Err(_), Ok(some)) if !some.is_empty() => Fact::Known(some.len()),
        (Err(why), _) | (_, Err(why)) => Fact::Unknown { why },
    }
}

async fn dmarc(session: &Session<'_>, domain: &str, until: Instant) -> Fact<Vec<String>> {
    match session.records(&format!("_dmarc.{domain}"), RecordType::Txt, until).await {
        Ok(records) => {
            let is_one =
                |text: &String| text.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("v=DMARC1"));
            Fact::Known(records.into_iter().filter(is_one).collect())
        }
        Err(why) => Fact::Unknown { why },
    }
}

async fn dkim(session: &Session<'_>, domain: &str, until: Instant) -> Vec<String> {
    let one = |selector: &'static str| async move {
        let name = format!("{selector}._domainkey.{domain}");
        let records = session.records(&name, RecordType::Txt, until).await.ok()?;
        // An empty key says that it is no longer in use (RFC 6376, 3.6.1).
        let is_key =
            |text: &String| text.split(';').any(|tag| tag.trim().starts_with("p=") && tag.trim().len() > 2);
        records.iter().any(is_key).then(|| selector.to_owned())
    };
    join_all(SELECTORS.iter().copied().map(one)).await.into_iter().flatten().collect()
}
