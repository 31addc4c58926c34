//! The links in mails. Nothing is kept for them: a link carries the address, and a seal that only this installation can make
//! (HMAC-SHA-256, RFC 2104, its first half). What was sealed for one deed is worth nothing for the other.

use hmac::{Hmac, KeyInit, Mac};
use muster_config::secret::Secret;
use muster_core::time::{Span, Timestamp};
use muster_host::atomic::{self, Durability};
use muster_host::state::Layout;
use sha2::Sha256;

use super::address;

/// How long somebody has to confirm.
pub(super) const CONFIRMED_WITHIN: Span = Span::hours(24);

/// Longest query of a link that is looked at, in bytes.
const QUERY_LIMIT: usize = 1024;

/// Bytes of a seal, and of the key.
const SEAL: usize = 16;
const KEY: usize = 32;

/// What somebody says with a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// This address is mine.
    Confirm,
    /// No more mails.
    Leave,
}

impl Deed {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Confirm => b"muster subscribe confirm\0",
            Self::Leave => b"muster subscribe leave\0",
        }
    }
}

/// What a link says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// It is ours, and about this address.
    Good(String),
    /// It was ours.
    TooOld,
    /// It is not ours, or not whole.
    Nothing,
}

/// The query of a link for an address. Only a confirmation runs out.
pub(super) fn seal(key: &Secret, deed: Deed, address: &str, now: Timestamp) -> Option<String> {
    let until = match deed {
        Deed::Confirm => Some((now + CONFIRMED_WITHIN).seconds()),
        Deed::Leave => None,
    };
    let seal = mac(key, deed, address, until)?.finalize().into_bytes();
    let until = until.map(|until| format!("&e={until}")).unwrap_or_default();
    Some(format!("a={}{until}&t={}", hex(address.as_bytes()), hex(&seal[..SEAL])))
}

/// Reads the query of a link. Takes the same time for every wrong seal.
pub(super) fn read(key: &Secret, deed: Deed, query: &str, now: Timestamp) -> Said {
    let part = |name: &str| {
        let mut parts = query.split('&').filter_map(|part| part.split_once('='));
        parts.find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let whole = || {
        if query.len() > QUERY_LIMIT {
            return None;
        }
        let address = String::from_utf8(unhex(part("a")?)?).ok()?;
        let seal = unhex(part("t")?).filter(|seal| seal.len() == SEAL)?;
        let until = match deed {
            Deed::Confirm => Some(part("e")?.parse::<i64>().ok()?),
            Deed::Leave => None,
        };
        mac(key, deed, &address, until)?.verify_truncated_left(&seal).ok()?;
        // What was sealed was an address; the rules for one may have changed.
        Some((address::read(&address)?, until))
    };
    match whole() {
        None => Said::Nothing,
        Some((_, Some(until))) if now.seconds() >= until => Said::TooOld,
        Some((address, _)) => Said::Good(address),
    }
}

/// The key in force; made at the first use.
///
/// # Errors
/// Why there is none.
pub(super) fn key(layout: &Layout) -> Result<Secret, String> {
    let path = layout.root().join("subscribe.key");
    let unusable = |error: std::io::Error| format!("{} cannot be used: {error}", path.display());
    match std::fs::read_to_string(&path) {
        Ok(text) if text.trim().len() == 2 * KEY => return Ok(Secret::new(text.trim())),
        Ok(_) => tracing::warn!(path = %path.display(), "not a key; links that were mailed no longer work"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(unusable(error)),
    }
    let mut bytes = [0; KEY];
    getrandom::fill(&mut bytes).map_err(|_| "the kernel gave no randomness".to_owned())?;
    let key = hex(&bytes);
    atomic::write(&path, format!("{key}\n").as_bytes(), 0o600, Durability::Disk).map_err(unusable)?;
    Ok(Secret::new(key))
}

fn mac(key: &Secret, deed: Deed, address: &str, until: Option<i64>) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()).ok()?;
    mac.update(deed.label());
    if let Some(until) = until {
        mac.update(&until.to_be_bytes());
    }
    mac.update(address.as_bytes());
    Some(mac)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let byte =
        |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
    digits.chunks(2).map(byte).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_246_920);

    fn key_of(text: &str) -> Secret {
        Secret::new(text.repeat(64))
    }

    #[test]
    fn a_link_is_good_for_one_address_one_deed_and_one_installation() {
        let (ours, ann) = (key_of("a"), "ann@example.com");
        let confirm = seal(&ours, Deed::Confirm, ann, NOW).unwrap();
        let leave = seal(&ours, Deed::Leave, ann, NOW).unwrap();
        assert_eq!(read(&ours, Deed::Confirm, &confirm, NOW), Said::Good(ann.into()));
        assert_eq!(read(&ours, Deed::Leave, &leave, NOW), Said::Good(ann.into()));
        assert_eq!(read(&ours, Deed::Leave, &confirm, NOW), Said::Nothing);
        assert_eq!(read(&ours, Deed::Confirm, &leave, NOW), Said::Nothing);
        assert_eq!(read(&key_of("b"), Deed::Confirm, &confirm, NOW), Said::Nothing);
        let other = hex(b"bob@example.com");
        let forged = confirm.replacen(&hex(ann.as_bytes()), &other, 1);
        assert_eq!(read(&ours, Deed::Confirm, &forged, NOW), Said::Nothing);
        assert!(!confirm.contains(ours.expose()) && !confirm.contains("ann@"));
    }

    #[test]
    fn a_confirmation_runs_out_and_cannot_be_made_to_last_and_the_way_out_never_closes() {
        let key = key_of("a");
        let confirm = seal(&key, Deed::Confirm, "ann@example.com", NOW).unwrap();
        let end = NOW + CONFIRMED_WITHIN;
        assert_eq!(
            read(&key, Deed::Confirm, &confirm, end - Span::seconds(1)),
            Said::Good("ann@example.com".into())
        );
        assert_eq!(read(&key, Deed::Confirm, &confirm, end), Said::TooOld);
        let longer =
            confirm.replace(&end.seconds().to_string(), &(end + Span::days(9)).seconds().to_string());
        assert_eq!(read(&key, Deed::Confirm, &longer, NOW), Said::Nothing);
        let leave = seal(&key, Deed::Leave, "ann@example.com", NOW).unwrap();
        assert!(matches!(read(&key, Deed::Leave, &leave, NOW + Span::days(9_000)), Said::Good(_)));
    }

    #[test]
    fn what_is_no_link_is_nothing() {
        let key = key_of("a");
        let good = seal(&key, Deed::Leave, "ann@example.com", NOW).unwrap();
        for query in [
            "",
            "a=&t=",
            "a=zz&t=zz",
            "a=%00&t=%00",
            "t=00",
            &good[..good.len() - 2],
            &good.replace("t=", "t=é"),
            &format!("{good}00"),
            &format!("x={}&{good}", "x".repeat(QUERY_LIMIT)),
        ] {
            assert_eq!(read(&key, Deed::Leave, query, NOW), Said::Nothing, "{query}");
        }
        assert!(matches!(read(&key, Deed::Leave, &format!("{good}&utm=1"), NOW), Said::Good(_)));
    }

    #[test]
    fn the_key_is_made_once_and_is_the_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path());
        let made = key(&layout).unwrap();
        assert_eq!(key(&layout).unwrap().expose(), made.expose());
        let mode = std::fs::metadata(folder.path().join("subscribe.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(folder.path().join("subscribe.key"), "").unwrap();
        assert_ne!(key(&layout).unwrap().expose(), made.expose());
    }
}
