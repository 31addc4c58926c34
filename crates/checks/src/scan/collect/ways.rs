//! Redirects, followed to their end.

use std::net::IpAddr;

use muster_net::error::NetError;
use muster_net::exchange::Answer;
use muster_net::url::Url;
use tokio::join;
use tokio::time::Instant;

use super::get::{body, get};
use super::session::Session;
use crate::scan::facts::{Fact, Hop, KeptPath, Page, Way, WayEnd, WaySort};

/// The most redirects that are followed.
const HOPS: usize = 10;
/// A path that is nobody's, with a query.
const NOBODYS: &str = "/muster-scan/path?kept=1";
/// Longest `Location` that is kept, in bytes.
const LOCATION: usize = 2048;

/// Follows the address that was asked for, and keeps the page at its end.
pub(super) async fn page(session: &Session<'_>, sort: WaySort, until: Instant) -> (Way, Fact<Page>) {
    let (way, last) = follow(session, sort, session.wanted.url.clone(), until).await;
    let Some((url, answer)) = last else {
        let why = why_not(&way.end);
        return (way, Fact::unknown(why));
    };
    let (status, http) = (answer.status, answer.version.to_owned());
    let headers = answer.headers.clone();
    let bytes = match body(answer, until).await {
        Ok(bytes) => Fact::Known(bytes.len()),
        Err(why) => Fact::Unknown { why },
    };
    (way, Fact::Known(Page { url: url.shown(), secure: url.secure, status, http, headers, bytes }))
}

/// Follows what else people type: the other scheme, and the twin of the name in both.
pub(super) async fn others(session: &Session<'_>, asked: WaySort, until: Instant) -> Vec<Way> {
    let url = &session.wanted.url;
    if !is_usual(url) {
        // Nobody expects anything at the other ports beside it.
        return Vec::new();
    }
    let host = url.authority().rsplit_once(':').map_or(url.authority(), |(host, _)| host);
    let host = if url.authority().ends_with(']') { url.authority() } else { host };
    let twin = twin(host);
    let one = |sort: WaySort, scheme: &'static str, host: Option<String>| async move {
        let host = host.filter(|_| sort != asked)?;
        let start = Url::parse(&format!("{scheme}://{host}/")).ok()?;
        Some(follow(session, sort, start, until).await.0)
    };
    let own = Some(host.to_owned());
    let (clear, secure, twin, twin_clear) = join!(
        one(WaySort::Clear, "http", own.clone()),
        one(WaySort::Secure, "https", own),
        one(WaySort::Twin, "https", twin.clone()),
        one(WaySort::TwinClear, "http", twin),
    );
    [clear, secure, twin, twin_clear].into_iter().flatten().collect()
}

/// All ways in the order of their sorts.
pub(super) fn all(asked: Way, mut others: Vec<Way>) -> Fact<Vec<Way>> {
    others.push(asked);
    others.sort_by_key(|way| way.sort as u8);
    Fact::Known(others)
}

/// What becomes of a path on its way from http to https.
pub(super) async fn path(session: &Session<'_>, until: Instant) -> Fact<KeptPath> {
    let url = &session.wanted.url;
    if !is_usual(url) {
        return Fact::nothing("it is not on the usual port");
    }
    let host = if url.endpoint.host.contains(':') {
        format!("[{}]", url.endpoint.host)
    } else {
        url.endpoint.host.clone()
    };
    let start = match Url::parse(&format!("http://{host}{NOBODYS}")) {
        Ok(start) => start,
        Err(error) => return Fact::unknown(error.to_string()),
    };
    let answer = match get(session, &start, until).await {
        Ok(answer) => answer,
        Err(NetError::Connect { .. } | NetError::Silent { .. }) => {
            return Fact::nothing("nobody answers by http");
        }
        Err(error) => return Fact::unknown(error.to_string()),
    };
    match answer.header("location").filter(|_| is_redirect(answer.status)) {
        Some(location) => match start.join(location) {
            Ok(to) => Fact::Known(KeptPath {
                asked: NOBODYS.to_owned(),
                location: format!("{}{}", to.origin(), to.path_and_query()),
            }),
            Err(_) => Fact::nothing("the redirect leads nowhere"),
        },
        None => Fact::nothing("http does not redirect it"),
    }
}

