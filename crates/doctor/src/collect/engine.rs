//! Asks a container engine over its unix socket: one bounded GET at a time, within a deadline.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::ground::because;

/// Most bytes of one answer.
const LIMIT: u64 = 4 << 20;

/// An engine, and until when it may be asked.
#[derive(Debug)]
pub(super) struct Engine {
    socket: PathBuf,
    until: Instant,
}

impl Engine {
    pub(super) fn new(socket: &Path, until: Instant) -> Self {
        Self { socket: socket.to_owned(), until }
    }

    /// The answer to a GET; none where there is no such thing.
    ///
    /// # Errors
    /// In words: no permission, nobody there, not in time.
    pub(super) fn get(&self, path: &str) -> Result<Option<Value>, String> {
        if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("a name that cannot be asked for".to_owned());
        }
        let mut stream = UnixStream::connect(&self.socket).map_err(|error| because(&error))?;
        // An answer to HTTP/1.0 ends with its connection and comes in one piece.
        let question = format!("GET {path} HTTP/1.0\r\nHost: docker\r\nAccept: application/json\r\n\r\n");
        stream.set_write_timeout(Some(self.left()?)).map_err(|error| because(&error))?;
        stream.write_all(question.as_bytes()).map_err(|error| said(&error))?;
        let mut answer = Vec::new();
        let mut block = [0; 16 << 10];
        loop {
            stream.set_read_timeout(Some(self.left()?)).map_err(|error| because(&error))?;
            match stream.read(&mut block) {
                Ok(0) => break,
                Ok(count) => answer.extend_from_slice(&block[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(said(&error)),
            }
            if answer.len() as u64 > LIMIT {
                return Err(format!("more than {} MiB of answer", LIMIT >> 20));
            }
        }
        read(&answer)
    }

    fn left(&self) -> Result<Duration, String> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err("it did not answer in time".to_owned()) } else { Ok(left) }
    }
}

fn said(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => "it did not answer in time".to_owned(),
        _ => because(error),
    }
}

fn read(answer: &[u8]) -> Result<Option<Value>, String> {
    let odd = || "an answer that is not HTTP".to_owned();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(odd)?;
    let head = String::from_utf8_lossy(&answer[..end]);
    let status = head.split(' ').nth(1).and_then(|code| code.get(..3)).ok_or_else(odd)?;
    match status {
        "200" => serde_json::from_slice(&answer[end + 4..])
            .map(Some)
            .map_err(|error| format!("an answer that is not JSON: {error}")),
        "404" => Ok(None),
        other => Err(format!("it answered {other}")),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    fn answered(with: &'static str, within: Duration) -> Result<Option<Value>, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("sock");
        let listener = UnixListener::bind(&socket).expect("bound");
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("called");
            let mut question = [0; 256];
            let count = stream.read(&mut question).expect("asked");
            assert!(question[..count].starts_with(b"GET /version HTTP/1.0\r\n"));
            stream.write_all(with.as_bytes()).expect("answered");
            if with.is_empty() {
                // Silence until the other side gives up.
                assert_eq!(stream.read(&mut question).expect("closed"), 0);
            }
        });
        let answer = Engine::new(&socket, Instant::now() + within).get("/version");
        server.join().expect("served");
        answer
    }

    #[test]
    fn an_answer_is_read_and_silence_is_not_waited_out() {
        let long = Duration::from_secs(5);
        let answer = answered("HTTP/1.0 200 OK\r\nX: y\r\n\r\n{\"Version\":\"1\"}", long);
        assert_eq!(answer.expect("read").expect("there")["Version"], "1");
        assert_eq!(answered("HTTP/1.0 404 Not Found\r\n\r\n{}", long), Ok(None));
        assert!(answered("HTTP/1.0 500 No\r\n\r\n{}", long).is_err_and(|why| why.contains("500")));
        assert!(answered("nonsense", long).is_err());
        let silence = answered("", Duration::from_millis(50));
        assert!(silence.is_err_and(|why| why.contains("in time")));
    }

    #[test]
    fn nobody_there_is_told() {
        let engine = Engine::new(Path::new("/no-such-socket"), Instant::now() + Duration::from_secs(1));
        assert!(engine.get("/version").is_err());
        assert!(engine.get("/a b").is_err_and(|why| why.contains("name")));
    }
}
