//! A web server on loopback that answers, refuses, hangs, drips or breaks off, and remembers every request.
//!
//! One thread for each connection and one request on each; every answer closes its connection.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustls::{ServerConnection, StreamOwned};

use crate::listener::{ANY, Listener};
use crate::tls::Identity;
use crate::until::Log;

/// The longest that a connection is kept, whatever its mode.
const LONGEST: Duration = Duration::from_secs(60);
/// How often a waiting connection looks whether the server is going away, and the pause between two dripped bytes.
const BEAT: Duration = Duration::from_millis(20);

/// What the server does with the next request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Answers with this status, these further headers and this body.
    Answer {
        /// Status code.
        status: u16,
        /// Further headers.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
    },
    /// Reads the request and never answers.
    Hang,
    /// Announces more bytes than it sends, and closes.
    HalfReply,
    /// Closes after the request without an answer.
    Close,
    /// Sends a good answer one byte at a time, for ever.
    SlowDrip,
}

impl Mode {
    /// An answer without further headers. A 200 with words of an error in it is one of these too.
    pub fn answer(status: u16, body: &str) -> Self {
        Self::Answer { status, headers: Vec::new(), body: body.to_owned() }
    }

    /// "Not now" with `Retry-After`.
    pub fn retry_after(status: u16, value: &str) -> Self {
        let headers = vec![("Retry-After".to_owned(), value.to_owned())];
        Self::Answer { status, headers, body: "later".to_owned() }
    }
}

/// A request as it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Header names in small letters, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Request {
    /// The first header of that name, in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

struct Shared {
    mode: Mutex<Mode>,
    requests: Log<Request>,
    over: Arc<AtomicBool>,
    identity: Option<Identity>,
}

/// The server; it ends when it is dropped.
pub struct Receiver {
    shared: Arc<Shared>,
    listener: Listener,
}

impl Receiver {
    /// Listens on a free loopback port.
    ///
    /// # Errors
    /// When there is none.
    pub fn start(mode: Mode) -> io::Result<Self> {
        Self::listen(ANY, mode, None)
    }

    /// The same behind TLS; its address is `https://localhost:…`.
    ///
    /// # Errors
    /// When there is no free port.
    pub fn start_tls(mode: Mode, identity: Identity) -> io::Result<Self> {
        Self::listen(ANY, mode, Some(identity))
    }

    /// Listens on this very address, for a receiver that comes back.
    ///
    /// # Errors
    /// When somebody else has it.
    pub fn start_at(address: SocketAddr, mode: Mode) -> io::Result<Self> {
        Self::listen(address, mode, None)
    }

    fn listen(address: SocketAddr, mode: Mode, identity: Option<Identity>) -> io::Result<Self> {
        let over = Arc::new(AtomicBool::new(false));
        let shared = Arc::new(Shared {
            mode: Mutex::new(mode),
            requests: Log::default(),
            over: Arc::clone(&over),
            identity,
        });
        let ours = Arc::clone(&shared);
        let listener = Listener::start(address, over, move |stream| serve(stream, &ours))?;
        Ok(Self { shared, listener })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Its address with this path.
    pub fn url(&self, path: &str) -> String {
        match self.shared.identity {
            Some(_) => format!("https://localhost:{}{path}", self.address().port()),
            None => format!("http://{}{path}", self.address()),
        }
    }

    /// What it does from the next request on.
    pub fn set(&self, mode: Mode) {
        *self.shared.mode.lock().unwrap_or_else(PoisonError::into_inner) = mode;
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests.all()
    }

    /// The requests once there are at least `count`, or what there is when the time is up.
    pub fn wait_for(&self, count: usize, limit: Duration) -> Vec<Request> {
        self.shared.requests.wait(count, limit)
    }
}

fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(LONGEST))?;
    match &shared.identity {
        Some(identity) => {
            let session = ServerConnection::new(identity.config()).map_err(io::Error::other)?;
            talk(StreamOwned::new(session, stream), shared)
        }
        None => talk(stream, shared),
    }
}

fn talk(stream: impl Read + Write, shared: &Shared) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let request = read(&mut stream)?;
    let mode = shared.mode.lock().unwrap_or_else(PoisonError::into_inner).clone();
    shared.requests.push(request);
    let out = stream.get_mut();
    match mode {
        Mode::Answer { status, headers, body } => {
            let further: String =
                headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            write!(
                out,
                "HTTP/1.1 {status} Test\r\nContent-Length: {}\r\nConnection: close\r\n{further}\r\n{body}",
                body.len()
            )?;
        }
        Mode::HalfReply => write!(out, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nok")?,
        Mode::Close => {}
        Mode::Hang => linger(shared, || Ok(()))?,
        Mode::SlowDrip => {
            write!(out, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")?;
            linger(shared, || {
                out.write_all(b"x")?;
                out.flush()
            })?;
        }
    }
    stream.get_mut().flush()
}

/// Does it again and again until the server ends or its time is up.
fn linger(shared: &Shared, mut act: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    let beats = LONGEST.as_millis() / BEAT.as_millis();
    for _ in 0..beats {
        if shared.over.load(Ordering::SeqCst) {
            break;
        }
        act()?;
        thread::park_timeout(BEAT);
    }
    Ok(())
}

fn read(stream: &mut impl BufRead) -> io::Result<Request> {
    let mut first = String::new();
    stream.read_line(&mut first)?;
    let mut words = first.split_whitespace();
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(Request {
        method: method.to_owned(),
        path: path.to_owned(),
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(address: SocketAddr) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi")?;
        Ok(stream)
    }

    fn call(address: SocketAddr) -> io::Result<String> {
        let mut stream = ask(address)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    #[test]
    fn each_mode_is_seen_by_a_bare_client() {
        let server = Receiver::start(Mode::answer(200, "ok")).expect("start");
        assert!(call(server.address()).expect("an answer").ends_with("\r\n\r\nok"));
        server.set(Mode::retry_after(429, "7"));
        assert!(call(server.address()).expect("an answer").contains("Retry-After: 7\r\n"));
        server.set(Mode::HalfReply);
        assert!(call(server.address()).expect("half of one").contains("Content-Length: 1000"));
        server.set(Mode::Close);
        assert_eq!(call(server.address()).expect("nothing"), "");
        server.set(Mode::Hang);
        assert!(call(server.address()).is_err());
        server.set(Mode::SlowDrip);
        let mut stream = ask(server.address()).expect("a connection");
        let mut some = [0; 60];
        stream.read_exact(&mut some).expect("the head and a few bytes, one by one");
        let requests = server.wait_for(6, Duration::from_secs(5));
        assert_eq!(requests.len(), 6);
        let first = &requests[0];
        assert_eq!((first.method.as_str(), first.path.as_str(), first.body.as_str()), ("POST", "/a?b", "hi"));
        assert_eq!(first.header("host"), Some("x"));
    }

    #[test]
    fn a_server_can_come_back_at_its_old_address() {
        let address = crate::port::refusing().expect("a port");
        assert!(call(address).is_err());
        let server = Receiver::start_at(address, Mode::answer(204, "")).expect("start");
        assert!(call(address).expect("an answer").starts_with("HTTP/1.1 204"));
        drop(server);
        assert!(call(address).is_err());
    }
}
