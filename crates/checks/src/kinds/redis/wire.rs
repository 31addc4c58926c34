//! The protocol of Redis, version 2 (RESP2), as far as a check needs it: one question, one bounded reply.

use std::fmt;

use muster_core::words::harmless;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};

/// Most bytes of all replies of one look.
const TRAFFIC: usize = 1 << 20;
/// Longest line: a word, a number, a refusal.
const LINE: usize = 1024;
/// Most lists within lists.
const DEPTH: usize = 3;
/// Letters of a reply in words.
const SHOWN: usize = 100;

/// A reply.
#[derive(Clone, PartialEq)]
pub(super) enum Reply {
    /// A word.
    Simple(String),
    /// It says no.
    Refusal(String),
    /// A whole number.
    Number(i64),
    /// A text.
    Bulk(Vec<u8>),
    /// Nothing is there.
    Nil,
    /// Several.
    List(Vec<Reply>),
}

impl fmt::Debug for Reply {
    /// Short and harmless.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |text: &str| harmless(text).chars().take(SHOWN).collect::<String>();
        match self {
            Self::Simple(text) | Self::Refusal(text) => f.write_str(&short(text)),
            Self::Number(number) => write!(f, "{number}"),
            Self::Bulk(bytes) => {
                write!(f, "\"{}\"", short(&String::from_utf8_lossy(&bytes[..bytes.len().min(4 * SHOWN)])))
            }
            Self::Nil => f.write_str("null"),
            Self::List(items) => write!(f, "a list of {}", items.len()),
        }
    }
}

/// Why there is no reply, as the end of a sentence: "it ended the connection".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken(pub(super) String);

/// A connection.
pub(super) struct Wire<S> {
    stream: BufReader<S>,
    left: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream: BufReader::new(stream), left: TRAFFIC }
    }

    /// Asks, and reads the reply. The caller sets the deadline.
    pub(super) async fn ask(&mut self, words: &[&str]) -> Result<Reply, Broken> {
        let mut question = format!("*{}\r\n", words.len());
        for word in words {
            question.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        self.stream.write_all(question.as_bytes()).await.map_err(broken)?;
        self.stream.flush().await.map_err(broken)?;
        self.reply().await
    }

    /// Says goodbye, and does not wait.
    pub(super) async fn leave(mut self) {
        drop(self.stream.write_all(b"*1\r\n$4\r\nQUIT\r\n").await);
        drop(self.stream.shutdown().await);
    }

    async fn reply(&mut self) -> Result<Reply, Broken> {
        // Lists that are not complete: what they hold so far, and how many they lack.
        let mut open: Vec<(Vec<Reply>, usize)> = Vec::new();
        loop {
            let line = self.line().await?;
            let mut whole = match self.begin(&line, open.len()).await? {
                Begun::Whole(reply) => reply,
                Begun::List(count) => {
                    open.push((Vec::new(), count));
                    continue;
                }
            };
            // A reply that is whole may be the last of a list, and that one of another.
            loop {
                match open.pop() {
                    None => return Ok(whole),
                    Some((mut items, count)) => {
                        items.push(whole);
                        if items.len() < count {
                            open.push((items, count));
                            break;
                        }
                        whole = Reply::List(items);
                    }
                }
            }
        }
    }

    async fn begin(&mut self, line: &[u8], depth: usize) -> Result<Begun, Broken> {
        let strange = || {
            let shown: String = harmless(&String::from_utf8_lossy(line)).chars().take(SHOWN).collect();
            Broken(format!("it said \"{shown}\", which is not Redis"))
        };
        let Some((mark, rest)) = line.split_first() else { return Err(strange()) };
        let text = || String::from_utf8_lossy(rest).into_owned();
        let number = || text().parse::<i64>().map_err(|_| strange());
        Ok(Begun::Whole(match mark {
            b'+' => Reply::Simple(text()),
            b'-' => Reply::Refusal(text()),
            b':' => Reply::Number(number()?),
            b'$' => match number()? {
                -1 => Reply::Nil,
                length => Reply::Bulk(self.bulk(usize::try_from(length).map_err(|_| strange())?).await?),
            },
            b'*' => match number()? {
                -1 => Reply::Nil,
                0 => Reply::List(Vec::new()),
                _ if depth == DEPTH => return Err(Broken("it said lists within lists without end".into())),
                count => return Ok(Begun::List(usize::try_from(count).map_err(|_| strange())?)),
            },
            _ => return Err(strange()),
        }))
    }

    /// A line without its end.
    async fn line(&mut self) -> Result<Vec<u8>, Broken> {
        let mut line = Vec::new();
        let most = LINE.min(self.left);
        let mut some = (&mut self.stream).take(most as u64);
        let count = some.read_until(b'\n', &mut line).await.map_err(broken)?;
        self.left -= count;
        if line.pop() == Some(b'\n') {
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            return Ok(line);
        }
        Err(match count {
            0 if most > 0 => Broken("it ended the connection".into()),
            _ if self.left == 0 => too_much(),
            LINE => Broken(format!("it said a line of more than {LINE} bytes, which is not Redis")),
            _ => Broken("it ended the connection in the middle".into()),
        })
    }

    async fn bulk(&mut self, length: usize) -> Result<Vec<u8>, Broken> {
        if length + 2 > self.left {
            return Err(too_much());
        }
        self.left -= length + 2;
        let mut bytes = vec![0; length + 2];
        self.stream.read_exact(&mut bytes).await.map_err(broken)?;
        bytes.truncate(length);
        Ok(bytes)
    }
}

