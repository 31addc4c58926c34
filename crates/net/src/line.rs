//! A dialogue line by line, as mail servers hold it (RFC 5321, RFC 9051): bounded, with a deadline, and written down.
//!
//! What is said goes to a sink as it is said, so that a dialogue that is cut off still tells how far it came. A line
//! with a secret in it is sent by [`Dialogue::send_hidden`], which writes down other words.

use std::fmt;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, timeout_at};

/// Longest line that is read, in bytes, its end included.
pub const LINE_LIMIT: usize = 8 * 1024;
/// Most lines of the answer to one line of ours.
pub const LINES_LIMIT: usize = 512;
/// Longest literal that is read, in bytes.
pub const LITERAL_LIMIT: usize = 256 * 1024;

/// Why a dialogue cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// The other side ended it.
    #[error("the connection was closed{}", if *midway { " in the middle of a line" } else { "" })]
    Closed {
        /// There was half a line before the end.
        midway: bool,
    },
    /// The system's words.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The deadline passed.
    #[error("no answer came in time")]
    Silent,
    /// More than anybody has to say.
    #[error("{0}")]
    Endless(String),
    /// What was to be sent is more than one line.
    #[error("what was to be sent holds a line break or a NUL")]
    Injected,
    /// Plain text came behind the consent to TLS, which would be taken for part of the private talk (CVE-2011-0411).
    #[error("the server sent {0} bytes in the open behind its consent to TLS")]
    Smuggled(usize),
}

/// Where the transcript goes, line by line.
pub type Sink<'a> = &'a (dyn Fn(&str) + Send + Sync);

/// One connection on which lines are exchanged.
pub struct Dialogue<'a, S> {
    stream: S,
    sink: Sink<'a>,
    deadline: Instant,
    /// Received and not read yet.
    buffer: Vec<u8>,
    /// Lines since we last said something.
    lines: usize,
}

