//! A greeting in TLS 1.0 and 1.1, which no library of ours speaks any more: whether they are answered is all that is
//! read. (RFC 2246, RFC 4346; extensions as in RFC 4366 and RFC 4492.)

use std::net::IpAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::join;
use tokio::time::{Instant, timeout_at};

use super::session::Session;
use crate::scan::facts::{Fact, OldVersion};

/// Suites of that time, those with forward secrecy first.
const SUITES: [u16; 13] =
    [0xc009, 0xc00a, 0xc013, 0xc014, 0x0033, 0x0039, 0x002f, 0x0035, 0xc008, 0xc012, 0x0016, 0x000a, 0x0005];
/// secp256r1, secp384r1, secp521r1.
const CURVES: [u16; 3] = [23, 24, 25];

const HANDSHAKE: u8 = 22;
const ALERT: u8 = 21;
const SERVER_HELLO: u8 = 2;

/// Which of them the server accepts.
pub(super) async fn look(session: &Session<'_>, until: Instant) -> Fact<Vec<OldVersion>> {
    match join!(greet(session, 1, until), greet(session, 2, until)) {
        (Ok(first), Ok(second)) => Fact::Known(vec![
            OldVersion { version: "1.0".into(), accepted: first },
            OldVersion { version: "1.1".into(), accepted: second },
        ]),
        (Err(why), _) | (_, Err(why)) => Fact::Unknown { why },
    }
}

/// True if it goes on in that version, of which the second byte is given.
async fn greet(session: &Session<'_>, version: u8, until: Instant) -> Result<bool, String> {
    let mut stream =
        session.dial(session.host(), session.port(), until).await.map_err(|error| error.to_string())?;
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| error.to_string())?;
    let greeting = greeting(session.host(), version, random);
    let talk = async {
        stream.write_all(&greeting).await?;
        // Record: type, version, length; then the type and length of the message, and its version.
        let mut answer = [0; 11];
        let mut length = 0;
        while length < answer.len() && !is_alert(&answer[..length]) {
            match stream.read(&mut answer[length..]).await? {
                0 => break,
                more => length += more,
            }
        }
        std::io::Result::Ok((answer, length))
    };
    match timeout_at(until, talk).await {
        Ok(Ok((answer, length))) => judge(&answer[..length], version),
        // Some refuse by breaking off.
        Ok(Err(_)) => Ok(false),
        Err(_) => Err(format!("nothing came back to a greeting in TLS 1.{}", version - 1)),
    }
}

fn is_alert(answer: &[u8]) -> bool {
    answer.len() >= 7 && answer[0] == ALERT
}

fn judge(answer: &[u8], version: u8) -> Result<bool, String> {
    match answer {
        [] => Ok(false),
        [ALERT, ..] => Ok(false),
        [HANDSHAKE, 3, _, _, _, SERVER_HELLO, _, _, _, 3, chosen] => Ok(*chosen == version),
        _ => Err(format!("the answer to a greeting in TLS 1.{} is not TLS", version - 1)),
    }
}

/// The whole record of a ClientHello.
fn greeting(host: &str, version: u8, random: [u8; 32]) -> Vec<u8> {
    let mut hello = vec![3, version];
    hello.extend(random);
    hello.push(0);
    hello.extend(sized(&SUITES.iter().flat_map(|suite| suite.to_be_bytes()).collect::<Vec<_>>()));
    hello.extend([1, 0]);
    let mut extensions = Vec::new();
    if host.parse::<IpAddr>().is_err() {
        let name = [vec![0], sized(host.as_bytes())].concat();
        extensions.extend(extension(0, &sized(&name)));
    }
    let curves: Vec<u8> = CURVES.iter().flat_map(|curve| curve.to_be_bytes()).collect();
    extensions.extend(extension(10, &sized(&curves)));
    extensions.extend(extension(11, &[1, 0]));
    extensions.extend(extension(0xff01, &[0]));
    hello.extend(sized(&extensions));
    let message = [vec![1, 0], sized(&hello)].concat();
    [vec![HANDSHAKE, 3, 1], sized(&message)].concat()
}

fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [kind.to_be_bytes().to_vec(), sized(content)].concat()
}

/// With its length in two bytes in front; nothing here is longer than a name.
fn sized(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
    [length.to_be_bytes().as_slice(), content].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_an_acceptance_an_alert_or_nothing_that_is_known() {
        let hello = |minor| [22, 3, 1, 0, 60, 2, 0, 0, 56, 3, minor];
        assert_eq!(judge(&hello(1), 1), Ok(true));
        assert_eq!(judge(&hello(3), 1), Ok(false));
        assert_eq!(judge(&[21, 3, 1, 0, 2, 2, 70], 1), Ok(false));
        assert_eq!(judge(&[], 2), Ok(false));
        assert!(judge(b"HTTP/1.1 40", 2).is_err());
        assert!(judge(&[22, 3], 2).is_err());
    }

    #[test]
    fn the_lengths_of_a_greeting_add_up() {
        for host in ["www.example.com", "192.0.2.7"] {
            let bytes = greeting(host, 2, [7; 32]);
            assert_eq!(usize::from(u16::from_be_bytes([bytes[3], bytes[4]])), bytes.len() - 5);
            assert_eq!(usize::from(u16::from_be_bytes([bytes[7], bytes[8]])), bytes.len() - 9);
            assert_eq!(bytes.windows(3).any(|three| three == b"www"), host.starts_with("www"));
        }
    }
}
