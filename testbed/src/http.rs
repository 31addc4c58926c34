//! As much of HTTP/1.1 as the app and the load client need, with every length bounded. The same code reads requests on one
//! side and answers on the other.

use std::io::{self, BufRead, Read};

/// The longest head that is read, in bytes.
const HEAD: u64 = 16 * 1024;

/// The first line of a request or an answer, and its fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// `GET / HTTP/1.1` or `HTTP/1.1 200 OK`.
    pub first: String,
    /// Names in lower case, with their values.
    pub fields: Vec<(String, String)>,
}

impl Head {
    /// The value of a field; its name in lower case.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A word of the first line, counted from zero.
    pub fn word(&self, place: usize) -> &str {
        self.first.split(' ').nth(place).unwrap_or_default()
    }

    /// Whether the connection ends after this exchange.
    pub fn is_last(&self) -> bool {
        let connection = self.field("connection").unwrap_or_default().to_ascii_lowercase();
        match self.first.contains("HTTP/1.0") {
            true => !connection.contains("keep-alive"),
            false => connection.contains("close"),
        }
    }

    /// How the body of a request is measured; a request that says nothing has none.
    pub fn request_body(&self) -> Left {
        match self.answer_body() {
            Left::UntilClose => Left::Sized(0),
            left => left,
        }
    }

    /// How the body of an answer is measured.
    pub fn answer_body(&self) -> Left {
        if self.field("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            return Left::Chunk(0);
        }
        let length = self.field("content-length").and_then(|length| length.trim().parse().ok());
        length.map_or(Left::UntilClose, Left::Sized)
    }
}

/// Reads a head; none if the connection ended before its first byte.
///
/// # Errors
/// The connection broke or ended inside of it, or it is too long.
pub fn read_head(reader: &mut impl BufRead) -> io::Result<Option<Head>> {
    if reader.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let mut reader = reader.take(HEAD);
    let mut head = Head { first: line(&mut reader)?, fields: Vec::new() };
    loop {
        let line = line(&mut reader)?;
        if line.is_empty() {
            return Ok(Some(head));
        }
        let (name, value) = line.split_once(':').ok_or(io::ErrorKind::InvalidData)?;
        head.fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    if !line.ends_with('\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    line.truncate(line.trim_end().len());
    Ok(line)
}

/// What is still to come of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Nothing.
    Ended,
    /// So many bytes.
    Sized(u64),
    /// The rest of a chunk, and others after it.
    Chunk(u64),
    /// All until the connection ends.
    UntilClose,
}

/// A body as it comes in. A connection that ends too soon is an error, not an end.
#[derive(Debug)]
pub struct Body<'a, R> {
    reader: &'a mut R,
    left: Left,
}

impl<'a, R: BufRead> Body<'a, R> {
    /// The body that begins here.
    pub fn new(reader: &'a mut R, left: Left) -> Self {
        Self { reader, left }
    }

    /// All of it.
    ///
    /// # Errors
    /// The connection broke, or it is longer than so many bytes.
    pub fn whole(self, limit: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit { Err(io::ErrorKind::InvalidData.into()) } else { Ok(bytes) }
    }

    /// What is still to come, to go on from here another time.
    pub fn left(&self) -> Left {
        self.left
    }

    fn some(&mut self, into: &mut [u8], most: u64) -> io::Result<usize> {
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(into.len());
        match self.reader.read(&mut into[..most])? {
            0 if most > 0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => Ok(read),
        }
    }

    /// Reads up to the first byte of the next chunk.
    fn next_chunk(&mut self) -> io::Result<()> {
        let mut short = (&mut *self.reader).take(HEAD);
        let size = line(&mut short)?;
        let digits = size.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(digits, 16).map_err(|_| io::ErrorKind::InvalidData)?;
        self.left = Left::Chunk(size);
        if size == 0 {
            while !line(&mut short)?.is_empty() {}
            self.left = Left::Ended;
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Body<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left == Left::Chunk(0) {
            self.next_chunk()?;
        }
        match self.left {
            Left::Ended | Left::Sized(0) => Ok(0),
            Left::UntilClose => self.reader.read(into),
            Left::Sized(left) => {
                let read = self.some(into, left)?;
                self.left = Left::Sized(left - read as u64);
                Ok(read)
            }
            Left::Chunk(left) => {
                let read = self.some(into, left)?;
                self.left = Left::Chunk(left - read as u64);
                if self.left == Left::Chunk(0) && !line(&mut (&mut *self.reader).take(HEAD))?.is_empty() {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                Ok(read)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn whole(text: &str) -> io::Result<Vec<u8>> {
        let mut reader = Cursor::new(text.as_bytes());
        let head = read_head(&mut reader)?.unwrap();
        Body::new(&mut reader, head.answer_body()).whole(100)
    }

    #[test]
    fn a_body_is_read_whichever_way_it_is_measured() {
        assert_eq!(whole("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc").unwrap(), b"ab");
        assert_eq!(whole("HTTP/1.1 200 OK\r\n\r\nabc").unwrap(), b"abc");
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\nT: 1\r\n\r\nno";
        assert_eq!(whole(chunked).unwrap(), b"abc");
    }

    #[test]
    fn a_connection_that_ends_too_soon_is_no_whole_answer() {
        for cut in [
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
            "HTTP/1.1 200 OK\r\nContent-Length",
        ] {
            assert_eq!(whole(cut).unwrap_err().kind(), io::ErrorKind::UnexpectedEof, "{cut}");
        }
        assert_eq!(read_head(&mut Cursor::new(b"")).unwrap(), None);
    }

    #[test]
    fn what_is_too_long_is_refused() {
        assert!(
            whole(&format!("HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n{}", "x".repeat(101))).is_err()
        );
        assert!(
            read_head(&mut Cursor::new(format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(20_000)))).is_err()
        );
    }
}
