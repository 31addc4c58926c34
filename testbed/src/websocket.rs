//! As much of the WebSocket protocol (RFC 6455) as an echo needs: the handshake's key, whole frames, no extensions.

use std::io::{self, Read, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// The longest frame that is read, in bytes.
pub const LONGEST: usize = 65_535;

/// What a frame is, by the number that stands for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Words.
    Text,
    /// Bytes.
    Binary,
    /// The other side goes.
    Close,
    /// The other side asks for a [`Kind::Pong`].
    Ping,
    /// The answer to a ping.
    Pong,
}

impl Kind {
    fn number(self) -> u8 {
        match self {
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }
}

/// What a server answers to the key that a client sends (section 4.2.2).
pub fn accept(key: &str) -> String {
    let digest = Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
    STANDARD.encode(digest)
}

/// Writes a frame; a client gives a mask, a server none.
///
/// # Errors
/// The connection broke, or the frame is longer than [`LONGEST`].
pub fn write(to: &mut impl Write, kind: Kind, payload: &[u8], mask: Option<[u8; 4]>) -> io::Result<()> {
    let length = u16::try_from(payload.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let masked = if mask.is_some() { 0x80 } else { 0 };
    let mut frame = vec![0x80 | kind.number()];
    match u8::try_from(length) {
        Ok(length @ ..126) => frame.push(masked | length),
        _ => {
            frame.push(masked | 126);
            frame.extend(length.to_be_bytes());
        }
    }
    match mask {
        None => frame.extend(payload),
        Some(mask) => {
            frame.extend(mask);
            frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        }
    }
    to.write_all(&frame)
}

/// Reads a frame, unmasked.
///
/// # Errors
/// The connection broke or ended, or it is nothing that [`write()`] writes: a fragment, or too long.
pub fn read(from: &mut impl Read) -> io::Result<(Kind, Vec<u8>)> {
    let mut start = [0; 2];
    from.read_exact(&mut start)?;
    let [first, second] = start;
    let kind = match first {
        0x81 => Kind::Text,
        0x82 => Kind::Binary,
        0x88 => Kind::Close,
        0x89 => Kind::Ping,
        0x8A => Kind::Pong,
        _ => return Err(io::ErrorKind::InvalidData.into()),
    };
    let length = match second & 0x7F {
        127 => return Err(io::ErrorKind::InvalidData.into()),
        126 => {
            let mut longer = [0; 2];
            from.read_exact(&mut longer)?;
            u16::from_be_bytes(longer)
        }
        length => u16::from(length),
    };
    let mut mask = [0; 4];
    if second & 0x80 != 0 {
        from.read_exact(&mut mask)?;
    }
    let mut payload = vec![0; usize::from(length)];
    from.read_exact(&mut payload)?;
    for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
    Ok((kind, payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_the_standards_example_is_answered_as_it_says() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn frames_of_both_sides_come_through() {
        for length in [0, 1, 125, 126, 300, LONGEST] {
            for mask in [None, Some([1, 2, 3, 250])] {
                let sent = vec![b'x'; length];
                let mut wire = Vec::new();
                write(&mut wire, Kind::Text, &sent, mask).unwrap();
                assert_eq!(read(&mut wire.as_slice()).unwrap(), (Kind::Text, sent));
            }
        }
        // Section 5.7: a masked "Hello".
        let hello = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        assert_eq!(read(&mut hello.as_slice()).unwrap(), (Kind::Text, b"Hello".to_vec()));
        assert!(write(&mut Vec::new(), Kind::Text, &vec![0; LONGEST + 1], None).is_err());
    }
}