impl<S> fmt::Debug for Dialogue<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialogue").field("pending", &self.buffer.len()).finish_non_exhaustive()
    }
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Dialogue<'a, S> {
    /// Nothing was said yet.
    pub fn new(stream: S, sink: Sink<'a>, deadline: Instant) -> Self {
        Self { stream, sink, deadline, buffer: Vec::new(), lines: 0 }
    }

    /// Until when the other side has time to answer.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Where the transcript goes.
    pub fn sink(&self) -> Sink<'a> {
        self.sink
    }

    /// Says one line.
    ///
    /// # Errors
    /// [`LineError::Injected`] when it is not one line, else that of the connection.
    pub async fn send(&mut self, line: &str) -> Result<(), LineError> {
        self.send_hidden(line, line).await
    }

    /// Says one line and writes down other words.
    ///
    /// # Errors
    /// As [`Dialogue::send`].
    pub async fn send_hidden(&mut self, line: &str, shown: &str) -> Result<(), LineError> {
        if line.contains(['\r', '\n', '\0']) {
            return Err(LineError::Injected);
        }
        self.note('>', shown);
        self.send_bytes(format!("{line}\r\n").as_bytes()).await
    }

    /// Sends bytes as they are, and writes nothing down.
    ///
    /// # Errors
    /// That of the connection.
    pub async fn send_bytes(&mut self, bytes: &[u8]) -> Result<(), LineError> {
        self.lines = 0;
        let sending = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        match timeout_at(self.deadline, sending).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(LineError::Broken(error.to_string())),
            Err(_) => Err(LineError::Silent),
        }
    }

    /// Hears one line, without its end. Bytes that are no UTF-8 are replaced.
    ///
    /// # Errors
    /// [`LineError`].
    pub async fn line(&mut self) -> Result<String, LineError> {
        let mut looked = 0;
        let end = loop {
            let fresh = self.buffer.get(looked..).unwrap_or_default();
            if let Some(at) = fresh.iter().position(|byte| *byte == b'\n') {
                break looked + at;
            }
            looked = self.buffer.len();
            if looked >= LINE_LIMIT {
                break looked;
            }
            self.fill().await?;
        };
        if end >= LINE_LIMIT {
            return Err(LineError::Endless(format!("a line of more than {LINE_LIMIT} bytes came")));
        }
        self.lines += 1;
        if self.lines > LINES_LIMIT {
            return Err(LineError::Endless(format!("an answer of more than {LINES_LIMIT} lines came")));
        }
        let line: Vec<u8> = self.buffer.drain(..=end).collect();
        let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(&line));
        let text = text.strip_suffix('\r').unwrap_or(&text).to_owned();
        self.note('<', &text);
        Ok(text)
    }

    /// Hears so many bytes, which the other side has announced.
    ///
    /// # Errors
    /// [`LineError`], also when it is more than [`LITERAL_LIMIT`].
    pub async fn literal(&mut self, length: usize) -> Result<Vec<u8>, LineError> {
        if length > LITERAL_LIMIT {
            return Err(LineError::Endless(format!("a literal of {length} bytes was announced")));
        }
        while self.buffer.len() < length {
            self.fill().await?;
        }
        self.note('<', &format!("({length} bytes)"));
        Ok(self.buffer.drain(..length).collect())
    }

    /// Gives the connection back for the handshake of TLS.
    ///
    /// # Errors
    /// [`LineError::Smuggled`] when something was received already that would count as said in private.
    pub fn into_plain(self) -> Result<S, LineError> {
        match self.buffer.len() {
            0 => Ok(self.stream),
            length => Err(LineError::Smuggled(length)),
        }
    }

    async fn fill(&mut self) -> Result<(), LineError> {
        let mut chunk = [0; 4096];
        match timeout_at(self.deadline, self.stream.read(&mut chunk)).await {
            Ok(Ok(0)) => Err(LineError::Closed { midway: !self.buffer.is_empty() }),
            Ok(Ok(length)) => {
                self.buffer.extend_from_slice(chunk.get(..length).unwrap_or_default());
                Ok(())
            }
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                Err(LineError::Closed { midway: !self.buffer.is_empty() })
            }
            Ok(Err(error)) => Err(LineError::Broken(error.to_string())),
            Err(_) => Err(LineError::Silent),
        }
    }

    fn note(&self, side: char, line: &str) {
        let mut text = format!("{side} ");
        for c in line.chars() {
            if c.is_control() { text.extend(c.escape_default()) } else { text.push(c) }
        }
        (self.sink)(&text);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use tokio::io::duplex;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(300)
    }

    /// What is heard when the other side says this and hangs up.
    async fn heard(bytes: &[u8]) -> (Vec<String>, LineError) {
        let (ours, mut theirs) = duplex(1 << 20);
        theirs.write_all(bytes).await.expect("said");
        drop(theirs);
        let sink = |_: &str| {};
        let mut dialogue = Dialogue::new(ours, &sink, soon());
        let mut lines = Vec::new();
        loop {
            match dialogue.line().await {
                Ok(line) => lines.push(line),
                Err(error) => return (lines, error),
            }
        }
    }

    #[tokio::test]
    async fn lines_end_with_a_line_feed_and_half_a_line_is_told() {
        let (lines, error) = heard(b"220 hi\r\n\r\n250 \xff\n25").await;
        assert_eq!(lines, ["220 hi", "", "250 \u{fffd}"]);
        assert_eq!(error, LineError::Closed { midway: true });
        assert_eq!(heard(b"").await.1, LineError::Closed { midway: false });
    }

    #[tokio::test]
    async fn neither_a_line_nor_an_answer_is_endless() {
        let (lines, error) = heard(&[b'x'; 3 * LINE_LIMIT]).await;
        assert!(lines.is_empty() && matches!(error, LineError::Endless(_)), "{error}");
        let (lines, error) = heard(&b"250-x\r\n".repeat(LINES_LIMIT + 5)).await;
        assert_eq!(lines.len(), LINES_LIMIT);
        assert!(matches!(error, LineError::Endless(_)), "{error}");
    }

    #[tokio::test]
    async fn silence_ends_at_the_deadline() {
        let (ours, _theirs) = duplex(64);
        let sink = |_: &str| {};
        let start = Instant::now();
        let mut dialogue = Dialogue::new(ours, &sink, soon());
        assert_eq!(dialogue.line().await, Err(LineError::Silent));
        assert_eq!(dialogue.send(&"x".repeat(100)).await, Err(LineError::Silent), "nobody reads");
        assert!(start.elapsed() < Duration::from_secs(5));
    }

    #[tokio::test]
    async fn the_transcript_has_both_sides_and_no_secret() {
        let (ours, mut theirs) = duplex(64);
        theirs.write_all(b"220 \x1b[2J\r\n").await.expect("said");
        let notes = Mutex::new(Vec::new());
        let sink = |line: &str| notes.lock().expect("the list").push(line.to_owned());
        let mut dialogue = Dialogue::new(ours, &sink, soon());
        dialogue.line().await.expect("a line");
        dialogue.send("EHLO me").await.expect("sent");
        dialogue.send_hidden("AUTH PLAIN c2VjcmV0", "AUTH PLAIN ***").await.expect("sent");
        assert_eq!(*notes.lock().expect("the list"), ["< 220 \\u{1b}[2J", "> EHLO me", "> AUTH PLAIN ***"]);
        assert_eq!(dialogue.send("NOOP\r\nQUIT").await, Err(LineError::Injected));
    }

    #[tokio::test]
    async fn a_literal_has_its_length_and_its_bound() {
        let (ours, mut theirs) = duplex(64);
        theirs.write_all(b"{3}\r\na\r\n tail\r\n").await.expect("said");
        let sink = |_: &str| {};
        let mut dialogue = Dialogue::new(ours, &sink, soon());
        assert_eq!(dialogue.line().await.as_deref(), Ok("{3}"));
        assert_eq!(dialogue.literal(3).await, Ok(b"a\r\n".to_vec()));
        assert_eq!(dialogue.line().await.as_deref(), Ok(" tail"));
        assert!(matches!(dialogue.literal(LITERAL_LIMIT + 1).await, Err(LineError::Endless(_))));
    }

    #[tokio::test]
    async fn what_is_said_in_the_open_behind_the_consent_to_tls_is_refused() {
        let sink = |_: &str| {};
        for (said, smuggled) in [("220 go ahead\r\n", 0), ("220 go ahead\r\n250 AUTH PLAIN\r\n", 16)] {
            let (ours, mut theirs) = duplex(64);
            theirs.write_all(said.as_bytes()).await.expect("said");
            let mut dialogue = Dialogue::new(ours, &sink, soon());
            dialogue.line().await.expect("a line");
            match dialogue.into_plain() {
                Ok(_) => assert_eq!(smuggled, 0),
                Err(error) => assert_eq!(error, LineError::Smuggled(smuggled)),
            }
        }
    }
}
