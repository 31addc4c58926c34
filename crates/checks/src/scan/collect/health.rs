//! Three looks at the health endpoint: two as everybody asks, and one with a query that no cache has seen.

use std::time::Duration;

use muster_net::exchange::Answer;
use muster_net::url::Url;
use tokio::join;
use tokio::time::{Instant, sleep};

use super::get::{body, get};
use super::session::Session;
use crate::scan::facts::{Fact, Health, HealthAnswer, Page, joined};

/// Where health endpoints usually are.
const USUAL: [&str; 3] = ["/health", "/healthz", "/status"];
/// Longer than the second that `Date` is told in.
const PAUSE: Duration = Duration::from_millis(1200);
/// Bytes of a body that are kept.
const KEPT: usize = 4096;
/// Headers that are kept.
const HEADERS: &[&str] = &[
    "date",
    "age",
    "cache-control",
    "expires",
    "content-type",
    "content-encoding",
    "x-cache",
    "x-cache-status",
    "cf-cache-status",
    "x-proxy-cache",
    "x-nginx-cache",
    "x-varnish-cache",
    "cache-status",
    "via",
];

/// Looks at the path that was asked for, or at the usual ones, on the host on which the page is.
pub(super) async fn look(session: &Session<'_>, page: &Fact<Page>, until: Instant) -> Fact<Health> {
    let home = match page {
        Fact::Known(page) => Url::parse(&page.url),
        Fact::Unknown { .. } | Fact::Nothing { .. } => return Fact::unknown("the page itself was not seen"),
    };
    let home = match home {
        Ok(home) => home,
        Err(error) => return Fact::unknown(error.to_string()),
    };
    if let Some(path) = &session.wanted.health {
        let path = if path.starts_with('/') { path.clone() } else { format!("/{path}") };
        return match ask(session, &home, &path, until).await {
            Ok(first) => Fact::Known(again(session, &home, &path, first, until).await),
            Err(why) => Fact::Unknown { why },
        };
    }
    let [one, two, three] = USUAL.map(|path| ask(session, &home, path, until));
    let (one, two, three) = join!(one, two, three);
    let mut unseen = None;
    for (path, asked) in USUAL.into_iter().zip([one, two, three]) {
        match asked {
            Ok(first) if is_endpoint(&first) => {
                return Fact::Known(again(session, &home, path, first, until).await);
            }
            Ok(_) => {}
            Err(why) => unseen = Some(why),
        }
    }
    match unseen {
        Some(why) => Fact::Unknown { why },
        None => Fact::nothing(format!("none at {}; name it with --health", USUAL.join(", "))),
    }
}

/// Not a page that the site shows for every path.
fn is_endpoint(answer: &HealthAnswer) -> bool {
    let kind = answer.header("content-type").unwrap_or_default();
    let is_page = kind.to_ascii_lowercase().contains("html");
    (answer.status < 300 || answer.status == 503) && !is_page
}

async fn again(session: &Session<'_>, home: &Url, path: &str, first: HealthAnswer, until: Instant) -> Health {
    let mark = session.wanted.at.millis();
    let joint = if path.contains('?') { '&' } else { '?' };
    let fresh = format!("{path}{joint}muster-scan={mark}");
    let second = async {
        sleep(PAUSE).await;
        ask(session, home, path, until).await.ok()
    };
    let (second, fresh) = join!(second, async { ask(session, home, &fresh, until).await.ok() });
    Health { path: path.to_owned(), first, second, fresh }
}

async fn ask(session: &Session<'_>, home: &Url, path: &str, until: Instant) -> Result<HealthAnswer, String> {
    let url = home.join(path).map_err(|error| error.to_string())?;
    let answer: Answer = get(session, &url, until).await.map_err(|error| error.to_string())?;
    let status = answer.status;
    let headers = HEADERS
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), joined(&answer.headers, name)?)))
        .collect();
    let bytes = body(answer, until).await?;
    let kept = bytes.get(..KEPT).unwrap_or(&bytes);
    Ok(HealthAnswer { status, headers, body: String::from_utf8_lossy(kept).into_owned() })
}
