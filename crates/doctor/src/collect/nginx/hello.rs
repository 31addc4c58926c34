//! Asks a server of this host for its certificate. Up to TLS 1.2 it comes in the clear (RFC 5246, section 7.4.2), so a
//! greeting is all that has to be said, and nothing has to be computed. Who speaks TLS 1.3 alone does not answer it.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Most bytes of an answer.
const LIMIT: usize = 64 << 10;
/// Record types.
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
/// Types of messages.
const CERTIFICATE: u8 = 11;
const DONE: u8 = 14;

/// The key of the certificate that is asked for: a server may have one of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// RSA.
    Rsa,
    /// A curve.
    Curve,
}

/// The first certificate that a server shows for a name, as DER.
///
/// # Errors
/// In words: nobody there, no TLS 1.2, not in time.
pub(super) fn certificate(
    to: SocketAddr,
    name: Option<&str>,
    key: Key,
    within: Duration,
) -> Result<Vec<u8>, String> {
    let until = Instant::now() + within;
    let left = || {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err("it did not answer in time".to_owned()) } else { Ok(left) }
    };
    let mut stream = TcpStream::connect_timeout(&to, left()?).map_err(|error| error.to_string())?;
    stream.set_write_timeout(Some(left()?)).map_err(|error| error.to_string())?;
    stream.write_all(&hello(name, key)).map_err(|error| error.to_string())?;
    let mut answer = Vec::new();
    let mut block = [0; 8 << 10];
    loop {
        if let Some(seen) = read(&answer)? {
            return Ok(seen);
        }
        stream.set_read_timeout(Some(left()?)).map_err(|error| error.to_string())?;
        match stream.read(&mut block) {
            Ok(0) => return Err("it closed the connection".to_owned()),
            Ok(count) => answer.extend_from_slice(&block[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Err("it did not answer in time".to_owned());
            }
            Err(error) => return Err(error.to_string()),
        }
        if answer.len() > LIMIT {
            return Err(format!("more than {} KiB of answer", LIMIT >> 10));
        }
    }
}

/// A greeting of TLS 1.2.
fn hello(name: Option<&str>, key: Key) -> Vec<u8> {
    let suites: &[u16] = match key {
        Key::Curve => &[0xc02b, 0xc02c, 0xcca9, 0xc009, 0xc00a, 0xc023, 0xc024],
        Key::Rsa => &[
            0xc02f, 0xc030, 0xcca8, 0x009e, 0x009f, 0xccaa, 0xc013, 0xc014, 0xc027, 0xc028, 0x009c, 0x009d,
            0x002f, 0x0035,
        ],
    };
    let mut body = vec![3, 3];
    // Nothing is kept secret with it.
    body.extend([0x6d; 32]);
    body.push(0);
    body.extend(sized(&words(suites)));
    body.extend([1, 0]);
    let mut more = Vec::new();
    if let Some(name) = name {
        let mut entry = vec![0];
        entry.extend(sized(name.as_bytes()));
        more.extend(extension(0, &sized(&entry)));
    }
    more.extend(extension(10, &sized(&words(&[0x001d, 0x0017, 0x0018, 0x0019]))));
    more.extend(extension(11, &[1, 0]));
    let signatures =
        [0x0403, 0x0503, 0x0603, 0x0807, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201];
    more.extend(extension(13, &sized(&words(&signatures))));
    more.extend(extension(23, &[]));
    more.extend(extension(0xff01, &[0]));
    body.extend(sized(&more));
    let mut message = vec![1, 0];
    message.extend(sized(&body));
    let mut record = vec![HANDSHAKE, 3, 1];
    record.extend(sized(&message));
    record
}

fn words(values: &[u16]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_be_bytes()).collect()
}

/// With its length before it, in two bytes.
fn sized(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes(), bytes].concat()
}

fn extension(number: u16, bytes: &[u8]) -> Vec<u8> {
    [&number.to_be_bytes()[..], &sized(bytes)].concat()
}

/// The certificate in what has come so far; none where it has not come yet.
fn read(answer: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let mut messages = Vec::new();
    let mut rest = answer;
    while let [kind, major, _, high, low, after @ ..] = rest {
        if *major != 3 {
            return Err("it does not speak TLS".to_owned());
        }
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some(body) = after.get(..length) else { break };
        match *kind {
            HANDSHAKE => messages.extend_from_slice(body),
            ALERT => {
                return Err(match body.get(1) {
                    Some(70) => "it speaks only TLS 1.3, which hides the certificate".to_owned(),
                    Some(number) => format!("it refused with alert {number}"),
                    None => "it refused".to_owned(),
                });
            }
            _ => return Err("it does not speak TLS".to_owned()),
        }
        rest = &after[length..];
    }
    let mut rest = messages.as_slice();
    while let [kind, a, b, c, after @ ..] = rest {
        let Some(body) = after.get(..length([*a, *b, *c])) else { return Ok(None) };
        match (*kind, body) {
            (CERTIFICATE, [_, _, _, a, b, c, list @ ..]) => {
                return match list.get(..length([*a, *b, *c])) {
                    Some(first) => Ok(Some(first.to_vec())),
                    None => Err("a certificate that is cut off".to_owned()),
                };
            }
            (CERTIFICATE | DONE, _) => return Err("it shows no certificate".to_owned()),
            _ => rest = &after[body.len()..],
        }
    }
    Ok(None)
}

fn length([a, b, c]: [u8; 3]) -> usize {
    usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_certificate_is_taken_out_of_an_answer_in_any_pieces() {
        // A greeting of one byte, then a list with one certificate of two bytes, over two records.
        let messages = [&[2, 0, 0, 1, 9][..], &[11, 0, 0, 8, 0, 0, 5, 0, 0, 2, 0xaa, 0xbb]].concat();
        let record = |body: &[u8]| [&[22, 3, 3][..], &sized(body)].concat();
        let answer = [record(&messages[..7]), record(&messages[7..])].concat();
        for end in 0..answer.len() {
            assert_eq!(read(&answer[..end]), Ok(None), "{end}");
        }
        assert_eq!(read(&answer), Ok(Some(vec![0xaa, 0xbb])));
        assert!(read(&[21, 3, 3, 0, 2, 2, 70]).is_err_and(|why| why.contains("1.3")));
        assert!(read(b"HTTP/1.1 400 Bad").is_err());
        assert!(read(&record(&[14, 0, 0, 0])).is_err());
    }

    #[test]
    fn who_does_not_answer_is_not_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let to = listener.local_addr().expect("an address");
        let seen = certificate(to, Some("shop.test"), Key::Rsa, Duration::from_millis(50));
        assert!(seen.is_err_and(|why| why.contains("in time")));
        drop(listener);
        assert!(certificate(to, None, Key::Curve, Duration::from_millis(50)).is_err());
    }
}
