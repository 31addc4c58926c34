//! One HTTP/1.1 request on a connection of its own, one bounded answer (RFC 9112). Redirects are answers like others.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use base64::Engine as _;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::dial::{Dialer, Phases};
use crate::error::NetError;
use crate::tls;

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
    /// Names in lower case, and values where they are text.
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
    // The parser's own words would repeat the address.
    let uri: Uri = request.url.parse().map_err(|_| NetError::Address("it does not parse".into()))?;
    let host = uri.host().ok_or_else(|| NetError::Address("it names no host".into()))?.to_owned();
    let secure = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return Err(NetError::Address("only http:// and https:// can be called".into())),
    };
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let deadline = request.deadline;
    let call = async {
        let (stream, mut phases) = dialer.dial(&host, port).await?;
        if secure {
            let start = Instant::now();
            let trust =
                tls::trust(request.ca.as_deref()).map_err(|why| NetError::Tls { host: host.clone(), why })?;
            let stream = tls::handshake(stream, &host, trust).await?;
            phases.tls = start.elapsed();
            exchange(stream, &uri, &host, &request, phases).await
        } else {
            exchange(stream, &uri, &host, &request, phases).await
        }
    };
    match tokio::time::timeout(deadline, call).await {
        Ok(answer) => answer,
        Err(_) => Err(NetError::Timeout { host, limit: deadline }),
    }
}

async fn exchange<S>(
    stream: S,
    uri: &Uri,
    host: &str,
    request: &Request,
    phases: Phases,
) -> Result<Response, NetError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let broke = |why: String| NetError::Protocol { host: host.to_owned(), why };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broke(error.to_string()))?;
    let asked = ask(uri, request).map_err(broke)?;
    let start = Instant::now();
    let answer = async {
        let answer = sender.send_request(asked).await.map_err(|error| broke(error.to_string()))?;
        let first_byte = start.elapsed();
        let status = answer.status().as_u16();
        let headers = answer
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
            .collect();
        let (body, truncated) = match Limited::new(answer.into_body(), BODY_LIMIT).collect().await {
            Ok(body) => (body.to_bytes().to_vec(), false),
            Err(error) if error.is::<LengthLimitError>() => (Vec::new(), true),
            Err(error) => return Err(broke(error.to_string())),
        };
        Ok(Response { status, headers, body, truncated, phases, first_byte })
    };
    // The connection is driven here and not in a task of its own, so that nothing outlives the call.
    tokio::pin!(connection);
    tokio::pin!(answer);
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        ended = &mut connection => match ended {
            Ok(()) => answer.await,
            Err(error) => Err(broke(error.to_string())),
        },
    }
}

fn ask(uri: &Uri, request: &Request) -> Result<hyper::Request<Full<Bytes>>, String> {
    let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
    let (user, authority) = match authority.rsplit_once('@') {
        Some((user, bare)) => (Some(user.to_owned()), bare.to_owned()),
        None => (None, authority),
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut asked = hyper::Request::builder().method(request.method.clone()).uri(path);
    let headers = asked.headers_mut().ok_or("the path cannot be asked for")?;
    let value = |text: &str| {
        HeaderValue::from_str(text).map_err(|_| "a header holds a character that is not allowed")
    };
    headers.insert(HOST, value(&authority)?);
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("muster/", env!("CARGO_PKG_VERSION"))));
    if let Some(user) = user {
        let basic = base64::engine::general_purpose::STANDARD.encode(user);
        headers.insert(AUTHORIZATION, value(&format!("Basic {basic}"))?);
    }
    for (name, text) in &request.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "a header's name is not allowed")?;
        headers.insert(name, value(text)?);
    }
    asked
        .body(Full::new(Bytes::from(request.body.clone())))
        .map_err(|_| "the request cannot be made".to_owned())
}
