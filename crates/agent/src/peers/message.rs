//! What two agents say to each other, and the seal that shows who said it.
//!
//! A message is JSON: `{"said": "…", "seal": "…"}`. What is said is JSON as well, carried as a text, and the seal is
//! HMAC-SHA-256 (RFC 2104) of the purpose, a zero byte and the bytes of that text. So there is one canonical form, the
//! one that was sent; and what was sealed for one purpose or direction is worth nothing for another.

use hmac::{Hmac, KeyInit, Mac};
use muster_config::secret::Secret;
use muster_core::effect::Verdict;
use muster_core::expectation::Level;
use muster_core::look::Sight;
use muster_core::time::{Span, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// The longest beat, and the longest request for a look, in bytes.
pub(crate) const LIMIT: usize = 4096;
pub(crate) const ORDER_LIMIT: usize = 32 * 1024;

/// The longest answer to such a request.
pub(crate) const SIGHT_LIMIT: usize = 60 * 1024;

/// The version of what is said.
pub(crate) const VERSION: u32 = 1;

/// The longest sentence of somebody else that is taken over, in bytes.
const SENTENCE: usize = 240;

/// What a message is for, and which way it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Here is my proof, where is yours?
    Beat,
    /// Here it is.
    BeatAnswer,
    /// Look at this for me.
    Look,
    /// This is what I saw.
    LookAnswer,
    /// Connect to these ports of mine.
    Dial,
    /// This became of it.
    DialAnswer,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Beat => b"muster peer beat\0",
            Self::BeatAnswer => b"muster peer beat answer\0",
            Self::Look => b"muster peer look\0",
            Self::LookAnswer => b"muster peer look answer\0",
            Self::Dial => b"muster peer dial\0",
            Self::DialAnswer => b"muster peer dial answer\0",
        }
    }
}

/// Evidence that an agent works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Proof {
    /// Why it cannot say that all is well; none if it can.
    pub(crate) doubt: Option<String>,
    /// Age of the oldest page that nobody was told.
    pub(crate) undelivered: Option<Span>,
    /// What it commits is on disk.
    pub(crate) durable: bool,
}

/// The first word of two: who speaks to whom, and when. `what` is a [`Proof`] or an [`Order`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ask<W> {
    pub(crate) version: u32,
    /// How the sender calls itself.
    pub(crate) from: String,
    /// Which life of the receiver it is meant for; empty where that is not known yet. A message that was overheard is
    /// worth nothing after the receiver began anew and forgot what it had heard.
    pub(crate) to: String,
    /// The sender's clock.
    pub(crate) at: Timestamp,
    /// Never the same twice.
    pub(crate) nonce: String,
    pub(crate) what: W,
}

/// What a peer is to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Order {
    /// The table of the check.
    pub(crate) table: String,
    /// How long it may take.
    pub(crate) timeout: Span,
}

/// Which ports of the sender a peer is to connect to. The address is not said: it is where the message comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Doors {
    /// TCP ports.
    pub(crate) ports: Vec<u16>,
}

/// What was seen for a peer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) verdict: Verdict,
    pub(crate) level: Option<Level>,
    pub(crate) sight: Sight,
    pub(crate) took: Span,
}

/// The second. `what` is a [`Proof`], or what was seen; nothing where it was refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Answer<W> {
    pub(crate) version: u32,
    /// Which life of the sender says this.
    pub(crate) life: String,
    /// The sender's clock.
    pub(crate) at: Timestamp,
    /// The nonce that it answers.
    pub(crate) re: String,
    /// Why what was said does not count; none if it does.
    pub(crate) refused: Option<String>,
    pub(crate) what: W,
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    said: String,
    seal: String,
}

/// Seals what is said.
pub(crate) fn seal<T: Serialize>(key: &Secret, purpose: Purpose, said: &T) -> Result<Vec<u8>, String> {
    let said = serde_json::to_string(said).map_err(|error| error.to_string())?;
    let mac = mac(key, purpose, &said).ok_or("the key cannot be used")?;
    let seal = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    serde_json::to_vec(&Envelope { said, seal }).map_err(|error| error.to_string())
}

