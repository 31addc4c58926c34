//! One request and one bounded answer on a connection that stands, in HTTP/1.1 (RFC 9112) or HTTP/2 (RFC 9113). The
//! caller sets the deadline; when the answer is dropped, so is the connection and all that drives it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use http_body_util::{BodyExt as _, Full};
pub use hyper::Method;
use hyper::Version;
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;

use crate::error::NetError;
use crate::url::Url;

/// Bytes of an answer's head, and of what is read ahead of a body.
const BUFFER: usize = 64 * 1024;
/// The same for the windows of HTTP/2 (RFC 9113, section 6.9).
const WINDOW: u32 = 64 * 1024;

/// Which HTTP is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Http {
    /// HTTP/1.1.
    One,
    /// HTTP/2.
    Two,
}

impl Http {
    /// Its name among application protocols (RFC 7301).
    pub fn alpn(self) -> &'static str {
        match self {
            Self::One => "http/1.1",
            Self::Two => "h2",
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// The verb.
    pub method: &'a Method,
    /// Where; may hold secrets.
    pub url: &'a Url,
    /// Names and values; values may hold secrets.
    pub headers: &'a [(String, String)],
    /// The body.
    pub body: &'a [u8],
}

/// An answer whose head has come; its body is still to be read.
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// `1.0`, `1.1` or `2`.
    pub version: &'static str,
    /// Names in lower case, and values; what is no UTF-8 in them is replaced.
    pub headers: Vec<(String, String)>,
    /// From the request to the answer's head.
    pub first_byte: Duration,
    body: Incoming,
    drive: Drive,
    host: String,
}

/// A body as far as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// Its first bytes.
    pub bytes: Vec<u8>,
    /// It goes on behind them.
    pub cut: bool,
}

/// What moves the bytes of a connection while somebody waits for them; nothing of it outlives the answer.
struct Drive {
    connection: Option<Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>>,
    /// What HTTP/2 runs beside; ended when this is dropped.
    _beside: Beside,
}

#[derive(Clone, Default)]
struct Beside(Arc<Mutex<JoinSet<()>>>);

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Beside {
    fn execute(&self, future: F) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).spawn(future);
    }
}