async fn follow(
    session: &Session<'_>,
    sort: WaySort,
    start: Url,
    until: Instant,
) -> (Way, Option<(Url, Answer)>) {
    let mut way = Way { sort, hops: Vec::new(), end: WayEnd::Endless };
    let mut been: Vec<Url> = Vec::new();
    let mut url = start;
    loop {
        let answer = match get(session, &url, until).await {
            Ok(answer) => answer,
            Err(error) => {
                way.end = end_of(&url, error);
                return (way, None);
            }
        };
        let location = answer.header("location").filter(|_| is_redirect(answer.status));
        let Some(location) = location else {
            way.end = WayEnd::Answered { url: url.shown(), status: answer.status };
            return (way, Some((url, answer)));
        };
        if way.hops.len() == HOPS {
            return (way, None);
        }
        let (shown, next) = (shown(location), url.join(location));
        way.hops.push(Hop { url: url.shown(), status: answer.status, location: shown.clone() });
        let Ok(next) = next else {
            way.end = WayEnd::Astray { location: shown };
            return (way, None);
        };
        been.push(url);
        if been.contains(&next) {
            way.end = WayEnd::Loop { url: next.shown() };
            return (way, None);
        }
        url = next;
    }
}

fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// An address as the site wrote it, without its query, which may hold secrets.
fn shown(location: &str) -> String {
    let bare = location.split(['?', '#']).next().unwrap_or_default();
    bare.chars().take(LOCATION).collect()
}

fn end_of(url: &Url, error: NetError) -> WayEnd {
    let why = error.to_string();
    match error {
        NetError::Dns { .. } => WayEnd::Nameless { why },
        NetError::Connect { .. } | NetError::Silent { .. } => WayEnd::Closed { why },
        NetError::Tls { .. } => WayEnd::Distrusted { why },
        NetError::Unreachable { .. }
        | NetError::Local { .. }
        | NetError::Timeout { .. }
        | NetError::Protocol { .. }
        | NetError::Address(_) => WayEnd::Lost { why: format!("{}: {why}", url.origin()) },
    }
}

fn why_not(end: &WayEnd) -> String {
    match end {
        WayEnd::Answered { status, .. } => format!("it answers {status}"),
        WayEnd::Loop { url } => format!("the redirects lead in a circle, to {url} again"),
        WayEnd::Endless => format!("more than {HOPS} redirects"),
        WayEnd::Astray { location } => format!("a redirect leads to {location:?}"),
        WayEnd::Nameless { why }
        | WayEnd::Closed { why }
        | WayEnd::Distrusted { why }
        | WayEnd::Lost { why } => why.clone(),
    }
}

fn is_usual(url: &Url) -> bool {
    url.endpoint.port == if url.secure { 443 } else { 80 }
}

/// The other name that people type: with `www` or without. Below a domain nobody types it; which names are domains is
/// told by their length alone (`example.com`, `example.co.uk`).
fn twin(host: &str) -> Option<String> {
    if host.parse::<IpAddr>().is_ok() || host.starts_with('[') || !host.contains('.') {
        return None;
    }
    if let Some(bare) = host.strip_prefix("www.") {
        return bare.contains('.').then(|| bare.to_owned());
    }
    let labels: Vec<&str> = host.split('.').collect();
    let is_domain = match labels.as_slice() {
        [_, _] => true,
        [_, second, last] => second.len() <= 3 && last.len() == 2,
        _ => false,
    };
    is_domain.then(|| format!("www.{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_twin_of_a_name_is_the_one_that_people_type() {
        for (host, other) in [
            ("example.com", Some("www.example.com")),
            ("www.example.com", Some("example.com")),
            ("example.co.uk", Some("www.example.co.uk")),
            ("app.example.com", None),
            ("www.com", None),
            ("localhost", None),
            ("192.0.2.7", None),
            ("[::1]", None),
        ] {
            assert_eq!(twin(host).as_deref(), other, "{host}");
        }
    }
}