/// A message of whoever it may be.
#[derive(Debug)]
pub(crate) struct Sealed {
    said: String,
    seal: Vec<u8>,
}

impl Sealed {
    /// Reads the outside of a message; none for what is none.
    pub(crate) fn read(bytes: &[u8], limit: usize) -> Option<Self> {
        if bytes.len() > limit {
            return None;
        }
        let Envelope { said, seal } = serde_json::from_slice(bytes).ok()?;
        Some(Self { said, seal: unhex(&seal)? })
    }

    /// True if it was sealed with this key for this purpose. Takes the same time for every wrong seal.
    pub(crate) fn fits(&self, key: &Secret, purpose: Purpose) -> bool {
        mac(key, purpose, &self.said).is_some_and(|mac| mac.verify_slice(&self.seal).is_ok())
    }

    /// What it says, once somebody's key fitted.
    pub(crate) fn open<T: DeserializeOwned>(&self) -> Result<T, String> {
        serde_json::from_str(&self.said).map_err(|error| format!("it speaks another language: {error}"))
    }
}

fn mac(key: &Secret, purpose: Purpose, said: &str) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()).ok()?;
    mac.update(purpose.label());
    mac.update(said.as_bytes());
    Some(mac)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let byte =
        |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
    digits.chunks(2).map(byte).collect()
}

/// The length of a nonce, in characters.
pub(crate) const NONCE: usize = 32;

/// 128 random bits as so many characters, for lives and nonces.
pub(crate) fn token() -> String {
    (0..4).map(|_| format!("{:08x}", muster_host::ids::chance())).collect()
}

/// A sentence as it may be taken over from somebody else: harmless and short.
pub(crate) fn sentence(text: &str) -> String {
    let mut text = muster_core::words::harmless(text);
    if text.len() > SENTENCE {
        let end = (0..=SENTENCE).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Secret {
        Secret::new(text.repeat(32))
    }

    #[test]
    fn a_seal_belongs_to_one_key_one_purpose_and_one_text() {
        let bytes = seal(&key("a"), Purpose::Beat, &"hello").expect("sealed");
        let sealed = Sealed::read(&bytes, LIMIT).expect("a message");
        assert!(sealed.fits(&key("a"), Purpose::Beat));
        assert_eq!(sealed.open::<String>().as_deref(), Ok("hello"));
        assert!(!sealed.fits(&key("b"), Purpose::Beat), "another key");
        assert!(!sealed.fits(&key("a"), Purpose::BeatAnswer), "an answer is no question");
        let forged = String::from_utf8(bytes).expect("text").replace("hello", "hallo");
        assert!(!Sealed::read(forged.as_bytes(), LIMIT).expect("a message").fits(&key("a"), Purpose::Beat));
    }

    #[test]
    fn what_is_no_message_is_not_read() {
        let long = format!("{{\"said\":\"{}\",\"seal\":\"{}\"}}", "x".repeat(LIMIT), "0".repeat(64));
        for text in ["", "{}", "{\"said\":\"x\",\"seal\":\"12\"}", "{\"said\":\"x\",\"seal\":\"é\"}", &long]
        {
            assert!(Sealed::read(text.as_bytes(), LIMIT).is_none(), "{text}");
        }
    }

    #[test]
    fn a_key_never_shows_in_a_message() {
        let secret = Secret::new("0123456789abcdef0123456789abcdef");
        let bytes = seal(&secret, Purpose::Beat, &"x").expect("sealed");
        assert!(!String::from_utf8(bytes).expect("text").contains(secret.expose()));
    }

    #[test]
    fn a_foreign_sentence_is_bounded_and_whole() {
        let cut = sentence(&"ä\u{1b}".repeat(1_000));
        assert!(cut.len() <= SENTENCE + 3 && cut.ends_with('…') && !cut.contains('\u{1b}'), "{cut}");
        assert_eq!(sentence("fine"), "fine");
    }
}