enum Begun {
    Whole(Reply),
    List(usize),
}

fn too_much() -> Broken {
    Broken(format!("it said more than {TRAFFIC} bytes"))
}

fn broken(error: std::io::Error) -> Broken {
    Broken(match error.kind() {
        std::io::ErrorKind::UnexpectedEof => "it ended the connection in the middle".into(),
        _ => format!("the connection broke: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn said(bytes: &[u8]) -> Result<Reply, Broken> {
        let (ours, mut theirs) = tokio::io::duplex(1 << 16);
        theirs.write_all(bytes).await.expect("said");
        let (mut hears, says) = tokio::io::split(theirs);
        let mut wire = Wire::new(ours);
        let ended = async {
            // Half closed: it has said all.
            let mut says = says;
            says.shutdown().await.expect("closed");
            let mut heard = [0; 100];
            hears.read(&mut heard).await.map(|_| ())
        };
        let (reply, _) = tokio::join!(wire.ask(&["PING"]), ended);
        reply
    }

    #[tokio::test]
    async fn replies_are_read() {
        let bulk = |text: &str| Reply::Bulk(text.as_bytes().to_vec());
        for (bytes, expected) in [
            ("+PONG\r\n", Reply::Simple("PONG".into())),
            ("-ERR no\r\n", Reply::Refusal("ERR no".into())),
            (":-7\r\n", Reply::Number(-7)),
            ("$5\r\na\r\nbc\r\n", bulk("a\r\nbc")),
            ("$0\r\n\r\n", bulk("")),
            ("$-1\r\n", Reply::Nil),
            ("*-1\r\n", Reply::Nil),
            ("*0\r\n", Reply::List(vec![])),
            (
                "*3\r\n:1\r\n*1\r\n$1\r\nx\r\n+y\r\n",
                Reply::List(vec![Reply::Number(1), Reply::List(vec![bulk("x")]), Reply::Simple("y".into())]),
            ),
        ] {
            assert_eq!(said(bytes.as_bytes()).await, Ok(expected), "{bytes:?}");
        }
    }

    #[tokio::test]
    async fn what_is_no_reply_is_told() {
        for (bytes, why) in [
            ("", "it ended the connection"),
            ("+PO", "it ended the connection in the middle"),
            ("$5\r\nab", "it ended the connection in the middle"),
            ("HTTP/1.1 400 Bad Request\r\n", "it said \"HTTP/1.1 400 Bad Request\", which is not Redis"),
            (":x\r\n", "it said \":x\", which is not Redis"),
            ("$99999999999\r\n", "it said more than 1048576 bytes"),
            ("$-5\r\n", "it said \"$-5\", which is not Redis"),
            ("*2\r\n*2\r\n*2\r\n*2\r\n", "it said lists within lists without end"),
        ] {
            assert_eq!(said(bytes.as_bytes()).await, Err(Broken(why.into())), "{bytes:?}");
        }
        let long = format!("+{}", "x".repeat(2000));
        assert!(said(long.as_bytes()).await.is_err_and(|Broken(why)| why.contains("more than 1024 bytes")));
        let endless = format!("*1000000\r\n{}", "+xxxxxxxxxx\r\n".repeat(4000));
        assert_eq!(said(endless.as_bytes()).await, Err(Broken("it ended the connection".into())));
    }
}
