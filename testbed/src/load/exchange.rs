//! One connection of a client, and what went wrong on it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::label::Label;
use crate::http::{Body, Head, Left, read_head};

/// The longest body that is taken, in bytes.
const BODY: u64 = 1 << 20;

/// Why a request is no good one.
#[derive(Debug, Clone)]
pub struct Failure {
    /// What it counts as.
    pub label: Label,
    /// More about it, for people.
    pub words: String,
}

impl Failure {
    /// One with these words.
    pub fn new(label: Label, words: impl Into<String>) -> Self {
        Self { label, words: words.into() }
    }
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Which version of the app gave it; empty if it does not say.
    pub version: String,
    /// Its body.
    pub body: Vec<u8>,
    /// It is the last one on this connection.
    pub last: bool,
}

/// Reads until a moment, not longer, however little comes at a time.
#[derive(Debug)]
struct Timed {
    stream: TcpStream,
    until: Instant,
}

impl Read for Timed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        // Less than a microsecond would be no limit at all.
        self.stream.set_read_timeout(Some(left.max(Duration::from_micros(1))))?;
        self.stream.read(into)
    }
}

/// A connection that requests go over, one after the other.
#[derive(Debug)]
pub struct Connection {
    reader: BufReader<Timed>,
    reused: bool,
    begun: bool,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// [`Label::Connect`].
    pub fn open(address: SocketAddr, until: Instant) -> Result<Self, Failure> {
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let stream = TcpStream::connect_timeout(&address, left)
            .and_then(|stream| stream.set_nodelay(true).map(|()| stream))
            .map_err(|error| Failure::new(Label::Connect, error.to_string()))?;
        Ok(Self { reader: BufReader::new(Timed { stream, until }), reused: false, begun: false })
    }

    /// Whether it is known by now that the other side has closed it.
    pub fn was_closed(&self) -> bool {
        let stream = &self.reader.get_ref().stream;
        if stream.set_nonblocking(true).is_err() {
            return true;
        }
        let seen = stream.peek(&mut [0]);
        let open = matches!(&seen, Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        !open || stream.set_nonblocking(false).is_err()
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// [`Label::Broken`] or [`Label::Timeout`].
    pub fn ask(&mut self, request: &[u8], until: Instant) -> Result<Answer, Failure> {
        let (head, version) = self.begin(request, until)?;
        let body = Body::new(&mut self.reader, head.answer_body()).whole(BODY);
        let body = body.map_err(|error| self.broken(&error))?;
        self.reused = true;
        let last = head.is_last() || head.answer_body() == Left::UntilClose;
        Ok(Answer { status: head.word(1).parse().unwrap_or(0), version, body, last })
    }

    /// Sends a request and reads the head of the answer; the body is in [`Connection::reader`].
    ///
    /// # Errors
    /// [`Label::Broken`] or [`Label::Timeout`].
    pub fn begin(&mut self, request: &[u8], until: Instant) -> Result<(Head, String), Failure> {
        self.reader.get_mut().until = until;
        self.begun = false;
        self.send(request).map_err(|error| self.broken(&error))?;
        let first = self.reader.fill_buf().map(<[u8]>::is_empty);
        if first.map_err(|error| self.broken(&error))? {
            return Err(self.broken(&io::ErrorKind::UnexpectedEof.into()));
        }
        self.begun = true;
        let head = read_head(&mut self.reader).map_err(|error| self.broken(&error))?;
        let head = head.unwrap_or_default();
        let version = head.field("x-version").unwrap_or_default().to_owned();
        Ok((head, version))
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// The connection broke.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let timed = self.reader.get_mut();
        let left = timed.until.saturating_duration_since(Instant::now()).max(Duration::from_micros(1));
        timed.stream.set_write_timeout(Some(left))?;
        timed.stream.write_all(bytes)
    }

    /// What comes in, until a moment.
    pub fn reader(&mut self, until: Instant) -> &mut (impl BufRead + use<>) {
        self.reader.get_mut().until = until;
        &mut self.reader
    }

    /// What such an error means at this point.
    pub fn broken(&self, error: &io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                Failure::new(Label::Timeout, "no answer in time")
            }
            io::ErrorKind::InvalidData => Failure::new(Label::WrongBody, "no HTTP"),
            io::ErrorKind::UnexpectedEof => Failure::new(self.broken_label(), "end of the connection"),
            _ => Failure::new(self.broken_label(), error.to_string()),
        }
    }

    fn broken_label(&self) -> Label {
        Label::Broken { reused: self.reused, begun: self.begun }
    }
}