impl Drop for Drive {
    fn drop(&mut self) {
        // Whoever runs beside holds the set as well, so that it would never be dropped by itself.
        self._beside.0.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}

impl Drive {
    async fn during<T>(
        &mut self,
        host: &str,
        work: impl Future<Output = hyper::Result<T>>,
    ) -> Result<T, NetError> {
        let broke = |error: hyper::Error| NetError::Protocol { host: host.to_owned(), why: words(&error) };
        let Some(connection) = &mut self.connection else { return work.await.map_err(broke) };
        tokio::pin!(work);
        let ended = tokio::select! {
            biased;
            done = &mut work => return done.map_err(broke),
            ended = connection => ended,
        };
        self.connection = None;
        // What came before it broke is there all the same: some servers answer HEAD with a body.
        match (work.await, ended) {
            (Ok(done), _) => Ok(done),
            (Err(_), Err(error)) | (Err(error), Ok(())) => Err(broke(error)),
        }
    }
}

/// Asks, and waits for the head of the answer.
///
/// # Errors
/// [`NetError::Protocol`] when the peer does not speak it or stops in the middle, [`NetError::Address`] when the
/// request cannot be written down.
pub async fn ask<S>(stream: S, http: Http, ask: Ask<'_>) -> Result<Answer, NetError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let host = &ask.url.endpoint.host;
    let broke = |error: hyper::Error| NetError::Protocol { host: host.clone(), why: words(&error) };
    let request = request(http, ask).map_err(|why| NetError::Address(why.to_owned()))?;
    let (stream, beside) = (TokioIo::new(stream), Beside::default());
    let start = Instant::now();
    let (answer, drive) = match http {
        Http::One => {
            let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
                .max_buf_size(BUFFER)
                .handshake(stream)
                .await
                .map_err(broke)?;
            let mut drive = Drive { connection: Some(Box::pin(connection)), _beside: beside };
            (drive.during(host, sender.send_request(request)).await?, drive)
        }
        Http::Two => {
            let mut drive = Drive { connection: None, _beside: beside.clone() };
            let (mut sender, connection) = hyper::client::conn::http2::Builder::new(beside)
                .initial_stream_window_size(WINDOW)
                .initial_connection_window_size(WINDOW)
                .max_header_list_size(WINDOW)
                .handshake(stream)
                .await
                .map_err(broke)?;
            drive.connection = Some(Box::pin(connection));
            (drive.during(host, sender.send_request(request)).await?, drive)
        }
    };
    let first_byte = start.elapsed();
    let headers = answer
        .headers()
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    let version = match answer.version() {
        Version::HTTP_2 => "2",
        Version::HTTP_10 => "1.0",
        _ => "1.1",
    };
    Ok(Answer {
        status: answer.status().as_u16(),
        version,
        headers,
        first_byte,
        body: answer.into_body(),
        drive,
        host: host.clone(),
    })
}

impl Answer {
    /// The first header of that name, given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Reads the body, and no more than `limit` bytes of it.
    ///
    /// # Errors
    /// [`NetError::Protocol`] when it stops before its end.
    pub async fn body(mut self, limit: usize) -> Result<Body, NetError> {
        let mut bytes = Vec::new();
        while let Some(frame) = {
            let body = &mut self.body;
            self.drive.during(&self.host, async { body.frame().await.transpose() }).await?
        } {
            let Some(data) = frame.data_ref() else { continue };
            let room = limit - bytes.len();
            bytes.extend_from_slice(&data[..data.len().min(room)]);
            if data.len() > room {
                return Ok(Body { bytes, cut: true });
            }
        }
        Ok(Body { bytes, cut: false })
    }
}

/// What broke, with the reason behind it.
fn words(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn request(http: Http, ask: Ask<'_>) -> Result<hyper::Request<Full<Bytes>>, &'static str> {
    let named = ask.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(HOST.as_str()));
    let authority = named.map_or(ask.url.authority(), |(_, host)| host);
    let path = ask.url.path_and_query();
    let builder = hyper::Request::builder().method(ask.method);
    let mut builder = match http {
        Http::One => builder.uri(path),
        Http::Two => {
            let scheme = if ask.url.secure { "https" } else { "http" };
            builder.version(Version::HTTP_2).uri(format!("{scheme}://{authority}{path}"))
        }
    };
    let headers = builder.headers_mut().ok_or("the path cannot be asked for")?;
    let value = |text: &str| {
        HeaderValue::from_str(text).map_err(|_| "a header holds a character that is not allowed")
    };
    if http == Http::One {
        headers.insert(HOST, value(authority)?);
    }
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("muster/", env!("CARGO_PKG_VERSION"))));
    if let Some(user) = ask.url.user() {
        let basic = base64::engine::general_purpose::STANDARD.encode(user);
        headers.insert(AUTHORIZATION, value(&format!("Basic {basic}"))?);
    }
    for (name, text) in ask.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "a header's name is not allowed")?;
        if name != HOST {
            headers.insert(name, value(text)?);
        }
    }
    builder.body(Full::new(Bytes::copy_from_slice(ask.body))).map_err(|_| "the request cannot be made")
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use hyper::service::service_fn;
    use hyper_util::rt::TokioExecutor;
    use muster_testkit::http::{Mode, Receiver};
    use muster_testkit::raw::Raw;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    async fn call(address: std::net::SocketAddr, http: Http, limit: usize) -> Result<(Head, Body), NetError> {
        let stream = TcpStream::connect(address).await.expect("a connection");
        let url = Url::parse(&format!("http://ops:pass@{address}/a?b")).expect("an address");
        let headers = [("x-one".to_owned(), "1".to_owned())];
        let asked = Ask { method: &Method::POST, url: &url, headers: &headers, body: b"hi" };
        let call = async {
            let mut answer = ask(stream, http, asked).await?;
            let head = (answer.status, answer.version, std::mem::take(&mut answer.headers));
            Ok((head, answer.body(limit).await?))
        };
        match tokio::time::timeout(Duration::from_secs(1), call).await {
            Ok(done) => done,
            Err(_) => Err(NetError::Timeout { host: "test".into(), limit: Duration::from_secs(1) }),
        }
    }

    type Head = (u16, &'static str, Vec<(String, String)>);

    #[tokio::test]
    async fn a_body_is_kept_up_to_the_limit_and_the_rest_is_reported() {
        let server = Receiver::start(Mode::answer(200, "0123456789")).expect("a server");
        for (limit, kept, cut) in [(4, "0123", true), (9, "012345678", true), (10, "0123456789", false)] {
            let (head, body) = call(server.address(), Http::One, limit).await.expect("an answer");
            assert_eq!((head.0, head.1), (200, "1.1"));
            assert_eq!((String::from_utf8_lossy(&body.bytes).as_ref(), body.cut), (kept, cut));
        }
        let request = &server.requests()[0];
        assert_eq!((request.path.as_str(), request.body.as_str()), ("/a?b", "hi"));
        assert_eq!(request.header("host"), Some(server.address().to_string().as_str()));
        assert_eq!(request.header("authorization"), Some("Basic b3BzOnBhc3M="));
        assert!(request.header("accept-encoding").is_none());
        server.set(Mode::HalfReply);
        assert!(matches!(call(server.address(), Http::One, 4096).await, Err(NetError::Protocol { .. })));
    }

    async fn is_left_alone(server: Raw) -> bool {
        let waiting =
            tokio::task::spawn_blocking(move || server.is_left_alone_within(Duration::from_secs(5)));
        waiting.await.is_ok_and(|alone| alone)
    }

    #[tokio::test]
    async fn hostile_answers_end_the_call_and_leave_no_connection_behind() {
        let head = "HTTP/1.1 200 OK\r\n";
        for (http, server) in [
            (Http::One, Raw::says("SSH-2.0-OpenSSH_9.2\r\n")),
            (Http::Two, Raw::says("HTTP/1.1 400 Bad Request\r\n\r\n")),
            (Http::One, Raw::floods(head, "x-more: xxxxxxxxxxxxxxxx\r\n")),
            (Http::One, Raw::floods(format!("{head}x-long: "), "xxxxxxxxxxxxxxxx")),
            (Http::One, Raw::floods("", "HTTP/1.1 103 Early Hints\r\n\r\n")),
            (Http::One, Raw::floods("", [0_u8; 64])),
            (Http::Two, Raw::floods("", [0_u8; 64])),
            (Http::One, Raw::says("")),
            (Http::Two, Raw::says("")),
        ] {
            let server = server.expect("a server");
            let failed = call(server.address(), http, 1024).await;
            assert!(failed.is_err(), "{:?}", failed.map(|(head, _)| head));
            assert!(is_left_alone(server).await);
        }
        let endless = Raw::floods(format!("{head}\r\n"), "xxxxxxxx").expect("a server");
        let (_, body) = call(endless.address(), Http::One, 1024).await.expect("the beginning");
        assert_eq!((body.bytes.len(), body.cut), (1024, true));
        assert!(is_left_alone(endless).await);
    }

    #[tokio::test]
    async fn a_server_of_http_2_is_spoken_to_and_left() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = tokio::spawn(async move {
            for _ in 0..2 {
                let (stream, _) = listener.accept().await.expect("a client");
                let service = service_fn(|request: hyper::Request<Incoming>| async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await.expect("a body").to_bytes();
                    let body = String::from_utf8_lossy(&body);
                    let said =
                        format!("{} {} {body}", head.uri, head.headers["x-one"].to_str().expect("text"));
                    Ok::<_, Infallible>(hyper::Response::new(Full::new(Bytes::from(said.repeat(5000)))))
                });
                let served = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service);
                drop(served.await);
            }
        });
        let (head, body) = call(address, Http::Two, 1 << 20).await.expect("an answer");
        assert_eq!((head.0, head.1), (200, "2"));
        let once = format!("http://{address}/a?b 1 hi");
        assert_eq!((body.bytes.len(), body.cut), (once.len() * 5000, false));
        let (_, body) = call(address, Http::Two, 10).await.expect("an answer");
        assert_eq!((body.bytes.len(), body.cut), (10, true));
        tokio::time::timeout(Duration::from_secs(5), server)
            .await
            .expect("both connections end")
            .expect("well");
    }
}
