//! One request on a connection of its own, for those who send: remembered addresses, the host's trust, HTTP/1.1, one
//! bounded answer. Redirects are answers like others.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use hyper::Method;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::dial::{Dialer, Phases};
use crate::error::NetError;
use crate::exchange::{self, Ask, Http};
use crate::url::Url;
use crate::{pinned, tls};

/// The longest answer that is kept, in bytes.
pub const BODY_LIMIT: usize = 64 * 1024;

/// One request.
#[derive(Clone)]
pub struct Request {
    /// The verb.
    pub method: Method,
    /// `http://` or `https://`; may hold secrets, so it is never shown.
    pub url: String,
    /// Names and values; values may hold secrets.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// From dialling to the last byte of the answer.
    pub deadline: Duration,
    /// A PEM file with certificates to trust beside the host's.
    pub ca: Option<PathBuf>,
    /// A PEM file with the only certificates to trust, see [`crate::pinned`].
    pub only: Option<PathBuf>,
}

impl Request {
    /// A POST of JSON with ten seconds for all of it.
    pub fn json(url: impl Into<String>, body: Vec<u8>) -> Self {
        Self {
            method: Method::POST,
            url: url.into(),
            headers: vec![("content-type".into(), "application/json".into())],
            body,
            deadline: Duration::from_secs(10),
            ca: None,
            only: None,
        }
    }

    /// A GET with ten seconds for all of it.
    pub fn get(url: impl Into<String>) -> Self {
        Self { method: Method::GET, headers: Vec::new(), ..Self::json(url, Vec::new()) }
    }
}

/// One answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body, at most [`BODY_LIMIT`] bytes.
    pub body: Vec<u8>,
    /// The body was longer than that.
    pub truncated: bool,
    /// How long the phases took.
    pub phases: Phases,
    /// From the request's last byte to the answer's first line.
    pub first_byte: Duration,
}

impl Response {
    /// The first header of that name, given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Sends one request and waits for the answer.
///
/// # Errors
/// [`NetError`]; its words name the host only.
pub async fn send(dialer: &Dialer, request: Request) -> Result<Response, NetError> {
    let url = Url::parse(&request.url)?;
    let host = url.endpoint.host.clone();
    let limit = request.deadline;
    let call = async {
        let (stream, mut phases) = dialer.dial(&host, url.endpoint.port).await?;
        if url.secure {
            let start = Instant::now();
            let trust = match &request.only {
                Some(file) => pinned::trust(file),
                None => tls::trust(request.ca.as_deref()),
            };
            let trust = trust.map_err(|why| NetError::Tls { host: host.clone(), why })?;
            let stream = tls::handshake(stream, &host, trust).await?;
            phases.tls = start.elapsed();
            talk(stream, &url, &request, phases).await
        } else {
            talk(stream, &url, &request, phases).await
        }
    };
    match tokio::time::timeout(limit, call).await {
        Ok(answer) => answer,
        Err(_) => Err(NetError::Timeout { host, limit }),
    }
}

async fn talk<S>(stream: S, url: &Url, request: &Request, phases: Phases) -> Result<Response, NetError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let asked = Ask { method: &request.method, url, headers: &request.headers, body: &request.body };
    let mut answer = exchange::ask(stream, Http::One, asked).await?;
    let (status, first_byte) = (answer.status, answer.first_byte);
    let headers = std::mem::take(&mut answer.headers);
    let body = answer.body(BODY_LIMIT).await?;
    Ok(Response { status, headers, body: body.bytes, truncated: body.cut, phases, first_byte })
}
