//! A small web application with a login, sessions, tokens against forged requests, and a profile: what a change of it
//! leads to is up to the test.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The only user's password.
pub(crate) const PASSWORD: &str = "open+sesame & more";
/// What the form holds; `&amp;` and `&#x2B;` stand for `&` and `+`.
const FORM_TOKEN: &str = "form-token&amp;&#x2B;0123456789";
const FORM_TOKEN_READ: &str = "form-token&+0123456789";
/// The session, and the token that goes with it.
pub(crate) const SESSION: &str = "session-0123456789abcdef";
pub(crate) const TOKEN: &str = "header-token-0123456789";

/// What the application does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Nothing,
    /// The form has no token.
    NoToken,
    /// Nobody can log out.
    NoLogout,
}

type Change = Box<dyn Fn(&str) + Send + Sync>;

struct Shared {
    fault: Fault,
    changed: Change,
    sessions: AtomicBool,
    logouts: AtomicUsize,
    over: AtomicBool,
    seen: Mutex<Vec<String>>,
}

/// The application; it ends when it is dropped.
pub(crate) struct Portal {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: Option<JoinHandle<()>>,
}

impl Portal {
    /// Starts it; `changed` is called with the new city.
    pub(crate) fn start(fault: Fault, changed: impl Fn(&str) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            fault,
            changed: Box::new(changed),
            sessions: AtomicBool::new(false),
            logouts: AtomicUsize::new(0),
            over: AtomicBool::new(false),
            seen: Mutex::default(),
        });
        let ours = Arc::clone(&shared);
        let listening = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ours.over.load(Ordering::SeqCst) {
                    break;
                }
                let ours = Arc::clone(&ours);
                thread::spawn(move || drop(serve(stream, &ours)));
            }
        });
        Self { address, shared, listening: Some(listening) }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// How often somebody logged out.
    pub(crate) fn logouts(&self) -> usize {
        self.shared.logouts.load(Ordering::SeqCst)
    }

    /// The requests so far, verb and path.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Portal {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if let Some(listening) = self.listening.take() {
            drop(listening.join());
        }
    }
}

struct Asked {
    line: String,
    headers: BTreeMap<String, String>,
    form: BTreeMap<String, String>,
}

fn read(stream: &TcpStream) -> io::Result<Asked> {
    let mut stream = BufReader::new(stream);
    let mut first = String::new();
    stream.read_line(&mut first)?;
    let line = first.rsplit_once(' ').map_or(first.as_str(), |(line, _)| line).to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let is_form = headers.get("content-type").is_some_and(|kind| kind == "application/x-www-form-urlencoded");
    let form = match is_form {
        true => String::from_utf8_lossy(&body)
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (decoded(key), decoded(value)))
            .collect(),
        false => BTreeMap::new(),
    };
    Ok(Asked { line, headers, form })
}

fn decoded(text: &str) -> String {
    let bytes = text.replace('+', " ").into_bytes();
    let (mut plain, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let code = bytes
            .get(at + 1..at + 3)
            .and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        match (bytes[at], code) {
            (b'%', Some(code)) => {
                plain.push(code);
                at += 3;
            }
            (byte, _) => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

fn serve(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let asked = read(&stream)?;
    shared.seen.lock().unwrap_or_else(PoisonError::into_inner).push(asked.line.clone());
    let cookies = asked.headers.get("cookie").map_or("", String::as_str);
    let has = |cookie: &str| cookies.split("; ").any(|own| own == cookie);
    let is_in = has(&format!("sid={SESSION}")) && shared.sessions.load(Ordering::SeqCst);
    let form = |key: &str| asked.form.get(key).map_or("", String::as_str);
    let (status, headers, body): (u16, String, String) = match asked.line.as_str() {
        "GET /login" => {
            let field = match shared.fault {
                Fault::NoToken => String::new(),
                _ => format!("<input type=\"hidden\" name=\"csrf\" value=\"{FORM_TOKEN}\">"),
            };
            let cookie = "Content-Type: text/html; charset=utf-8\r\nSet-Cookie: before=login-cookie-1; Path=/login\r\n";
            (200, cookie.into(), format!("<form method=post>{field}</form>"))
        }
        "POST /login" if form("csrf") != FORM_TOKEN_READ || !has("before=login-cookie-1") => {
            (403, String::new(), "forged".into())
        }
        "POST /login" if (form("user"), form("password")) == ("probe", PASSWORD) => {
            shared.sessions.store(true, Ordering::SeqCst);
            let set = format!(
                "Location: /home\r\nX-Csrf: {TOKEN}\r\nSet-Cookie: sid={SESSION}; Path=/; HttpOnly; Max-Age=600\r\nSet-Cookie: before=; Path=/login; Max-Age=0\r\n"
            );
            (303, set, String::new())
        }
        // As many applications do: a good status, and a page that says no.
        "POST /login" => (200, "Content-Type: text/html\r\n".into(), "<p>Wrong password".into()),
        "POST /profile" if !is_in => (302, "Location: /login\r\n".into(), String::new()),
        "POST /profile" if asked.headers.get("x-csrf").map(String::as_str) != Some(TOKEN) => {
            (403, String::new(), "forged".into())
        }
        "POST /profile" => {
            (shared.changed)(form("city"));
            (
                200,
                "Content-Type: application/json\r\n".into(),
                format!("{{\"id\":4711,\"city\":\"{}\"}}", form("city")),
            )
        }
        "GET /people/4711" if is_in => (200, String::new(), "probe".into()),
        "POST /logout" if shared.fault != Fault::NoLogout => {
            shared.sessions.store(false, Ordering::SeqCst);
            shared.logouts.fetch_add(1, Ordering::SeqCst);
            (204, "Set-Cookie: sid=; Path=/; Max-Age=0\r\n".into(), String::new())
        }
        line if line.starts_with("GET /loop") => (
            302,
            format!(
                "Location: /loop?{}\r\n",
                shared.seen.lock().unwrap_or_else(PoisonError::into_inner).len()
            ),
            String::new(),
        ),
        "GET /huge" => {
            write!(stream, "HTTP/1.1 200 OK\r\n\r\n")?;
            while !shared.over.load(Ordering::SeqCst) {
                stream.write_all(&[b'x'; 8192])?;
            }
            return Ok(());
        }
        "GET /drip" => {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")?;
            while !shared.over.load(Ordering::SeqCst) {
                stream.write_all(b"x")?;
                thread::park_timeout(Duration::from_millis(20));
            }
            return Ok(());
        }
        _ => (404, String::new(), "no such page".into()),
    };
    write!(
        stream,
        "HTTP/1.1 {status} Test\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{body}",
        body.len()
    )
}
