//! One connection from its first request to its last.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use muster_testbed::http::{Body, Head, read_head};
use muster_testbed::websocket::{self, Kind};

use crate::breaks::Break;
use crate::crowd::{Doing, Guest};

/// The longest body that is echoed.
const BODY: u64 = 1 << 20;
/// How long a client may think, or take to send one piece.
const IDLE: Duration = Duration::from_secs(120);
/// Between two events.
const BEAT: Duration = Duration::from_millis(200);
/// The longest that a request may ask to wait.
const SLOWEST: u64 = 60_000;

/// Answers until one of the two has enough. What goes wrong is the other side's affair.
pub(crate) fn serve(stream: TcpStream, guest: &Guest, version: &str) {
    let _over = Connection::new(stream, guest, version).and_then(Connection::talk);
}

struct Connection<'a> {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
    guest: &'a Guest,
    version: &'a str,
}

/// What becomes of the connection.
enum Then {
    Next,
    End,
}

impl<'a> Connection<'a> {
    fn new(stream: TcpStream, guest: &'a Guest, version: &'a str) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(IDLE))?;
        stream.set_write_timeout(Some(IDLE))?;
        Ok(Self { reader: BufReader::new(stream.try_clone()?), writer: stream, guest, version })
    }

    fn talk(mut self) -> io::Result<()> {
        loop {
            let Some(head) = self.next()? else { return Ok(()) };
            if let Then::End = self.answer(&head)? {
                return Ok(());
            }
            if !self.guest.turns_to(Doing::Waits) && self.reader.buffer().is_empty() {
                return Ok(());
            }
        }
    }

    fn next(&mut self) -> io::Result<Option<Head>> {
        if self.reader.fill_buf()?.is_empty() {
            return Ok(None);
        }
        self.guest.turns_to(Doing::Works);
        read_head(&mut self.reader)
    }

    fn answer(&mut self, head: &Head) -> io::Result<Then> {
        if head.field("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
            self.writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let body = Body::new(&mut self.reader, head.request_body()).whole(BODY)?;
        let (path, query) = head.word(1).split_once('?').unwrap_or((head.word(1), ""));
        let broken = Break::now();
        if broken == Break::Hang {
            self.guest.turns_to(Doing::Waits);
            // Until the client has enough of it, or the app is told to go.
            return self.next().map(|_| Then::End);
        }
        let line = format!("{}\n", self.version);
        match (head.word(0), path) {
            ("GET" | "HEAD", "/health") => {
                let status = if broken == Break::Health500 { 500 } else { 200 };
                let words = serde_json::json!({
                    "status": if status == 200 { "ok" } else { "ill" },
                    "version": self.version,
                    "release": std::env::var("MUSTER_RELEASE").ok(),
                    "process": std::process::id(),
                });
                self.reply(head, status, "application/json", words.to_string().as_bytes())
            }
            _ if broken == Break::Errors => self.reply(head, 500, "text/plain", b"broken\n"),
            ("GET" | "HEAD", "/") => self.reply(head, 200, "text/plain", line.as_bytes()),
            ("GET", "/slow") => {
                let time = query.strip_prefix("ms=").and_then(|ms| ms.parse().ok()).unwrap_or(400);
                std::thread::sleep(Duration::from_millis(SLOWEST.min(time)));
                self.reply(head, 200, "text/plain", line.as_bytes())
            }
            ("POST", "/echo") => self.reply(head, 200, "application/octet-stream", &body),
            ("GET", "/events") => self.events(head),
            ("GET", "/ws") => self.websocket(head),
            _ => self.reply(head, 404, "text/plain", b"nothing here\n"),
        }
    }

    fn reply(&mut self, head: &Head, status: u16, kind: &str, body: &[u8]) -> io::Result<Then> {
        let end = head.is_last() || self.guest.is_leaving();
        let word = match status {
            200 => "OK",
            404 => "Not Found",
            _ => "Internal Server Error",
        };
        let mut bytes = format!(
            "HTTP/1.1 {status} {word}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nX-Version: {}\r\nConnection: {}\r\n\r\n",
            body.len(),
            self.version,
            if end { "close" } else { "keep-alive" },
        )
        .into_bytes();
        if head.word(0) != "HEAD" {
            bytes.extend(body);
        }
        self.writer.write_all(&bytes)?;
        Ok(if end { Then::End } else { Then::Next })
    }

    /// Events until the client goes or the app ends; the end is told as an end, not by breaking off.
    fn events(&mut self, head: &Head) -> io::Result<Then> {
        let chunked = !head.first.contains("HTTP/1.0");
        let coding = if chunked { "Transfer-Encoding: chunked\r\n" } else { "" };
        write!(
            self.writer,
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nX-Accel-Buffering: no\r\n\
             X-Version: {}\r\n{coding}Connection: close\r\n\r\n",
            self.version
        )?;
        for number in 0_u64.. {
            let event = format!("data: {} {number}\n\n", self.version);
            match chunked {
                true => write!(self.writer, "{:x}\r\n{event}\r\n", event.len())?,
                false => self.writer.write_all(event.as_bytes())?,
            }
            if self.guest.rests(BEAT) {
                break;
            }
        }
        if chunked {
            self.writer.write_all(b"0\r\n\r\n")?;
        }
        Ok(Then::End)
    }

    /// Echoes until the client goes; when the app ends, it says so as the protocol has it.
    fn websocket(&mut self, head: &Head) -> io::Result<Then> {
        let Some(key) = head.field("sec-websocket-key") else {
            return self.reply(head, 404, "text/plain", b"only for WebSockets\n");
        };
        write!(
            self.writer,
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-Version: {}\r\n\
             Sec-WebSocket-Accept: {}\r\n\r\n",
            self.version,
            websocket::accept(key)
        )?;
        let mut goes_on = self.guest.turns_to(Doing::Waits);
        while goes_on {
            match websocket::read(&mut self.reader) {
                Ok((kind @ (Kind::Text | Kind::Binary), words)) => {
                    websocket::write(&mut self.writer, kind, &words, None)?;
                }
                Ok((Kind::Ping, words)) => websocket::write(&mut self.writer, Kind::Pong, &words, None)?,
                Ok((Kind::Pong, _)) => {}
                Ok((Kind::Close, words)) => {
                    websocket::write(&mut self.writer, Kind::Close, &words, None)?;
                    return Ok(Then::End);
                }
                Err(_) => goes_on = false,
            }
        }
        if self.guest.is_leaving() {
            // 1001: going away.
            websocket::write(&mut self.writer, Kind::Close, &1001_u16.to_be_bytes(), None)?;
        }
        Ok(Then::End)
    }
}
