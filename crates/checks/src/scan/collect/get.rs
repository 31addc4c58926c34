//! One request, one bounded answer.

use muster_net::error::NetError;
use muster_net::exchange::{Answer, Ask, Http, Method, ask};
use muster_net::inspect::{Offer, inspect};
use muster_net::url::Url;
use tokio::time::{Instant, timeout_at};

use super::session::Session;

/// The most bytes of a body that are read.
pub(super) const BODY: usize = 256 * 1024;

/// Asks for an address as a browser does that compresses, and waits for the head of the answer.
///
/// # Errors
/// [`NetError`]; a host that is not trusted is not asked.
pub(super) async fn get(session: &Session<'_>, url: &Url, until: Instant) -> Result<Answer, NetError> {
    let host = &url.endpoint.host;
    let began = Instant::now();
    let late = || NetError::Timeout { host: host.clone(), limit: began.elapsed() };
    let stream = session.dial(host, url.endpoint.port, until).await?;
    let headers =
        [("accept".to_owned(), "*/*".to_owned()), ("accept-encoding".to_owned(), "gzip, br".to_owned())];
    let asked = Ask { method: &Method::GET, url, headers: &headers, body: &[] };
    if !url.secure {
        return timeout_at(until, ask(stream, Http::One, asked)).await.map_err(|_| late())?;
    }
    let offer = offer(session);
    let inspected = inspect(stream, host, &offer, until).await;
    let http = if inspected.peer.alpn.as_deref() == Some(Http::Two.alpn()) { Http::Two } else { Http::One };
    let stream = inspected.trusted()?;
    timeout_at(until, ask(stream, http, asked)).await.map_err(|_| late())?
}

/// What is offered in a handshake.
pub(super) fn offer(session: &Session<'_>) -> Offer {
    Offer {
        ca: session.wanted.ca.clone(),
        alpn: vec![Http::Two.alpn(), Http::One.alpn()],
        ..Offer::default()
    }
}

/// The body of an answer, as far as it came.
///
/// # Errors
/// In words.
pub(super) async fn body(answer: Answer, until: Instant) -> Result<Vec<u8>, String> {
    match timeout_at(until, answer.body(BODY)).await {
        Ok(Ok(body)) => Ok(body.bytes),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("the answer did not end in time".to_owned()),
    }
}
